#include "tinytorch/io/gguf_blocks.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "tinytorch/base/half.hpp"

namespace tt::io {
namespace {

constexpr GgufLayout kLayouts[] = {
    {GgufFormat::f32, "F32", 1, 4},     {GgufFormat::f16, "F16", 1, 2},
    {GgufFormat::bf16, "BF16", 1, 2},   {GgufFormat::q8_0, "Q8_0", 32, 34},
    {GgufFormat::q4_0, "Q4_0", 32, 18}, {GgufFormat::q6_k, "Q6_K", 256, 210},
};

// Names of the others, for messages, by their numbers.
constexpr std::string_view kNames[] = {
    "F32",     "F16",    "Q4_0",    "Q4_1",  "",       "",      "Q5_0",  "Q5_1",
    "Q8_0",    "Q8_1",   "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",
    "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
    "I8",      "I16",    "I32",     "I64",   "F64",    "IQ1_M", "BF16"};

float half_at(const std::byte* bytes) {
  f16 half;
  std::memcpy(&half.bits, bytes, sizeof half.bits);
  return static_cast<float>(half);
}

void block_q8_0(const std::byte* block, float* out) {
  const float scale = half_at(block);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>(static_cast<std::int8_t>(block[2 + i])) * scale;
  }
}

void block_q4_0(const std::byte* block, float* out) {
  const float scale = half_at(block);
  for (int i = 0; i < 16; ++i) {
    const int two = std::to_integer<int>(block[2 + i]);
    out[i] = static_cast<float>((two & 15) - 8) * scale;
    out[i + 16] = static_cast<float>((two >> 4) - 8) * scale;
  }
}

// Two halves of 128 numbers, each in four runs of 32 that share bytes: run r has the lower or
// upper 4 bits of 64 bytes, and bits 2r and 2r+1 of 32.
void block_q6_k(const std::byte* block, float* out) {
  const float scale = half_at(block + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, run = i % 128 / 32, j = i % 32;
    const int low = std::to_integer<int>(block[64 * half + 32 * (run % 2) + j]) >> (run / 2 * 4);
    const int high = std::to_integer<int>(block[128 + 32 * half + j]) >> (2 * run);
    const auto sub = static_cast<std::int8_t>(block[192 + i / 16]);
    out[i] =
        scale * static_cast<float>(sub) * static_cast<float>(((low & 15) | (high & 3) << 4) - 32);
  }
}

}  // namespace

const GgufLayout* layout_of(std::uint32_t format) {
  const auto* place = std::find_if(std::begin(kLayouts), std::end(kLayouts), [&](const auto& l) {
    return static_cast<std::uint32_t>(l.format) == format;
  });
  return place == std::end(kLayouts) ? nullptr : place;
}

const GgufLayout& layout_of(GgufFormat format) {
  return *layout_of(static_cast<std::uint32_t>(format));
}

std::string format_text(std::uint32_t format) {
  const std::string_view name = format < std::size(kNames) ? kNames[format] : "";
  return name.empty() ? concat(format) : concat(format, " (", name, ")");
}

std::string readable_formats() {
  std::string out;
  for (const GgufLayout& layout : kLayouts) {
    if (!out.empty()) out += ", ";
    out += layout.name;
  }
  return out;
}

void dequantize(GgufFormat format, const std::byte* blocks, index_t count, float* out) {
  auto* const one = format == GgufFormat::q8_0   ? block_q8_0
                    : format == GgufFormat::q4_0 ? block_q4_0
                                                 : block_q6_k;
  const GgufLayout& layout = layout_of(format);
  for (index_t i = 0; i < count; ++i) {
    one(blocks + static_cast<std::size_t>(i) * layout.bytes, out + i * layout.block);
  }
}

}  // namespace tt::io
