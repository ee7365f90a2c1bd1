// Inference with a GPT: weights packed once, keys and values kept per sequence, many sequences and
// positions at a time.
//
// A session does not change after it was made, and threads may share it; what changes is in the
// sequences, which one call at a time may use. In steady state nothing is allocated.
// Results do not depend on the number of threads, on which sequences share a call, or on whether
// positions come one by one or many at once.
#pragma once
#include <cstdint>
#include <vector>

#include "tinytorch/models/gpt.hpp"
#include "tinytorch/runtime/gpt/layer.hpp"
#include "tinytorch/runtime/gpt/sequence.hpp"
#include "tinytorch/runtime/gpt/token_table.hpp"

namespace tt::runtime {

// Tokens that follow what a sequence holds.
struct GptInput {
  GptSequence* sequence = nullptr;
  const std::int64_t* tokens = nullptr;
  index_t count = 0;
  index_t wanted = 1;  // logits of what follows each of the last `wanted` tokens: 0 to count
};

// Number formats: of the blocks' weights, of the output weight, of keys and values.
struct GptFormats {
  Precision weights = Precision::f32;
  Precision head = Precision::f32;
  kernels::CacheFormat cache = kernels::CacheFormat::f32;
};

class GptSession {
 public:
  // What models::checked refuses is refused here.
  GptSession(models::GptModel model, const GptFormats& formats);

  const models::GptConfig& config() const { return config_; }
  index_t vocabulary() const { return config_.vocabulary; }
  index_t max_length() const { return config_.max_length; }
  const GptFormats& formats() const { return formats_; }
  // Of all weights and tables that it keeps, as a file would hold them. Of a tied model one table:
  // tokens are read from the packed output weight.
  std::size_t stored_bytes() const;

  // ValueError unless 1 <= capacity <= max_length().
  GptSequence make_sequence(index_t capacity) const;

  // Appends the tokens and writes the wanted logits, input after input: (sum of wanted,
  // vocabulary). ValueError for no tokens, one outside the vocabulary, a sequence without room or
  // of another session, or `wanted` outside [0, count]; StateError for a sequence that is in use or
  // named twice. After any error, an interrupt included, no sequence has changed.
  void append(const std::vector<GptInput>& inputs, float* logits) const;

  // Greedy: after prompts (batch, length) the `count` likeliest tokens one after the other,
  // (batch, count) int64. Ties go to the smaller token.
  Array generate(const Array& prompts, index_t count) const;

 private:
  void check(const std::vector<GptInput>& inputs) const;
  void embed(const GptRows& rows) const;
  // Takes the rows through all layers; writes logits and returns how many rows of them.
  index_t run(std::vector<GptPiece>& pieces, float* logits) const;

  models::GptConfig config_;
  GptFormats formats_;
  std::uint64_t id_;   // of the session, for its sequences
  TokenTable tokens_;  // empty if tied
  Array positions_;
  Rotary rotary_;
  std::vector<GptLayer> layers_;
  RowNorm norm_;
  PackedLinear head_;
};

}  // namespace tt::runtime
