// Rows of a token table that no product shares.
#pragma once
#include <cstdint>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/runtime/precision.hpp"

namespace tt::runtime {

class TokenTable {
 public:
  TokenTable() = default;
  // tokens (vocabulary, width) float32, kept in what goes with products of that precision: float32
  // for f32, half precision for bf16 (unless a number is too large for it), int8 with a scale per
  // row for int8 and int4.
  TokenTable(const Array& tokens, Precision precision);

  std::size_t stored_bytes() const;
  void read(std::int64_t token, float* row) const;

 private:
  index_t width_ = 0;
  Array codes_;  // float32, float16 or int8; (vocabulary, width)
  std::vector<float> scales_;
};

}  // namespace tt::runtime
