// Probabilities of the next token: what temperature, top-k, top-p and min-p leave of a row of
// logits, drawn from, and compared with a draft's in speculative decoding.
//
// The cut of top-k and top-p is found by partial selection: O(vocabulary), no sort. The first row
// takes the memory that any row needs.
#pragma once
#include <cstdint>
#include <vector>

#include "tinytorch/runtime/generate/sampling.hpp"
#include "tinytorch/runtime/generate/select.hpp"

namespace tt::runtime {

class Distribution {
 public:
  void expect_drafts(index_t vocabulary);  // memory for subtract(Distribution)
  // ValueError where a logit is NaN or +inf, or all are -inf. Penalty and bias have been applied.
  void set(const float* logits, index_t vocabulary, const SamplingOptions& options);

  index_t vocabulary() const { return vocabulary_; }
  double probability(std::int64_t token) const;
  // The token at which the sum of probabilities, in the order of tokens, exceeds u in [0, 1).
  std::int64_t draw(double u) const;

  // What is left where a draft's token was refused (Leviathan et al. 2023): max(0, this - draft),
  // in proportion. As it was where nothing is left.
  void subtract(const Distribution& draft);
  void subtract(std::int64_t token);  // a draft that was certain

 private:
  struct Kept {
    std::int64_t token;
    double weight;
  };
  class Reader;

  void keep_likeliest(std::int64_t token);
  void keep_top_k(const float* logits, float top, const SamplingOptions& options);
  void keep_all(const float* logits, float top, double temperature);
  void keep_from(double floor);
  void keep_nucleus(double mass);
  void add_up();

  index_t vocabulary_ = 0;
  double total_ = 0;  // of the weights
  // Either weights of all tokens, or of some, in the order of tokens.
  bool dense_ = false;
  std::vector<float> weights_;
  std::vector<Kept> kept_;
  // Scratch of top-k, of top-p and of subtract.
  std::vector<float> selection_;
  std::vector<double> candidates_, rests_;
  MassScratch mass_scratch_;
};

}  // namespace tt::runtime
