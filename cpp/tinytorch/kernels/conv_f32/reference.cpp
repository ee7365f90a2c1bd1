#include "tinytorch/kernels/conv_f32/reference.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tt::kernels::reference {
namespace {

// The matrices of F(4, 3) for the points 0, 1/r, -1/r, r, -r with r = sqrt(2), and infinity.
constexpr double kRoot = 1.4142135623730951;
constexpr double kInput[6][6] = {{1, 0, -2.5, 0, 1, 0},
                                 {0, -kRoot, -2, kRoot / 2, 1, 0},
                                 {0, kRoot, -2, -kRoot / 2, 1, 0},
                                 {0, -kRoot / 2, -0.5, kRoot, 1, 0},
                                 {0, kRoot / 2, -0.5, -kRoot, 1, 0},
                                 {0, 1, 0, -2.5, 0, 1}};
constexpr double kWeights[6][3] = {{1, 0, 0},
                                   {-2.0 / 3, -kRoot / 3, -1.0 / 3},
                                   {-2.0 / 3, kRoot / 3, -1.0 / 3},
                                   {1.0 / 6, kRoot / 6, 1.0 / 3},
                                   {1.0 / 6, -kRoot / 6, 1.0 / 3},
                                   {0, 0, 1}};
constexpr double kOutput[4][6] = {{1, 1, 1, 1, 1, 0},
                                  {0, kRoot / 2, -kRoot / 2, kRoot, -kRoot, 0},
                                  {0, 0.5, 0.5, 2, 2, 0},
                                  {0, kRoot / 4, -kRoot / 4, 2 * kRoot, -2 * kRoot, 1}};

// out[Rows][Rows] = M d M^T
template <int Rows, int Cols>
void both_sides(const double (&m)[Rows][Cols], const double (&d)[Cols][Cols],
                double (&out)[Rows][Rows]) {
  for (int i = 0; i < Rows; ++i) {
    for (int j = 0; j < Rows; ++j) {
      out[i][j] = 0;
      for (int a = 0; a < Cols; ++a) {
        for (int b = 0; b < Cols; ++b) out[i][j] += m[i][a] * d[a][b] * m[j][b];
      }
    }
  }
}

// out[Cols][Cols] = M^T d M
template <int Rows, int Cols>
void both_sides_back(const double (&m)[Rows][Cols], const double (&d)[Rows][Rows],
                     double (&out)[Cols][Cols]) {
  double turned[Cols][Rows];
  for (int i = 0; i < Rows * Cols; ++i) turned[i % Cols][i / Cols] = m[i / Cols][i % Cols];
  both_sides(turned, d, out);
}

float larger(float a, float b) { return std::isnan(a) || a > b ? a : b; }
float finished(float v, bool relu) { return relu && v < 0.0f ? 0.0f : v; }

}  // namespace

void winograd_weights(const WinogradWeights& w) {
  for (std::int64_t c = 0; c < w.count; ++c) {
    double taps[3][3], result[6][6];
    for (int i = 0; i < 9; ++i) {
      taps[i / 3][i % 3] = static_cast<double>(w.taps[i * w.tap_step + c]);
    }
    both_sides(kWeights, taps, result);
    for (int p = 0; p < 36; ++p) w.out[p * w.step + c] = static_cast<float>(result[p / 6][p % 6]);
  }
}

void winograd_output_grad(const WinogradOutputGrad<float, float>& w) {
  for (std::int64_t c = 0; c < w.channels; ++c) {
    double y[4][4], out[6][6];
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) {
        const bool there = i < w.rows && j < w.cols;
        y[i][j] = there ? static_cast<double>(w.grad[i * w.row + j * w.channels + c]) : 0.0;
      }
    }
    both_sides_back(kOutput, y, out);
    for (int p = 0; p < 36; ++p) w.out[p * w.step + c] = static_cast<float>(out[p / 6][p % 6]);
  }
}

void winograd_weights_grad(const WinogradWeightsGrad& w) {
  for (std::int64_t c = 0; c < w.count; ++c) {
    double sums[6][6], out[3][3];
    for (int p = 0; p < 36; ++p) sums[p / 6][p % 6] = static_cast<double>(w.sums[p * w.step + c]);
    both_sides_back(kWeights, sums, out);
    for (int t = 0; t < 9; ++t) w.taps[t * w.tap_step + c] = static_cast<float>(out[t / 3][t % 3]);
  }
}

void winograd_input(const WinogradInput<float, float>& w) {
  for (std::int64_t c = 0; c < w.channels; ++c) {
    double d[6][6], out[6][6];
    for (int i = 0; i < 6; ++i) {
      for (int j = 0; j < 6; ++j) {
        const std::int64_t y = w.top + i, x = w.left + j;
        const bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
        d[i][j] = inside ? static_cast<double>(w.image[(y * w.width + x) * w.channels + c]) : 0.0;
      }
    }
    both_sides(kInput, d, out);
    for (int p = 0; p < 36; ++p) w.out[p * w.step + c] = static_cast<float>(out[p / 6][p % 6]);
  }
}

