// Compiled once per instruction set. See conv_f32.hpp for what the functions compute.
#include "tinytorch/kernels/conv_f32/winograd.simd.hpp"

namespace tt::kernels::TT_ISA {
namespace {

// The larger; NaN wins.
inline F32 larger(F32 a, F32 b) { return select(is_nan(a), a, at_least(b, a)); }

template <class T>
[[gnu::always_inline]] inline void put_tile(const Tile& tile, const WinogradOutput<T>& w,
                                            std::int64_t c, int rows, int cols) {
  TT_UNROLL for (int i = 0; i < 4; ++i) {
    if (i >= rows) break;
    TT_UNROLL for (int j = 0; j < 4; ++j) {
      if (j >= cols) break;
      F32 v = tile.at[i][j];
      if (w.residual != nullptr) {
        v = v + load(w.residual + i * w.residual_row + j * w.channels + c);
      }
      if (w.relu) v = at_least(v, F32(0.0f));
      store(w.out + i * w.out_row + j * w.channels + c, v);
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void put_pooled(Tile& tile, const WinogradOutput<T>& w,
                                              std::int64_t c) {
  if (w.residual != nullptr) {
    for (int i = 0; i < w.rows; ++i) {
      for (int j = 0; j < w.cols; ++j) {
        tile.at[i][j] = tile.at[i][j] + load(w.residual + i * w.residual_row + j * w.channels + c);
      }
    }
  }
  TT_UNROLL for (int i = 0; i < 4; i += 2) {
    if (i >= w.rows) break;
    TT_UNROLL for (int j = 0; j < 4; j += 2) {
      if (j >= w.cols) break;
      F32 most = larger(larger(tile.at[i][j], tile.at[i][j + 1]),
                        larger(tile.at[i + 1][j], tile.at[i + 1][j + 1]));
      if (w.relu) most = at_least(most, F32(0.0f));
      store(w.out + i / 2 * w.out_row + j / 2 * w.channels + c, most);
    }
  }
}

template <class T>
void winograd_output(const WinogradOutput<T>& w) {
  for (std::int64_t c = 0; c < w.channels; c += kWidth) {
    Tile tile = transform_output(w.sums + c, w.step, load(w.bias + c));
    if (w.pool) {
      put_pooled(tile, w, c);
    } else if (w.rows == 4 && w.cols == 4) {
      put_tile(tile, w, c, 4, 4);
    } else {
      put_tile(tile, w, c, w.rows, w.cols);
    }
  }
}

template <class T>
WinogradImages<T> winograd_images() {
  return {winograd_input<T, float>, winograd_input<T, std::uint16_t>, winograd_output<T>,
          winograd_output_grad<T, float>, winograd_output_grad<T, std::uint16_t>};
}

void finish(const FinishRows& f) {
  const F32 zero(0.0f);
  for (std::int64_t i = 0; i < f.count; i += kWidth) {
    F32 v = load(f.in + i);
    if (f.residual != nullptr) v = v + load(f.residual + i);
    if (f.relu) v = at_least(v, zero);
    store(f.out + i, v);
  }
}

void finish_pooled(const FinishPooled& f) {
  const auto at = [&](std::int64_t row, std::int64_t offset) {
    const F32 v = load(f.in + row * f.in_row + offset);
    if (f.residual == nullptr) return v;
    return v + load(f.residual + row * f.residual_row + offset);
  };
  for (std::int64_t x = 0; x < f.width; x += 2) {
    for (std::int64_t c = 0; c < f.channels; c += kWidth) {
      const std::int64_t left = x * f.channels + c, right = left + f.channels;
      F32 most = larger(larger(at(0, left), at(0, right)), larger(at(1, left), at(1, right)));
      if (f.relu) most = at_least(most, F32(0.0f));
      store(f.out + x / 2 * f.channels + c, most);
    }
  }
}

void max_window(const MaxWindow& m) {
  for (std::int64_t c = 0; c < m.channels; c += kWidth) {
    F32 most = load(m.in + c);
    for (int i = 0; i < m.rows; ++i) {
      for (int j = 0; j < m.cols; ++j) {
        most = larger(most, load(m.in + i * m.in_row + j * m.channels + c));
      }
    }
    store(m.out + c, most);
  }
}

void average(const float* in, std::int64_t pixels, std::int64_t channels, float scale, float* out) {
  for (std::int64_t c = 0; c < channels; c += kWidth) {
    F32 sum(0.0f);
    for (std::int64_t p = 0; p < pixels; ++p) sum = sum + load(in + p * channels + c);
    store(out + c, sum * F32(scale));
  }
}

// Window positions along one axis that lie in the image, as a range of taps.
struct Taps {
  std::int64_t first, last;
  Taps(std::int64_t start, std::int64_t size, std::int64_t kernel, std::int64_t dilation)
      : first(0), last(kernel) {
    while (first < last && start + first * dilation < 0) ++first;
    while (last > first && start + (last - 1) * dilation >= size) --last;
  }
};

// Results [0, N) of adjacent windows that lie in the image along their rows.
template <int N>
inline void depthwise_inside(const DepthwiseRow& d, const Taps& rows, std::int64_t left, float* out,
                             std::int64_t c) {
  F32 sum[N];
  TT_UNROLL for (int n = 0; n < N; ++n) sum[n] = load(d.bias + c);
  for (std::int64_t i = rows.first; i < rows.last; ++i) {
    const float* line = d.image + ((d.top + i * d.dilation_h) * d.width + left) * d.channels + c;
    const float* weight = d.weights + i * d.kernel_w * d.channels + c;
    for (std::int64_t j = 0; j < d.kernel_w; ++j) {
      const F32 tap = load(weight + j * d.channels);
      const float* pixel = line + j * d.dilation_w * d.channels;
      TT_UNROLL for (int n = 0; n < N; ++n) {
        sum[n] = fma(load(pixel + n * d.stride * d.channels), tap, sum[n]);
      }
    }
  }
  TT_UNROLL for (int n = 0; n < N; ++n) store(out + n * d.channels + c, sum[n]);
}

inline void depthwise_one(const DepthwiseRow& d, const Taps& rows, std::int64_t left, float* out) {
  const Taps cols(left, d.width, d.kernel_w, d.dilation_w);
  for (std::int64_t c = 0; c < d.channels; c += kWidth) {
    F32 sum = load(d.bias + c);
    for (std::int64_t i = rows.first; i < rows.last; ++i) {
      const float* line = d.image + (d.top + i * d.dilation_h) * d.width * d.channels + c;
      for (std::int64_t j = cols.first; j < cols.last; ++j) {
        sum = fma(load(line + (left + j * d.dilation_w) * d.channels),
                  load(d.weights + (i * d.kernel_w + j) * d.channels + c), sum);
      }
    }
    store(out + c, sum);
  }
}

void depthwise_row(const DepthwiseRow& d) {
  constexpr std::int64_t kTogether = 4;
  const Taps rows(d.top, d.height, d.kernel_h, d.dilation_h);
  const std::int64_t reach = (d.kernel_w - 1) * d.dilation_w;
  std::int64_t n = 0;
  while (n < d.count) {
    const std::int64_t left = d.left + n * d.stride;
    float* out = d.out + n * d.channels;
    const std::int64_t last = left + (kTogether - 1) * d.stride + reach;
    if (n + kTogether <= d.count && left >= 0 && last < d.width) {
      for (std::int64_t c = 0; c < d.channels; c += kWidth) {
        depthwise_inside<kTogether>(d, rows, left, out, c);
      }
      n += kTogether;
    } else {
      depthwise_one(d, rows, left, out);
      ++n;
    }
  }
}

// Results [first, last) whose tap j lies in the image; last >= first.
struct Inside {
  std::int64_t first, last;
  Inside(const DepthwiseLine& d, std::int64_t j) {
    const std::int64_t at = d.left + j * d.dilation;  // for result 0
    const std::int64_t before = at < 0 ? (-at + d.stride - 1) / d.stride : 0;
    const std::int64_t end = at < d.width ? (d.width - 1 - at) / d.stride + 1 : 0;
    first = before < d.count ? before : d.count;
    last = end < d.count ? end : d.count;
    if (last < first) last = first;
  }
};

void depthwise_image_grad(const DepthwiseLine& d, const float* results, const float* taps,
                          float* image) {
  const std::int64_t step = d.stride * d.channels;
  for (std::int64_t j = 0; j < d.kernel_w; ++j) {
    const Inside inside(d, j);
    float* pixels = image + (d.left + j * d.dilation) * d.channels;
    for (std::int64_t c = 0; c < d.channels; c += kWidth) {
      const F32 tap = load(taps + j * d.channels + c);
      for (std::int64_t n = inside.first; n < inside.last; ++n) {
        float* to = pixels + n * step + c;
        store(to, fma(load(results + n * d.channels + c), tap, load(to)));
      }
    }
  }
}

// Of T adjacent taps from j on and V vectors of channels from c on: sums that do not wait for each
// other.
template <int T, int V>
inline void depthwise_taps(const DepthwiseLine& d, const float* results, const float* image,
                           float* taps, std::int64_t j, std::int64_t c) {
  F32 sums[T][V];
  TT_UNROLL for (int t = 0; t < T; ++t) {
    TT_UNROLL for (int v = 0; v < V; ++v) sums[t][v] = F32(0.0f);
  }
  const float* pixels = image + (d.left + j * d.dilation) * d.channels + c;
  const auto add = [&](std::int64_t n, int from, int to) __attribute__((always_inline)) {
    TT_UNROLL for (int t = 0; t < T; ++t) {
      if (t < from || t >= to) continue;
      TT_UNROLL for (int v = 0; v < V; ++v) {
        const float* at = pixels + (n * d.stride + t * d.dilation) * d.channels + v * kWidth;
        sums[t][v] = fma(load(at), load(results + n * d.channels + c + v * kWidth), sums[t][v]);
      }
    }
  };
  const Inside left(d, j), right(d, j + T - 1);  // results with the first tap inside, and the last
  const std::int64_t first = left.first, last = right.last > first ? right.last : first;
  TT_UNROLL for (int t = 0; t < T; ++t) {
    const Inside own(d, j + t);
    for (std::int64_t n = own.first; n < own.last && n < first; ++n) add(n, t, t + 1);
    for (std::int64_t n = own.first > last ? own.first : last; n < own.last; ++n) add(n, t, t + 1);
  }
  for (std::int64_t n = first; n < last; ++n) add(n, 0, T);
  TT_UNROLL for (int t = 0; t < T; ++t) {
    TT_UNROLL for (int v = 0; v < V; ++v) {
      float* to = taps + (j + t) * d.channels + c + v * kWidth;
      store(to, load(to) + sums[t][v]);
    }
  }
}

template <int V>
inline void depthwise_all_taps(const DepthwiseLine& d, const float* results, const float* image,
                               float* taps, std::int64_t c) {
  std::int64_t j = 0;
  for (; j + 3 <= d.kernel_w; j += 3) depthwise_taps<3, V>(d, results, image, taps, j, c);
  for (; j < d.kernel_w; ++j) depthwise_taps<1, V>(d, results, image, taps, j, c);
}

void depthwise_taps_grad(const DepthwiseLine& d, const float* results, const float* image,
                         float* taps) {
  std::int64_t c = 0;
  for (; c + 2 * kWidth <= d.channels; c += 2 * kWidth) {
    depthwise_all_taps<2>(d, results, image, taps, c);
  }
  for (; c < d.channels; c += kWidth) depthwise_all_taps<1>(d, results, image, taps, c);
}

}  // namespace

void fill_conv_f32(ConvF32Table& table) {
  table.winograd = winograd_images<float>();
  table.winograd_codes = winograd_images<std::uint16_t>();
  table.winograd_weights = winograd_weights;
  table.winograd_weights_grad = winograd_weights_grad;
  table.finish = finish;
  table.finish_pooled = finish_pooled;
  table.max_window = max_window;
  table.average = average;
  table.depthwise_row = depthwise_row;
  table.depthwise_image_grad = depthwise_image_grad;
  table.depthwise_taps_grad = depthwise_taps_grad;
}

}  // namespace tt::kernels::TT_ISA
