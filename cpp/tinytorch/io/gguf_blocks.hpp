// How ggml stores numbers: a row is cut into blocks of as many numbers, each with its scale.
//
//   F32, F16, BF16  one number a block
//   Q8_0  x_i = d q_i          32 numbers: d (float16), q (int8)
//   Q4_0  x_i = d (q_i - 8)    32 numbers: d (float16), q 4 bits each: byte j holds q_j and
//                              q_(j+16), the lower half first
//   Q6_K  x_i = d s_k (q_i - 32), k = i / 16    256 numbers: the lower 4 bits of q (128 bytes),
//                              the upper 2 (64 bytes), s (16 int8), d (float16)
//
// (ggml's quants; files made by llama.cpp's Q4_0 keep the table of the head in Q6_K.)
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tinytorch/base/dims.hpp"

namespace tt::io {

enum class GgufFormat : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q8_0 = 8,
  q6_k = 14,
  bf16 = 30
};

struct GgufLayout {
  GgufFormat format = GgufFormat::f32;
  std::string_view name;  // "Q8_0"
  index_t block = 1;      // numbers
  std::size_t bytes = 4;  // of a block
};

// The layout of a format by its number in the file; null if it cannot be read.
const GgufLayout* layout_of(std::uint32_t format);
const GgufLayout& layout_of(GgufFormat format);
// "12 (Q4_K)"; a number that ggml does not know stands alone.
std::string format_text(std::uint32_t format);
std::string readable_formats();  // "F32, F16, ..."

// The numbers of `count` blocks of a quantized format, in float32.
void dequantize(GgufFormat format, const std::byte* blocks, index_t count, float* out);

}  // namespace tt::io
