// A block of a GPT with packed weights.
#pragma once
#include "tinytorch/models/gpt.hpp"
#include "tinytorch/runtime/gpt/rotary.hpp"
#include "tinytorch/runtime/gpt/rows.hpp"
#include "tinytorch/runtime/packed_linear.hpp"

namespace tt::runtime {

// Layer norm or rms norm of rows.
class RowNorm {
 public:
  RowNorm() = default;
  RowNorm(const models::GptConfig& config, const Array& gamma, const Array& beta);
  std::size_t stored_bytes() const { return 4 * (gamma_.size() + beta_.size()); }
  // y (rows, width); may be x.
  void apply(const float* x, index_t rows, float* y) const;

 private:
  bool rms_ = false;
  float eps_ = 0.0f;
  std::vector<float> gamma_, beta_;
};

class GptLayer {
 public:
  // `index` says which layer of the sequences is this one's.
  GptLayer(const models::GptConfig& config, const models::GptBlock& block, Precision precision,
           index_t index);
  std::size_t stored_bytes() const;

  // First half: keys and values of the rows are kept, their queries are in rows.qkv.
  void keep(const GptRows& rows, const Rotary& rotary) const;
  // Second half: what the rows then get, added to rows.x.
  void run(const GptRows& rows) const;

 private:
  void activate(const GptRows& rows) const;

  index_t index_;
  RowNorm norm1_, norm2_;
  PackedLinear qkv_, proj_;
  PackedLinear up_;  // if gated, gate and up, one after the other
  PackedLinear down_;
};

}  // namespace tt::runtime
