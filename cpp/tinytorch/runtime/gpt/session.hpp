// Inference with a GPT: weights packed once, keys and values kept per sequence, many sequences and
// positions at a time.
//
// A session does not change after it was made, and threads may share it; what changes is in the
// sequences, which one call at a time may use. In steady state nothing is allocated.
// Results do not depend on the number of threads, on which sequences share a call, or on whether
// positions come one by one or many at once.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "tinytorch/runtime/gpt/sequence.hpp"
#include "tinytorch/runtime/gpt/weights.hpp"
#include "tinytorch/runtime/packed_linear.hpp"

namespace tt::runtime {

// Tokens that follow what a sequence holds.
struct GptInput {
  GptSequence* sequence = nullptr;
  const std::int64_t* tokens = nullptr;
  index_t count = 0;
};

class GptSession {
 public:
  GptSession(GptModel model, Precision precision, kernels::CacheFormat cache);

  index_t vocabulary() const { return tokens_.shape(0); }
  index_t max_length() const { return positions_.shape(0); }
  Precision precision() const { return precision_; }
  // Of all weights and tables that it keeps: a tied token table stands beside the packed head.
  std::size_t stored_bytes() const;

  // ValueError unless 1 <= capacity <= max_length().
  GptSequence make_sequence(index_t capacity) const;

  // Appends the tokens and writes, for each input, the logits of what follows its last one:
  // (inputs, vocabulary). ValueError for no tokens, one outside the vocabulary or a sequence
  // without room, StateError for a sequence that is in use or named twice; then no sequence has
  // changed.
  void append(const std::vector<GptInput>& inputs, float* logits) const;

  // Greedy: after prompts (batch, length) the `count` likeliest tokens one after the other,
  // (batch, count) int64. Ties go to the smaller token.
  Array generate(const Array& prompts, index_t count) const;

 private:
  struct Block {
    Array norm1_gamma, norm1_beta, norm2_gamma, norm2_beta;
    PackedLinear qkv, proj, up, down;
  };
  struct Rows;  // the activations of one call

  void check(const std::vector<GptInput>& inputs) const;
  void embed(const Rows& rows) const;
  void normalize(const float* x, index_t rows, const Array& gamma, const Array& beta,
                 float* y) const;
  void keep(const Rows& rows, index_t layer) const;
  void attend(const Rows& rows, index_t layer) const;
  void run_block(const Rows& rows, index_t layer) const;

  Precision precision_;
  kernels::CacheFormat cache_;
  index_t heads_, width_, hidden_ = 0;
  float eps_;
  GptActivation activation_;
  Array tokens_, positions_, norm_gamma_, norm_beta_;
  std::vector<Block> blocks_;
  PackedLinear head_;
};

}  // namespace tt::runtime
