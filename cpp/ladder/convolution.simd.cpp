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

// Step 3: four planes of the result at once, row by row: each pixel that was loaded meets four
// weights, and the four rows of sums stay in the first cache until they are done.
void blocked(const ConvProblem& p) {
  pad(p);
  const std::int64_t width = p.width + 2, height = p.height + 2, plane = p.height * p.width;
  for (std::int64_t o = 0; o < p.out; o += 4) {
    for (std::int64_t y = 0; y < p.height; ++y) {
      float* sums = p.result + o * plane + y * p.width;
      float *s0 = sums, *s1 = s0 + plane, *s2 = s1 + plane, *s3 = s2 + plane;
      for (std::int64_t x = 0; x < p.width; ++x) s0[x] = s1[x] = s2[x] = s3[x] = 0.0f;
      for (std::int64_t c = 0; c < p.in; ++c) {
        const float* w = p.weights + (o * p.in + c) * 9;
        for (std::int64_t tap = 0; tap < 9; ++tap, ++w) {
          const float* from = p.padded + (c * height + y + tap / 3) * width + tap % 3;
          const float w0 = w[0], w1 = w[p.in * 9], w2 = w[2 * p.in * 9], w3 = w[3 * p.in * 9];
          for (std::int64_t x = 0; x < p.width; ++x) {
            s0[x] += w0 * from[x];
            s1[x] += w1 * from[x];
            s2[x] += w2 * from[x];
            s3[x] += w3 * from[x];
          }
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

// Step 4: all that a result needs now lies side by side; kCols results of a pixel at once.
void packed(const ConvProblem& p) {
  pack(p);
  const std::int64_t width = p.width + 2, plane = p.height * p.width;
  for (std::int64_t o0 = 0; o0 < p.out; o0 += kCols) {
    for (std::int64_t at = 0; at < plane; ++at) {
      const std::int64_t y = at / p.width, x = at % p.width;
      const float* w = p.packed_weights + o0 * 9 * p.in;
      float sums[kCols] = {};
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const float* from = p.padded + ((y + tap / 3) * width + x + tap % 3) * p.in;
        for (std::int64_t c = 0; c < p.in; ++c, w += kCols) {
          for (int o = 0; o < kCols; ++o) sums[o] += from[c] * w[o];
        }
      }
      for (int o = 0; o < kCols; ++o) p.result[(o0 + o) * plane + at] = sums[o];
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
