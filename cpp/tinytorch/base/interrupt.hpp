// Ctrl-C inside long native work. The bindings install a check that runs Python's pending signal
// handlers; it is polled at most every 50 ms, on the thread that called into the engine.
#pragma once

namespace tt {

using InterruptCheck = bool (*)();  // true: stop. Must be callable without the GIL held.

void set_interrupt_check(InterruptCheck check);

bool interrupt_pending();    // cheap; polls at most every 50 ms
void throw_if_interrupted();  // throws Interrupted

}  // namespace tt
