// The table of function pointers: one per instruction set, each filled from baseline upwards.
#pragma once
#include "tinytorch/base/cpu.hpp"
#include "tinytorch/kernels/table.hpp"

namespace tt::kernels {

const Table& active();        // for active_isa(); made once
const Table& table(Isa isa);  // for tests and benches; StateError where this machine lacks `isa`

}  // namespace tt::kernels
