// How the next token is chosen from a model's logits. In this order, as in the field:
//
//   repetition penalty  a positive logit of a token that was there before, in the prompt or after
//                       it, is divided by the penalty, a negative one multiplied (Keskar et al.
//                       2019, "CTRL")
//   logit bias          is added; -inf forbids a token
//   constraint          a hook changes what it likes (request.hpp)
//   temperature         divides the logits; 0 takes the largest, and what follows does not apply
//   top-k               keeps the k likeliest tokens (Fan et al. 2018)
//   top-p               keeps the fewest likeliest ones whose probabilities sum to at least p, of
//                       what top-k kept (Holtzman et al. 2020)
//   min-p               keeps those at least min_p times as likely as the likeliest (Nguyen et al.
//                       2024)
//
// Of equally likely tokens the smaller ones are kept. The draw is a function of the seed and of the
// token's place in its request alone (Philox), so that neither other requests nor threads change
// it.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "tinytorch/base/dims.hpp"

namespace tt::runtime {

struct SamplingOptions {
  double temperature = 1.0;
  index_t top_k = 0;  // 0: all
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  std::vector<std::pair<std::int64_t, float>> logit_bias;
  std::uint64_t seed = 0;
};

// ValueError, naming the option, for one that is no number or out of its range.
void check(const SamplingOptions& options);
// ValueError for a bias of a token outside the vocabulary.
void check_tokens(const SamplingOptions& options, index_t vocabulary);

// The tokens of a text, each once.
class SeenTokens {
 public:
  SeenTokens() = default;
  SeenTokens(index_t vocabulary, index_t most);  // `most` tokens are added without allocation

  void add(std::int64_t token);
  index_t count() const { return static_cast<index_t>(tokens_.size()); }
  void forget_from(index_t count);  // all but the first `count` that were added
  void penalize(float* logits, double penalty) const;

 private:
  std::vector<bool> seen_;
  std::vector<std::int64_t> tokens_;
};

void add_bias(float* logits, const SamplingOptions& options);

// Where the random numbers of a request go: one stream each, an own number for every new token.
enum class Draw : std::uint8_t { token, acceptance, residual, draft };
double uniform(std::uint64_t seed, Draw purpose, index_t place);  // in [0, 1), 53 bits

}  // namespace tt::runtime
