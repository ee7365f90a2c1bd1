#include "tinytorch/quant/images_s8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::quant {
namespace {

constexpr index_t kPixels = 48;          // output pixels per task
constexpr index_t kValuesPerTask = 1 << 14;

index_t output_size(index_t padded, index_t kernel, index_t stride, index_t dilation) {
  const index_t room = padded - dilation * (kernel - 1) - 1;
  const index_t steps = room >= 0 ? room / stride : -((-room + stride - 1) / stride);
  if (steps < -1) {
    fail<ShapeError>("the kernel of size ", kernel, " does not fit into a padded input of size ",
                     padded, "; use more padding or a smaller kernel");
  }
  return steps + 1;
}

void copy_codes(const std::byte* from, index_t from_step, std::byte* to, index_t to_step, index_t n,
                int code_bytes) {
  if (code_bytes == 1) {
    for (index_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  } else {
    for (index_t i = 0; i < n; ++i) {
      std::memcpy(to + 2 * i * to_step, from + 2 * i * from_step, 2);
    }
  }
}

void fill_zero_code(const kernels::GemmS8Table& table, std::byte* codes, index_t n) {
  if (table.code_bytes == 1 || table.zero_code == 0) {
    std::memset(codes, table.zero_code, static_cast<std::size_t>(n * table.code_bytes));
    return;
  }
  for (index_t i = 0; i < n; ++i) {
    const auto zero = static_cast<std::int16_t>(table.zero_code);
    std::memcpy(codes + 2 * i, &zero, 2);
  }
}

index_t grain_for(index_t cost) { return std::max<index_t>(1, kValuesPerTask / std::max<index_t>(1, cost)); }

}  // namespace

ImagesS8::ImagesS8(const Array& x, const ConvGeometry& geometry, const Shape& weight,
                   float input_scale)
    : table_(kernels::active().gemm_s8),
      geometry_(geometry),
      count_(x.shape(0)),
      channels_(x.shape(1)),
      group_channels_(weight[1]) {
  for (const int d : {0, 1}) {
    kernel_[d] = weight[2 + d];
    size_[d] = x.shape(2 + d);
    padded_[d] = size_[d] + 2 * geometry.padding[d];
    out_[d] = output_size(padded_[d], kernel_[d], geometry.stride[d], geometry.dilation[d]);
  }
  const index_t codes = numel({count_, padded_[0], padded_[1], channels_});
  codes_.reset(new std::byte[static_cast<std::size_t>(codes * table_.code_bytes)]);
  measure(x, input_scale);
  encode(x);
}

void ImagesS8::measure(const Array& x, float input_scale) {
  const index_t plane = size_[0] * size_[1];
  std::vector<std::uint32_t> maxima(static_cast<std::size_t>(count_ * channels_));
  parallel_for(count_ * channels_, grain_for(plane), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      maxima[static_cast<std::size_t>(i)] =
          table_.abs_max_bits(x.data<float>() + i * plane, static_cast<std::size_t>(plane));
    }
  });
  for (index_t n = 0; n < count_; ++n) {
    const auto first = maxima.begin() + n * channels_;
    std::uint32_t most = 0;
    for (index_t c = 0; c < channels_; ++c) most = std::max(most, first[c]);
    const bool finite = most < 0x7f800000u;
    const bool fixed = input_scale > 0.0f && finite;
    scale_.push_back(fixed ? input_scale : kernels::s8_scale(most));
    inverse_.push_back(fixed ? 1.0f / input_scale : kernels::s8_inverse_scale(most));
  }
}

