// Exception types of the engine. Each maps to one Python exception (bindings/errors.cpp):
//   ShapeError, ValueError, FormatError -> ValueError     DTypeError, TypeError -> TypeError
//   IndexError -> IndexError   IoError -> OSError   SchemaError -> AssertionError
//   StateError -> RuntimeError   Interrupted -> KeyboardInterrupt   OutOfMemory -> MemoryError
// A message says what was given, what is allowed, and what to try.
#pragma once
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

namespace tt {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct ValueError : Error {
  using Error::Error;
};
struct ShapeError : ValueError {
  using ValueError::ValueError;
};
struct FormatError : ValueError {
  using ValueError::ValueError;
};
struct TypeError : Error {
  using Error::Error;
};
struct DTypeError : TypeError {
  using TypeError::TypeError;
};
struct IndexError : Error {
  using Error::Error;
};
struct StateError : Error {
  using Error::Error;
};
struct SchemaError : Error {
  using Error::Error;
};
struct Interrupted : Error {
  Interrupted() : Error("interrupted") {}
};

// An operating-system failure; `code` is errno, so that Python picks FileNotFoundError and friends.
struct IoError : Error {
  IoError(int error_code, std::string file, const std::string& doing, const std::string& why)
      : Error("cannot " + doing + " '" + file + "': " + why),
        code(error_code),
        path(std::move(file)),
        reason("cannot " + doing + ": " + why) {}
  int code;
  std::string path;
  std::string reason;  // what() without the path, which Python shows after it
};

// Memory that cannot be had; MemoryError in Python.
struct OutOfMemory : std::bad_alloc {
  explicit OutOfMemory(const std::string& message) : text(message) {}
  const char* what() const noexcept override { return text.what(); }
  std::runtime_error text;  // unlike a string, copied without throwing
};

// Text made of its arguments, as by `<<`.
template <class... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

// Throws E with the concatenated message. Out of line in practice: keeps hot callers small.
template <class E, class... Args>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Args&... args) {
  throw E(concat(args...));
}

}  // namespace tt
