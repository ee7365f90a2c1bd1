// The ladders' kernels for an instruction set, as kernels/dispatch.hpp has the engine's.
#pragma once
#include "attention.hpp"
#include "convolution.hpp"
#include "gemm.hpp"
#include "int8.hpp"
#include "tinytorch/base/cpu.hpp"

namespace tt::ladder {

struct Steps {
  GemmSteps gemm;
  ConvSteps convolution;
  Int8Steps int8;
  AttentionSteps attention;
};

Steps steps(Isa limit);  // the best that this machine has, up to `limit`

}  // namespace tt::ladder
