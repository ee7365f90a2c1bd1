#include "tinytorch/quant/images_s8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::quant {
namespace {

constexpr index_t kPixels = 48;  // output pixels per task
constexpr index_t kValuesPerTask = 1 << 14;

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
  if (table.shape.code_bytes == 1 || table.zero_code == 0) {
    std::memset(codes, table.zero_code, static_cast<std::size_t>(n * table.shape.code_bytes));
    return;
  }
  for (index_t i = 0; i < n; ++i) {
    const auto zero = static_cast<std::int16_t>(table.zero_code);
    std::memcpy(codes + 2 * i, &zero, 2);
  }
}

}  // namespace

ImagesS8::ImagesS8(const Array& x, const ops::ConvShape& shape, float input_scale)
    : table_(kernels::active().gemm_s8),
      shape_(shape),
      window_(shape.window),
      padded_h_(window_.height + 2 * window_.pad_h),
      padded_w_(window_.width + 2 * window_.pad_w) {
  const index_t codes = numel({shape.batch, padded_h_, padded_w_, shape.channels});
  codes_.reset(new std::byte[static_cast<std::size_t>(codes * table_.shape.code_bytes)]);
  measure(x, input_scale);
  encode(x);
}

void ImagesS8::measure(const Array& x, float input_scale) {
  const index_t plane = window_.height * window_.width;
  std::vector<std::uint32_t> maxima(static_cast<std::size_t>(shape_.batch * shape_.channels));
  parallel_for(shape_.batch * shape_.channels, grain_for(kValuesPerTask, plane),
               [&](index_t begin, index_t end) {
                 for (index_t i = begin; i < end; ++i) {
                   maxima[static_cast<std::size_t>(i)] = table_.abs_max_bits(
                       x.data<float>() + i * plane, static_cast<std::size_t>(plane));
                 }
               });
  for (index_t n = 0; n < shape_.batch; ++n) {
    const auto first = maxima.begin() + n * shape_.channels;
    std::uint32_t most = 0;
    for (index_t c = 0; c < shape_.channels; ++c) most = std::max(most, first[c]);
    const bool finite = most < 0x7f800000u;
    const bool fixed = input_scale > 0.0f && finite;
    scale_.push_back(fixed ? input_scale : kernels::s8_scale(most));
    inverse_.push_back(fixed ? 1.0f / input_scale : kernels::s8_inverse_scale(most));
  }
}

void ImagesS8::encode(const Array& x) {
  const int bytes = table_.shape.code_bytes;
  const index_t width = window_.width, row_bytes = padded_w_ * shape_.channels * bytes;
  parallel_for(shape_.batch * padded_h_, grain_for(kValuesPerTask, width * shape_.channels),
               [&](index_t begin, index_t end) {
                 const std::unique_ptr<std::byte[]> line(
                     new std::byte[static_cast<std::size_t>(width * bytes)]);
                 for (index_t i = begin; i < end; ++i) {
                   const index_t n = i / padded_h_, h = i % padded_h_ - window_.pad_h;
                   std::byte* row = codes_.get() + i * row_bytes;
                   const bool inside = h >= 0 && h < window_.height;
                   if (!inside || window_.pad_w > 0) {
                     fill_zero_code(table_, row, padded_w_ * shape_.channels);
                   }
                   if (!inside) continue;
                   row += window_.pad_w * shape_.channels * bytes;
                   for (index_t c = 0; c < shape_.channels; ++c) {
                     const float* values =
                         x.data<float>() + ((n * shape_.channels + c) * window_.height + h) * width;
                     table_.quantize(values, line.get(), static_cast<std::size_t>(width),
                                     inverse_[static_cast<std::size_t>(n)]);
                     copy_codes(line.get(), 1, row + c * bytes, shape_.channels, width, bytes);
                   }
                 }
               });
}

void ImagesS8::gather(index_t n, index_t g, index_t first, index_t count, index_t row_bytes,
                      std::byte* rows) const {
  const int bytes = table_.shape.code_bytes;
  const bool one_run = shape_.groups == 1 && window_.dilation_w == 1;
  const index_t group_channels = shape_.channels / shape_.groups, out_w = window_.out_width();
  const index_t runs = one_run ? 1 : window_.kernel_w;
  const index_t run_bytes = group_channels * bytes * (one_run ? window_.kernel_w : 1);
  const index_t run_step = window_.dilation_w * shape_.channels * bytes;
  const index_t depth_bytes = window_.kernel_h * window_.kernel_w * group_channels * bytes;
  for (index_t i = 0; i < count; ++i) {
    const index_t y = (first + i) / out_w * window_.stride_h;
    const index_t x = (first + i) % out_w * window_.stride_w;
    std::byte* to = rows + i * row_bytes;
    fill_zero_code(table_, to + depth_bytes, (row_bytes - depth_bytes) / bytes);
    for (index_t kh = 0; kh < window_.kernel_h; ++kh) {
      const index_t line = n * padded_h_ + y + kh * window_.dilation_h;
      const std::byte* from =
          codes_.get() + ((line * padded_w_ + x) * shape_.channels + g * group_channels) * bytes;
      for (index_t r = 0; r < runs; ++r, to += run_bytes) {
        std::memcpy(to, from + r * run_step, static_cast<std::size_t>(run_bytes));
      }
    }
  }
}

void ImagesS8::convolve(const std::vector<kernels::PackedS8>& groups, const float* scales,
                        const float* bias, float* y) const {
  const index_t pixels = window_.out_height() * window_.out_width(),
                blocks = (pixels + kPixels - 1) / kPixels;
  const index_t rows = groups[0].n, row_bytes = groups[0].row_bytes();
  const auto group_count = static_cast<index_t>(groups.size());
  parallel_for(shape_.batch * blocks, 1, [&](index_t begin, index_t end) {
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