void ImagesS8::encode(const Array& x) {
  const int bytes = table_.code_bytes;
  const index_t width = size_[1], row_bytes = padded_[1] * channels_ * bytes;
  parallel_for(count_ * padded_[0], grain_for(width * channels_), [&](index_t begin, index_t end) {
    const std::unique_ptr<std::byte[]> line(new std::byte[static_cast<std::size_t>(width * bytes)]);
    for (index_t i = begin; i < end; ++i) {
      const index_t n = i / padded_[0], h = i % padded_[0] - geometry_.padding[0];
      std::byte* row = codes_.get() + i * row_bytes;
      const bool inside = h >= 0 && h < size_[0];
      if (!inside || geometry_.padding[1] > 0) {
        fill_zero_code(table_, row, padded_[1] * channels_);
      }
      if (!inside) continue;
      row += geometry_.padding[1] * channels_ * bytes;
      for (index_t c = 0; c < channels_; ++c) {
        const float* values = x.data<float>() + ((n * channels_ + c) * size_[0] + h) * width;
        table_.quantize(values, line.get(), static_cast<std::size_t>(width),
                        inverse_[static_cast<std::size_t>(n)]);
        copy_codes(line.get(), 1, row + c * bytes, channels_, width, bytes);
      }
    }
  });
}

void ImagesS8::gather(index_t n, index_t g, index_t first, index_t count, index_t row_bytes,
                      std::byte* rows) const {
  const int bytes = table_.code_bytes;
  const bool one_run = geometry_.groups == 1 && geometry_.dilation[1] == 1;
  const index_t runs = one_run ? 1 : kernel_[1];
  const index_t run_bytes = group_channels_ * bytes * (one_run ? kernel_[1] : 1);
  const index_t run_step = geometry_.dilation[1] * channels_ * bytes;
  const index_t depth_bytes = kernel_[0] * kernel_[1] * group_channels_ * bytes;
  for (index_t i = 0; i < count; ++i) {
    const index_t y = (first + i) / out_[1] * geometry_.stride[0];
    const index_t x = (first + i) % out_[1] * geometry_.stride[1];
    std::byte* to = rows + i * row_bytes;
    fill_zero_code(table_, to + depth_bytes, (row_bytes - depth_bytes) / bytes);
    for (index_t kh = 0; kh < kernel_[0]; ++kh) {
      const index_t line = n * padded_[0] + y + kh * geometry_.dilation[0];
      const std::byte* from = codes_.get() +
                              ((line * padded_[1] + x) * channels_ + g * group_channels_) * bytes;
      for (index_t r = 0; r < runs; ++r, to += run_bytes) {
        std::memcpy(to, from + r * run_step, static_cast<std::size_t>(run_bytes));
      }
    }
  }
}

void ImagesS8::convolve(const std::vector<kernels::PackedS8>& groups, const float* scales,
                        const float* bias, float* y) const {
  const index_t pixels = out_[0] * out_[1], blocks = (pixels + kPixels - 1) / kPixels;
  const index_t rows = groups[0].n, row_bytes = groups[0].row_bytes();
  const auto group_count = static_cast<index_t>(groups.size());
  parallel_for(count_ * blocks, 1, [&](index_t begin, index_t end) {
    const std::unique_ptr<std::byte[]> windows(
        new std::byte[static_cast<std::size_t>(kPixels * row_bytes)]);
    const std::unique_ptr<float[]> tile(new float[static_cast<std::size_t>(kPixels * rows)]);
    float row_scales[kPixels];
    for (index_t i = begin; i < end; ++i) {
      const index_t n = i / blocks, first = i % blocks * kPixels;
      const index_t count = std::min(kPixels, pixels - first);
      std::fill_n(row_scales, count, scale_[static_cast<std::size_t>(n)]);
      for (index_t g = 0; g < group_count; ++g) {
        gather(n, g, first, count, row_bytes, windows.get());
        kernels::gemm_s8_scaled(windows.get(), count, groups[static_cast<std::size_t>(g)],
                                row_scales, scales + g * rows, bias ? bias + g * rows : nullptr,
                                tile.get(), rows);
        float* out = y + (n * group_count + g) * rows * pixels + first;
        for (index_t o = 0; o < rows; ++o) {
          for (index_t p = 0; p < count; ++p) out[o * pixels + p] = tile[p * rows + o];
        }
      }
    }
  });
}

}  // namespace tt::quant