void winograd_output(const WinogradOutput<float>& w) {
  for (std::int64_t c = 0; c < w.channels; ++c) {
    double m[6][6], result[4][4];
    float tile[4][4];
    for (int p = 0; p < 36; ++p) m[p / 6][p % 6] = static_cast<double>(w.sums[p * w.step + c]);
    both_sides(kOutput, m, result);
    for (int i = 0; i < w.rows; ++i) {
      for (int j = 0; j < w.cols; ++j) {
        float v = static_cast<float>(result[i][j]) + w.bias[c];
        if (w.residual != nullptr) v += w.residual[i * w.residual_row + j * w.channels + c];
        tile[i][j] = finished(v, w.relu);
        if (!w.pool) w.out[i * w.out_row + j * w.channels + c] = tile[i][j];
      }
    }
    if (!w.pool) continue;
    for (int i = 0; i < w.rows; i += 2) {
      for (int j = 0; j < w.cols; j += 2) {
        w.out[i / 2 * w.out_row + j / 2 * w.channels + c] =
            larger(larger(tile[i][j], tile[i][j + 1]), larger(tile[i + 1][j], tile[i + 1][j + 1]));
      }
    }
  }
}

void finish(const FinishRows& f) {
  for (std::int64_t i = 0; i < f.count; ++i) {
    f.out[i] = finished(f.residual != nullptr ? f.in[i] + f.residual[i] : f.in[i], f.relu);
  }
}

void finish_pooled(const FinishPooled& f) {
  for (std::int64_t i = 0; i < f.width / 2 * f.channels; ++i) {
    const std::int64_t first = i / f.channels * 2 * f.channels + i % f.channels;
    float most = 0.0f;
    for (int k = 0; k < 4; ++k) {
      const std::int64_t row = k / 2, at = first + k % 2 * f.channels;
      float v = f.in[row * f.in_row + at];
      if (f.residual != nullptr) v += f.residual[row * f.residual_row + at];
      most = k == 0 ? v : larger(most, v);
      if (std::isnan(v)) most = v;
    }
    f.out[i] = finished(most, f.relu);
  }
}

void max_window(const MaxWindow& m) {
  for (std::int64_t c = 0; c < m.channels; ++c) {
    float most = m.in[c];
    for (int i = 0; i < m.rows; ++i) {
      for (int j = 0; j < m.cols; ++j) {
        const float v = m.in[i * m.in_row + j * m.channels + c];
        if (v > most || std::isnan(v)) most = v;
      }
    }
    m.out[c] = most;
  }
}

void average(const float* in, std::int64_t pixels, std::int64_t channels, float scale, float* out) {
  for (std::int64_t c = 0; c < channels; ++c) {
    float sum = 0.0f;
    for (std::int64_t p = 0; p < pixels; ++p) sum += in[p * channels + c];
    out[c] = sum * scale;
  }
}

void depthwise_row(const DepthwiseRow& d) {
  for (std::int64_t i = 0; i < d.count * d.channels; ++i) {
    const std::int64_t c = i % d.channels, left = d.left + i / d.channels * d.stride;
    double sum = static_cast<double>(d.bias[c]);
    for (std::int64_t k = 0; k < d.kernel_h * d.kernel_w; ++k) {
      const std::int64_t y = d.top + k / d.kernel_w * d.dilation_h;
      const std::int64_t x = left + k % d.kernel_w * d.dilation_w;
      if (y < 0 || y >= d.height || x < 0 || x >= d.width) continue;
      sum += static_cast<double>(d.image[(y * d.width + x) * d.channels + c]) *
             static_cast<double>(d.weights[k * d.channels + c]);
    }
    d.out[i] = static_cast<float>(sum);
  }
}

namespace {

// fn(result, tap, place in the image) for all taps that lie inside.
template <class Fn>
void each_tap(const DepthwiseLine& d, Fn fn) {
  for (std::int64_t i = 0; i < d.channels * d.count * d.kernel_w; ++i) {
    const std::int64_t c = i % d.channels, n = i / d.channels % d.count;
    const std::int64_t j = i / d.channels / d.count;
    const std::int64_t x = d.left + n * d.stride + j * d.dilation;
    if (x >= 0 && x < d.width) fn(n * d.channels + c, j * d.channels + c, x * d.channels + c);
  }
}

// to[i] += sums[i], rounded once.
void add_sums(const std::vector<double>& sums, float* to) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    to[i] = static_cast<float>(static_cast<double>(to[i]) + sums[i]);
  }
}

}  // namespace

void depthwise_image_grad(const DepthwiseLine& d, const float* results, const float* taps,
                          float* image) {
  std::vector<double> sums(static_cast<std::size_t>(d.width * d.channels));
  each_tap(d, [&](std::int64_t result, std::int64_t tap, std::int64_t at) {
    sums[static_cast<std::size_t>(at)] +=
        static_cast<double>(results[result]) * static_cast<double>(taps[tap]);
  });
  add_sums(sums, image);
}

void depthwise_taps_grad(const DepthwiseLine& d, const float* results, const float* image,
                         float* taps) {
  std::vector<double> sums(static_cast<std::size_t>(d.kernel_w * d.channels));
  each_tap(d, [&](std::int64_t result, std::int64_t tap, std::int64_t at) {
    sums[static_cast<std::size_t>(tap)] +=
        static_cast<double>(results[result]) * static_cast<double>(image[at]);
  });
  add_sums(sums, taps);
}

}  // namespace tt::kernels::reference
