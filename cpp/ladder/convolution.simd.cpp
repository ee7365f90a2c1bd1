#include "convolution.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using ladder::ConvProblem;

// Step 1, the definition, with a question for every single product: is this inside the image?
void naive(const ConvProblem& p) {
  for (std::int64_t o = 0; o < p.out; ++o) {
    for (std::int64_t y = 0; y < p.height; ++y) {
      for (std::int64_t x = 0; x < p.width; ++x) {
        float sum = 0.0f;
        for (std::int64_t c = 0; c < p.in; ++c) {
          for (std::int64_t u = 0; u < 3; ++u) {
            for (std::int64_t v = 0; v < 3; ++v) {
              const std::int64_t row = y + u - 1, column = x + v - 1;
              if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
              sum += p.image[(c * p.height + row) * p.width + column] *
                     p.weights[((o * p.in + c) * 3 + u) * 3 + v];
            }
          }
        }
        p.result[(o * p.height + y) * p.width + x] = sum;
      }
    }
  }
}

// The image with its border of zeros written down: [in][height + 2][width + 2].
void pad(const ConvProblem& p) {
  const std::int64_t width = p.width + 2, height = p.height + 2;
  for (std::int64_t i = 0; i < p.in * height * width; ++i) p.padded[i] = 0.0f;
  for (std::int64_t c = 0; c < p.in; ++c) {
    for (std::int64_t y = 0; y < p.height; ++y) {
      for (std::int64_t x = 0; x < p.width; ++x) {
        p.padded[(c * height + y + 1) * width + x + 1] = p.image[(c * p.height + y) * p.width + x];
      }
    }
  }
}

// Step 2: the border is there, so that no question is left, and the innermost loop goes along a
// row of the image: one weight times many pixels, which the compiler does with vectors.
void reordered(const ConvProblem& p) {
  pad(p);
  const std::int64_t width = p.width + 2, height = p.height + 2;
  for (std::int64_t i = 0; i < p.out * p.height * p.width; ++i) p.result[i] = 0.0f;
  for (std::int64_t o = 0; o < p.out; ++o) {
    for (std::int64_t c = 0; c < p.in; ++c) {
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const float w = p.weights[(o * p.in + c) * 9 + tap];
        for (std::int64_t y = 0; y < p.height; ++y) {
          const float* from = p.padded + (c * height + y + tap / 3) * width + tap % 3;
          float* to = p.result + (o * p.height + y) * p.width;
          for (std::int64_t x = 0; x < p.width; ++x) to[x] += w * from[x];
        }
      }
    }
  }
}

// Step 3: all nine weights of a pair of channels at once. A sum is loaded and stored once for nine
// products, and a row's sums stay in the first cache until all channels went in.
void blocked(const ConvProblem& p) {
  pad(p);
  const std::int64_t width = p.width + 2, height = p.height + 2;
  for (std::int64_t i = 0; i < p.out * p.height * p.width; ++i) p.result[i] = 0.0f;
  for (std::int64_t o = 0; o < p.out; ++o) {
    for (std::int64_t y = 0; y < p.height; ++y) {
      float* to = p.result + (o * p.height + y) * p.width;
      for (std::int64_t c = 0; c < p.in; ++c) {
        const float* w = p.weights + (o * p.in + c) * 9;
        const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5];
        const float w6 = w[6], w7 = w[7], w8 = w[8];
        const float *up = p.padded + (c * height + y) * width, *at = up + width, *down = at + width;
        for (std::int64_t x = 0; x < p.width; ++x) {
          to[x] += w0 * up[x] + w1 * up[x + 1] + w2 * up[x + 2] + w3 * at[x] + w4 * at[x + 1] +
                   w5 * at[x + 2] + w6 * down[x] + w7 * down[x + 1] + w8 * down[x + 2];
        }
      }
    }
  }
}

// A vector now holds channels of the result instead of pixels. Channels come last in the padded
// image: [height + 2][width + 2][in]; weights in panels of kCols results: [3][3][in][kCols].
constexpr int kCols = 2 * static_cast<int>(W);

