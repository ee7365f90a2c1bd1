// Ctrl-C inside long native work. The bindings install a check that runs Python's pending signal
// handlers; it is polled at most every 50 ms, on the thread that called into the engine.
#pragma once

namespace tt {

using InterruptCheck = bool (*)();  // true: stop. Must be callable without the GIL held.

void set_interrupt_check(InterruptCheck check);

bool interrupt_pending();     // cheap; polls at most every 50 ms
void throw_if_interrupted();  // throws Interrupted

// The same between the steps of work that may itself be a piece of a parallel loop, on any thread.
void stop_if_interrupted();

// While one lives, nothing that this thread asks for is interrupted: for changes in place, which
// must happen wholly or not at all. Ctrl-C is acted on afterwards.
class Uninterrupted {
 public:
  Uninterrupted();
  ~Uninterrupted();
  Uninterrupted(const Uninterrupted&) = delete;
  Uninterrupted& operator=(const Uninterrupted&) = delete;
};

}  // namespace tt
