// How often each family of kernels was put to work. Tells arithmetic done here from arithmetic done
// elsewhere. A call counts once, however many rows or threads it has.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace tt::kernels {

#define TT_FAMILIES(X) \
  X(unary)             \
  X(binary)            \
  X(reduce)            \
  X(softmax)           \
  X(norm)              \
  X(gemm)              \
  X(gemm_bf16)         \
  X(gemm_s4)           \
  X(gemm_s8)           \
  X(sparse)            \
  X(pool)              \
  X(rows)              \
  X(optim)

enum class Family : std::uint8_t {
#define TT_NAME(name) name,
  TT_FAMILIES(TT_NAME)
#undef TT_NAME
};

void count_call(Family family);
std::vector<std::pair<const char*, std::uint64_t>> call_counts();  // since the process started

}  // namespace tt::kernels
