// Elementwise functions of one float array.
//   forward[f](x, y, n, a):        y[i] = f(x[i]; a)
//   backward[f](dy, s, dx, n, a):  dx[i] = dy[i] * f'(.)[i], from s = x or s = y as unary.def says
//   *_streamed:                    the same values for large results (streaming.hpp)
// y may be x, and dx may be dy or s; otherwise no overlap. Any alignment. Single-threaded.
#pragma once
#include <cstddef>

namespace tt::kernels {

enum class Unary {
#define TT_UNARY(name, saved, parameter, doc) name,
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
  count
};
inline constexpr int kUnaryCount = static_cast<int>(Unary::count);

using UnaryFn = void (*)(const float* x, float* y, std::size_t n, float a);
using UnaryGradFn = void (*)(const float* dy, const float* saved, float* dx, std::size_t n,
                             float a);

struct UnaryTable {
  UnaryFn forward[kUnaryCount], forward_streamed[kUnaryCount];
  UnaryGradFn backward[kUnaryCount], backward_streamed[kUnaryCount];
};

}  // namespace tt::kernels
