// All kernel families of one instruction set. A family is named here, in its folder, and in one
// tt_simd_kernel line of CMakeLists.txt.
#pragma once
#include "tinytorch/kernels/batch_norm/batch_norm.hpp"
#include "tinytorch/kernels/binary/binary.hpp"
#include "tinytorch/kernels/conv_bf16/conv_bf16.hpp"
#include "tinytorch/kernels/conv_f32/conv_f32.hpp"
#include "tinytorch/kernels/conv_s8/conv_s8.hpp"
#include "tinytorch/kernels/gemm_bf16/gemm_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/gemm_s4/gemm_s4.hpp"
#include "tinytorch/kernels/gemm_s8/gemm_s8.hpp"
#include "tinytorch/kernels/gemm_tiles/gemm_tiles.hpp"
#include "tinytorch/kernels/half/half.hpp"
#include "tinytorch/kernels/norm/norm.hpp"
#include "tinytorch/kernels/optim/optim.hpp"
#include "tinytorch/kernels/peak/peak.hpp"
#include "tinytorch/kernels/pool/halve.hpp"
#include "tinytorch/kernels/reduce/reduce.hpp"
#include "tinytorch/kernels/softmax/softmax.hpp"
#include "tinytorch/kernels/unary/unary.hpp"

namespace tt::kernels {

struct Table {
  UnaryTable unary;
  BinaryTable binary;
  ReduceTable reduce;
  SoftmaxTable softmax;
  NormTable norm;
  BatchNormTable batch_norm;
  GemmTable gemm_f32;
  GemmTilesTable gemm_tiles;
  GemmBf16Table gemm_bf16;
  HalfTable half;
  OptimTable optim;
  PeakTable peak;
  PoolTable pool;
  GemmS4Table gemm_s4;
  GemmS8Table gemm_s8;
  ConvBf16Table conv_bf16;
  ConvF32Table conv_f32;
  ConvS8Table conv_s8;
};

}  // namespace tt::kernels
