// Number formats of weights in inference sessions.
#pragma once
#include <string_view>

namespace tt::runtime {

// f32: the bits of plain float products. bf16: weights and activations rounded to bfloat16, sums in
// float. int8: a scale per output, activations quantized. int4: a scale per 32 inputs, activations
// quantized in the same groups.
enum class Precision { f32, bf16, int8, int4 };

std::string_view name_of(Precision precision);
Precision precision_from_name(std::string_view name);  // ValueError naming the allowed ones

}  // namespace tt::runtime
