// Winograd's transforms, vectors of channels. See conv_f32.hpp.
#pragma once
#include "tinytorch/kernels/bf16_lanes.simd.hpp"
#include "tinytorch/kernels/conv_f32/conv_f32.hpp"
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {

inline constexpr std::int64_t kWidth = static_cast<std::int64_t>(W);

// The points are 0, +-kNear, +-kFar and infinity: their squares are 1/2 and 2.
inline constexpr float kNear = 0.70710678f, kFar = 1.41421356f;

// One line of B^T d: six values to six.
inline void input_line(const F32 (&d)[6], F32 (&out)[6]) {
  const F32 near = fma(d[2], F32(-2.0f), d[4]), near_odd = fma(d[1], F32(-2.0f), d[3]);
  const F32 far = fma(d[2], F32(-0.5f), d[4]), far_odd = fma(d[1], F32(-0.5f), d[3]);
  out[0] = fma(d[2], F32(-2.5f), d[0] + d[4]);
  out[1] = fma(near_odd, F32(kNear), near);
  out[2] = fma(near_odd, F32(-kNear), near);
  out[3] = fma(far_odd, F32(kFar), far);
  out[4] = fma(far_odd, F32(-kFar), far);
  out[5] = fma(d[3], F32(-2.5f), d[1] + d[5]);
}

// One line of A^T m: six values to four.
inline void output_line(const F32 (&m)[6], F32 (&out)[4]) {
  const F32 near = m[1] + m[2], near_odd = (m[1] - m[2]) * F32(kNear);
  const F32 far = m[3] + m[4], far_odd = (m[3] - m[4]) * F32(kFar);
  out[0] = (m[0] + near) + far;
  out[1] = near_odd + far_odd;
  out[2] = fma(near, F32(0.5f), far + far);
  out[3] = fma(near_odd, F32(0.5f), fma(far_odd, F32(2.0f), m[5]));
}

// put(i, j, (M d M^T)[i, j]) with d[i, j] = at(i, j) and M given by Line, From values to To: down
// the columns first, kept in the first cache, then along the rows.
template <int From, int To, class At, class Line, class Put>
[[gnu::always_inline]] inline void both_sides(const At& at, Line line, const Put& put) {
  alignas(64) float half[To * From * W];
  TT_UNROLL for (int j = 0; j < From; ++j) {
    F32 in[From], made[To];
    TT_UNROLL for (int i = 0; i < From; ++i) in[i] = at(i, j);
    line(in, made);
    TT_UNROLL for (int i = 0; i < To; ++i) made[i].store_aligned(half + (i * From + j) * kWidth);
  }
  TT_UNROLL for (int i = 0; i < To; ++i) {
    F32 in[From], made[To];
    TT_UNROLL for (int j = 0; j < From; ++j) {
      in[j] = F32::load_aligned(half + (i * From + j) * kWidth);
    }
    line(in, made);
    TT_UNROLL for (int j = 0; j < To; ++j) put(i, j, made[j]);
  }
}

template <class T, class U>
void winograd_input(const WinogradInput<T, U>& w) {
  const std::int64_t row = w.width * w.channels;
  const T* corner = w.image + w.top * row + w.left * w.channels;
  const bool inside = w.top >= 0 && w.left >= 0 && w.top + 6 <= w.height && w.left + 6 <= w.width;
  const auto within = [](std::int64_t at, std::int64_t size) { return at >= 0 && at < size; };
  for (std::int64_t c = 0; c < w.channels; c += kWidth) {
    const auto pixel = [&](int i, int j) { return load(corner + i * row + j * w.channels + c); };
    const auto put = [&](int i, int j, F32 v) { store(w.out + (6 * i + j) * w.step + c, v); };
    if (inside) {
      both_sides<6, 6>(pixel, input_line, put);
    } else {
      const auto part = [&](int i, int j) {
        const bool there = within(w.top + i, w.height) && within(w.left + j, w.width);
        return there ? pixel(i, j) : F32(0.0f);
      };
      both_sides<6, 6>(part, input_line, put);
    }
  }
}

struct Tile {
  F32 at[4][4];
};

// A^T m A of one vector of channels, + bias.
inline Tile transform_output(const float* sums, std::int64_t step, F32 bias) {
  Tile tile;
  both_sides<6, 4>([&](int i, int j) { return load(sums + (i * 6 + j) * step); }, output_line,
                   [&](int i, int j, F32 v) { tile.at[i][j] = v + bias; });
  return tile;
}

// One line of G g: three weights to six, and its transpose, six gradients to three.
inline void weights_line(const F32 (&g)[3], F32 (&out)[6]) {
  const F32 near = fma(g[2], F32(0.5f), g[0]) * F32(-2.0f / 3), near_odd = g[1] * F32(-kFar / 3);
  const F32 far = fma(g[2], F32(2.0f), g[0]) * F32(1.0f / 6), far_odd = g[1] * F32(kFar / 6);
  out[0] = g[0];
  out[1] = near + near_odd;
  out[2] = near - near_odd;
  out[3] = far + far_odd;
  out[4] = far - far_odd;
  out[5] = g[2];
}
inline void weights_grad_line(const F32 (&u)[6], F32 (&out)[3]) {
  const F32 near = (u[1] + u[2]) * F32(-1.0f / 3), far = (u[3] + u[4]) * F32(1.0f / 6);
  const F32 far_odd = (u[3] - u[4]) * F32(kFar / 6);
  out[0] = fma(near, F32(2.0f), far) + u[0];
  out[1] = fma(u[1] - u[2], F32(-kFar / 3), far_odd);
  out[2] = fma(far, F32(2.0f), near) + u[5];
}
// One line of A y: four gradients of results to six.
inline void output_grad_line(const F32 (&y)[4], F32 (&out)[6]) {
  const F32 near = fma(y[2], F32(0.5f), y[0]), near_odd = fma(y[3], F32(0.5f), y[1]);
  const F32 far = fma(y[2], F32(2.0f), y[0]), far_odd = fma(y[3], F32(2.0f), y[1]);
  out[0] = y[0];
  out[1] = fma(near_odd, F32(kNear), near);
  out[2] = fma(near_odd, F32(-kNear), near);
  out[3] = fma(far_odd, F32(kFar), far);
  out[4] = fma(far_odd, F32(-kFar), far);
  out[5] = y[3];
}

inline void winograd_weights(const WinogradWeights& w) {
  for (std::int64_t c = 0; c < w.count; c += kWidth) {
    both_sides<3, 6>([&](int i, int j) { return load(w.taps + (3 * i + j) * w.tap_step + c); },
                     weights_line,
                     [&](int i, int j, F32 v) { store(w.out + (6 * i + j) * w.step + c, v); });
  }
}

inline void winograd_weights_grad(const WinogradWeightsGrad& w) {
  for (std::int64_t c = 0; c < w.count; c += kWidth) {
    both_sides<6, 3>([&](int i, int j) { return load(w.sums + (6 * i + j) * w.step + c); },
                     weights_grad_line,
                     [&](int i, int j, F32 v) { store(w.taps + (3 * i + j) * w.tap_step + c, v); });
  }
}

template <class T, class U>
void winograd_output_grad(const WinogradOutputGrad<T, U>& w) {
  const bool whole = w.rows == 4 && w.cols == 4;
  for (std::int64_t c = 0; c < w.channels; c += kWidth) {
    const auto value = [&](int i, int j) { return load(w.grad + i * w.row + j * w.channels + c); };
    const auto put = [&](int i, int j, F32 v) { store(w.out + (6 * i + j) * w.step + c, v); };
    if (whole) {
      both_sides<4, 6>(value, output_grad_line, put);
    } else {
      const auto part = [&](int i, int j) {
        return i < w.rows && j < w.cols ? value(i, j) : F32(0.0f);
      };
      both_sides<4, 6>(part, output_grad_line, put);
    }
  }
}

}  // namespace tt::kernels::TT_ISA
