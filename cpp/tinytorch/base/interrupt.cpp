#include "tinytorch/base/interrupt.hpp"

#include <atomic>
#include <chrono>

#include "tinytorch/base/error.hpp"

namespace tt {
namespace {
std::atomic<InterruptCheck> g_check{nullptr};
thread_local int t_uninterrupted = 0;

bool due() {
  using clock = std::chrono::steady_clock;
  thread_local clock::time_point next = clock::now();
  const auto now = clock::now();
  if (now < next) return false;
  next = now + std::chrono::milliseconds(50);
  return true;
}
}  // namespace

void set_interrupt_check(InterruptCheck check) { g_check.store(check); }

bool interrupt_pending() {
  const InterruptCheck check = g_check.load(std::memory_order_relaxed);
  return check != nullptr && t_uninterrupted == 0 && due() && check();
}

void throw_if_interrupted() {
  if (interrupt_pending()) throw Interrupted();
}

Uninterrupted::Uninterrupted() { ++t_uninterrupted; }
Uninterrupted::~Uninterrupted() { --t_uninterrupted; }

}  // namespace tt
