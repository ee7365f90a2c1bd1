#include "tinytorch/ops/rotary.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"

namespace tt::ops {
namespace {

constexpr index_t kChunkValues = 1 << 14;  // worth a thread's attention

template <class T>
void turn(const T* __restrict x, const T* __restrict cos, const T* __restrict sin, T sign,
          index_t half, T* __restrict y) {
  for (index_t i = 0; i < half; ++i) {
    const T a = x[i], b = x[i + half], s = sign * sin[i];
    y[i] = a * cos[i] - b * s;
    y[i + half] = b * cos[i] + a * s;
  }
}

template <class T>
void turn_rows(const Array& x, const Array& cos, const Array& sin, index_t turned, T sign,
               const Array& y) {
  const int nd = x.ndim();
  const index_t length = x.shape(nd - 2), width = x.shape(nd - 1), half = cos.shape(1);
  const T *from = x.data<T>(), *c = cos.data<T>(), *s = sin.data<T>();
  T* to = y.data<T>();
  const index_t grain = std::max<index_t>(1, kChunkValues / width);
  parallel_for(x.size() / width, grain, [&](index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) {
      const T* in = from + row * width;
      T* out = to + row * width;
      const index_t at = row % length * half;
      for (index_t h = 0; h < turned; ++h) {
        turn(in + 2 * h * half, c + at, s + at, sign, half, out + 2 * h * half);
      }
      std::copy(in + 2 * turned * half, in + width, out + 2 * turned * half);
    }
  });
}

}  // namespace

Array rotary(const Array& x, const Array& cos, const Array& sin, index_t turned, bool backwards) {
  const Array in = x.contiguous();
  const Array y = Array::empty(x.shape(), x.dtype());
  if (x.size() == 0) return y;
  if (x.dtype() == DType::f64) {
    turn_rows<double>(in, cos, sin, turned, backwards ? -1.0 : 1.0, y);
  } else {
    turn_rows<float>(in, cos, sin, turned, backwards ? -1.0f : 1.0f, y);
  }
  return y;
}

}  // namespace tt::ops
