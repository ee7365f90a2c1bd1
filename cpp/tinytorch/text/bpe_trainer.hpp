// Learning byte-pair merges from text (Sennrich et al. 2016).
//
// The most frequent pair of neighbours becomes a token, again and again, each time in all words.
// Equally frequent pairs are taken in the order of their ids. A merge looks only at the words that
// have its pair, and counts are kept up to date, so training costs about what it changes. The
// merges and ids are those of the `tokenizers` package's BpeTrainer.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/text/hash_table.hpp"
#include "tinytorch/text/pretokenizer.hpp"
#include "tinytorch/text/tokenizer.hpp"

namespace tt::text {

struct TrainingOptions {
  std::int64_t vocabulary_size = 30000;  // at most; fewer where the text has no more pairs
  std::int64_t min_frequency = 0;        // of a pair that becomes a token
  std::vector<std::string> special;      // the first ids; never part of a merge
};

class BpeTrainer {
 public:
  explicit BpeTrainer(PreTokenizer pre_tokenizer) : pre_tokenizer_(pre_tokenizer) {}
  BpeTrainer(BpeTrainer&&) = default;
  BpeTrainer& operator=(BpeTrainer&&) = default;

  // Counts the words of a text. Texts are split each for itself.
  void feed(std::string_view text);

  // ValueError unless there is room for the special tokens and the 256 bytes.
  std::unique_ptr<Tokenizer> train(const TrainingOptions& options) const;

 private:
  PreTokenizer pre_tokenizer_;
  BytesTable words_;              // word -> how often
  std::deque<std::string> keys_;  // what the keys of words_ point to
  std::vector<std::int64_t> counts_;
};

}  // namespace tt::text
