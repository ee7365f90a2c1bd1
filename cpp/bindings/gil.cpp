#include "gil.hpp"

#include <cxxabi.h>
#include <unistd.h>

namespace tt::bindings {
namespace {

template <class Fn>
auto or_stop(Fn&& fn) -> decltype(fn()) {
  try {
    return fn();
  } catch (const abi::__forced_unwind&) {
    for (;;) pause();  // the interpreter is gone, and this thread with it
  }
}

}  // namespace

ReleaseGil::~ReleaseGil() {
  if (state_ == nullptr) return;
  or_stop([this] { PyEval_RestoreThread(state_); });
}

AcquireGil::AcquireGil() : state_(or_stop([] { return PyGILState_Ensure(); })) {}

}  // namespace tt::bindings
