// The ladder of the float matrix product: C = A B, all n x n and row-major. Read gemm.simd.cpp from
// top to bottom; docs/ladder/gemm.md tells the story.
#pragma once
#include <cstdint>

namespace tt::ladder {

struct GemmProblem {
  std::int64_t n;  // a multiple of kGemmMultiple: no step here has code for leftovers
  const float *a, *b;
  float* c;
  float* scratch;  // 2 n n values, for packed copies
};
inline constexpr std::int64_t kGemmMultiple = 96;

struct GemmSteps {
  void (*naive)(const GemmProblem&);
  void (*reordered)(const GemmProblem&);
  void (*blocked)(const GemmProblem&);
  void (*packed)(const GemmProblem&);
  void (*vectorised)(const GemmProblem&);
  void (*threaded)(const GemmProblem&);
};

}  // namespace tt::ladder
