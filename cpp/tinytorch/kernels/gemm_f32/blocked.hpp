// The middle stage of the float matrix product: cache blocking, packing, threads.
#pragma once
#include "tinytorch/kernels/gemm_f32/gemm.hpp"

namespace tt::kernels {

void gemm_blocked(const Gemm& g, const GemmTable& kernels);  // m, n, k >= 1

// gemm with the kernels of a given instruction set, for tests and benches.
void gemm_with(const Gemm& g, const GemmTable& kernels);

}  // namespace tt::kernels
