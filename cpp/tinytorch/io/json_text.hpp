// The JSON grammar that a safetensors header needs, read strictly (RFC 8259) and without recursion:
// strings, unsigned integers, and objects and arrays driven by the caller, who decides what may
// nest. Nothing is allocated but the strings that are kept.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tinytorch/base/error.hpp"

namespace tt::io {

// Text as a message may show it: at most `limit` bytes, quoted, anything unprintable escaped.
std::string quoted(std::string_view text, std::size_t limit = 60);

// `text` as a JSON string with its quotes; FormatError unless it is valid UTF-8.
std::string to_json_string(std::string_view text);

bool is_utf8(std::string_view text);  // as Unicode defines it: no overlong forms, no surrogates

class JsonCursor {
 public:
  // `what` begins every message: "safetensors header of 'x'".
  JsonCursor(std::string_view text, std::string what) : text_(text), what_(std::move(what)) {}

  std::string string();          // UTF-8, escapes resolved
  std::uint64_t unsigned_int();  // no sign, fraction, exponent or leading zero; fits 64 bits
  void end();                    // only white space may remain

  // { key : value, ... }: on_key(key) must read the value. Duplicates are the caller's business.
  template <class OnKey>
  void object(OnKey&& on_key) {
    expect('{');
    if (accept('}')) return;
    do {
      std::string key = string();
      expect(':');
      on_key(std::move(key));
    } while (accept(','));
    expect('}');
  }

  // [ value, ... ]: on_value() must read one value.
  template <class OnValue>
  void array(OnValue&& on_value) {
    expect('[');
    if (accept(']')) return;
    do {
      on_value();
    } while (accept(','));
    expect(']');
  }

  template <class... Args>
  [[noreturn]] void refuse(const Args&... args) const {
    fail<FormatError>(what_, ": ", args..., " (at byte ", at_, " of the header)");
  }

 private:
  void skip_space();
  bool accept(char c);
  void expect(char c);
  std::uint32_t hex4();
  void escape(std::string& out);
  void utf8_sequence(std::string& out);

  std::string_view text_;
  std::string what_;
  std::size_t at_ = 0;
};

}  // namespace tt::io