void pack(const ConvProblem& p) {
  const std::int64_t width = p.width + 2, height = p.height + 2;
  for (std::int64_t i = 0; i < p.in * height * width; ++i) p.padded[i] = 0.0f;
  for (std::int64_t y = 0; y < p.height; ++y) {
    for (std::int64_t x = 0; x < p.width; ++x) {
      float* to = p.padded + ((y + 1) * width + x + 1) * p.in;
      for (std::int64_t c = 0; c < p.in; ++c) to[c] = p.image[(c * p.height + y) * p.width + x];
    }
  }
  float* to = p.packed_weights;
  for (std::int64_t o0 = 0; o0 < p.out; o0 += kCols) {
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      for (std::int64_t c = 0; c < p.in; ++c) {
        for (int o = 0; o < kCols; ++o) *to++ = p.weights[((o0 + o) * p.in + c) * 9 + tap];
      }
    }
  }
}

// Step 4: all that a result needs now lies side by side; kCols results of four pixels at once.
void packed(const ConvProblem& p) {
  pack(p);
  const std::int64_t width = p.width + 2, plane = p.height * p.width;
  for (std::int64_t o0 = 0; o0 < p.out; o0 += kCols) {
    for (std::int64_t at = 0; at < plane; at += 4) {
      const std::int64_t y = at / p.width, x = at % p.width;
      const float* w = p.packed_weights + o0 * 9 * p.in;
      float sums[4][kCols] = {};
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const float* from = p.padded + ((y + tap / 3) * width + x + tap % 3) * p.in;
        for (std::int64_t c = 0; c < p.in; ++c, ++from, w += kCols) {
          for (int o = 0; o < kCols; ++o) {
            sums[0][o] += from[0] * w[o];
            sums[1][o] += from[p.in] * w[o];
            sums[2][o] += from[2 * p.in] * w[o];
            sums[3][o] += from[3 * p.in] * w[o];
          }
        }
      }
      for (int i = 0; i < 4; ++i) {
        for (int o = 0; o < kCols; ++o) p.result[(o0 + o) * plane + at + i] = sums[i][o];
      }
    }
  }
}

// Step 5: the tile of the matrix product, kPixels pixels x kCols channels in registers.
#if defined(__AVX512F__)
constexpr int kPixels = 12;
#elif defined(__AVX2__)
constexpr int kPixels = 6;
#else
constexpr int kPixels = 4;
#endif

inline void convolve_tile(const ConvProblem& p, std::int64_t o0, std::int64_t y, std::int64_t x) {
  const std::int64_t width = p.width + 2, plane = p.height * p.width;
  F32 sums[kPixels][2];
  TT_UNROLL for (int i = 0; i < kPixels; ++i) sums[i][0] = sums[i][1] = F32(0.0f);
  const float* w = p.packed_weights + o0 * 9 * p.in;
  for (std::int64_t tap = 0; tap < 9; ++tap) {
    const float* from = p.padded + ((y + tap / 3) * width + x + tap % 3) * p.in;
    for (std::int64_t c = 0; c < p.in; ++c, w += kCols) {
      const F32 w0 = load(w), w1 = load(w + W);
      TT_UNROLL for (int i = 0; i < kPixels; ++i) {
        const F32 pixel(from[i * p.in + c]);
        sums[i][0] = fma(pixel, w0, sums[i][0]);
        sums[i][1] = fma(pixel, w1, sums[i][1]);
      }
    }
  }
  float* to = p.result + o0 * plane + y * p.width + x;
  TT_UNROLL for (int i = 0; i < kPixels; ++i) {
    float made[kCols];
    store(made, sums[i][0]);
    store(made + W, sums[i][1]);
    for (int o = 0; o < kCols; ++o) to[o * plane + i] = made[o];
  }
}

void convolve_rows(const ConvProblem& p, std::int64_t first, std::int64_t last) {
  for (std::int64_t o = 0; o < p.out; o += kCols) {
    for (std::int64_t y = first; y < last; ++y) {
      for (std::int64_t x = 0; x < p.width; x += kPixels) convolve_tile(p, o, y, x);
    }
  }
}
void vectorised(const ConvProblem& p) {
  pack(p);
  convolve_rows(p, 0, p.height);
}

// Step 6: every thread takes rows of the result.
void threaded(const ConvProblem& p) {
  pack(p);
  parallel_for(p.height, 4,
               [&](std::int64_t first, std::int64_t last) { convolve_rows(p, first, last); });
}

}  // namespace

void fill_ladder_convolution(ladder::ConvSteps& s) {
  s = {naive, reordered, blocked, packed, vectorised, threaded};
}

}  // namespace tt::kernels::TT_ISA
