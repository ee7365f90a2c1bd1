#include "tinytorch/text/bpe_trainer.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/text/bpe_model.hpp"
#include "tinytorch/text/byte_alphabet.hpp"

namespace tt::text {
namespace {

constexpr int kPollEvery = 1 << 12;  // words between two looks at Ctrl-C

// Tokens in the order of their ids, written in GPT-2's alphabet.
class Tokens {
 public:
  // The id of `name`, a new one if it has none.
  std::int32_t add(std::string name) {
    const auto [place, added] = ids_.try_emplace(name, static_cast<std::int32_t>(names_.size()));
    if (added) names_.push_back(std::move(name));
    return place->second;
  }
  std::int64_t size() const { return std::ssize(names_); }
  const std::string& operator[](std::int32_t id) const {
    return names_[static_cast<std::size_t>(id)];
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

// The special tokens, then the bytes in the order of the alphabet. Byte -> id.
std::array<std::int32_t, 256> add_bytes(Tokens& tokens) {
  std::array<int, 256> order;
  std::iota(order.begin(), order.end(), 0);
  const auto& alphabet = byte_alphabet();
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return alphabet[static_cast<std::size_t>(a)] < alphabet[static_cast<std::size_t>(b)];
  });
  std::array<std::int32_t, 256> ids{};
  for (const int byte : order) {
    const auto c = static_cast<char>(byte);
    ids[static_cast<std::size_t>(byte)] = tokens.add(to_alphabet(std::string_view(&c, 1)));
  }
  return ids;
}

// Words as symbols, how often each pair of neighbours occurs, and where.
class Pairs {
 public:
  void add_word(std::string_view bytes, const std::array<std::int32_t, 256>& ids,
                std::int64_t count) {
    words_.push_back({symbols_.size(), bytes.size(), count});
    for (const char c : bytes) symbols_.push_back(ids[static_cast<unsigned char>(c)]);
    const std::int32_t* s = symbols_.data() + words_.back().begin;
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) change(s[i], s[i + 1], words_.size() - 1, 1);
  }

  // What change() has found new goes into the heap.
  void offer_new() {
    for (const std::size_t pair : fresh_) {
      Pair& p = pairs_[pair];
      if (p.count > 0) {
        heap_.push_back({p.count, pair, std::move(p.found)});
        std::push_heap(heap_.begin(), heap_.end(), Later{pairs_});
      }
      p.found.clear();
    }
    fresh_.clear();
  }

  struct Best {
    std::int32_t left, right;
    std::vector<std::uint32_t> words;
  };
  // The most frequent pair, of equally frequent ones the one with the smallest ids, and words that
  // may have it. Nothing if none occurs as often as `least`.
  std::optional<Best> take_best(std::int64_t least) {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later{pairs_});
      Entry& top = heap_.back();
      const Pair& pair = pairs_[top.pair];
      if (top.count != pair.count) {  // outdated: it may not be the best one any more
        top.count = pair.count;
        std::push_heap(heap_.begin(), heap_.end(), Later{pairs_});
        continue;
      }
      if (top.count < std::max<std::int64_t>(least, 1)) return std::nullopt;
      Best best{pair.left, pair.right, std::move(top.words)};
      heap_.pop_back();
      return best;
    }
    return std::nullopt;
  }

  void merge(const Best& best, std::int32_t token) {
    for (const std::uint32_t word : best.words) merge_in(word, best.left, best.right, token);
  }

 private:
  struct Word {
    std::size_t begin, length;  // in symbols_
    std::int64_t count;
  };
  struct Pair {
    std::int32_t left, right;
    std::int64_t count = 0;
    std::vector<std::uint32_t> found;  // words in which it is new, ascending
  };
  struct Entry {
    std::int64_t count;  // when it was entered
    std::size_t pair;
    std::vector<std::uint32_t> words;
  };
  // The order of the heap: whether `a` is merged after `b`.
  struct Later {
    const std::vector<Pair>& pairs;
    bool operator()(const Entry& a, const Entry& b) const {
      if (a.count != b.count) return a.count < b.count;
      const Pair &p = pairs[a.pair], &q = pairs[b.pair];
      return p.left != q.left ? p.left > q.left : p.right > q.right;
    }
  };

  void change(std::int32_t left, std::int32_t right, std::size_t word, int sign) {
    const auto [index, added] = index_.insert(pair_key(left, right), pairs_.size());
    if (added) pairs_.push_back({left, right, 0, {}});
    Pair& pair = pairs_[*index];
    pair.count += sign * words_[word].count;
    if (sign < 0) return;
    if (pair.found.empty()) fresh_.push_back(*index);
    const auto number = static_cast<std::uint32_t>(word);
    if (pair.found.empty() || pair.found.back() != number) pair.found.push_back(number);
  }

  // The merged pair's own count stays as it is: nothing asks for it again. (A token has one
  // derivation: wherever its bytes became it, they were merged in the same steps.)
  void merge_in(std::uint32_t number, std::int32_t left, std::int32_t right, std::int32_t token) {
    Word& word = words_[number];
    std::int32_t* s = symbols_.data() + word.begin;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < word.length; ++kept) {
      if (i + 1 == word.length || s[i] != left || s[i + 1] != right) {
        s[kept] = s[i++];
        continue;
      }
      if (kept > 0) {
        change(s[kept - 1], left, number, -1);
        change(s[kept - 1], token, number, 1);
      }
      if (i + 2 < word.length) {
        change(right, s[i + 2], number, -1);
        change(token, s[i + 2], number, 1);
      }
      s[kept] = token;
      i += 2;
    }
    word.length = kept;
  }

  std::vector<std::int32_t> symbols_;
  std::vector<Word> words_;
  std::vector<Pair> pairs_;
  PairTable index_;                 // pair_key -> index of pairs_
  std::vector<std::size_t> fresh_;  // pairs with something in `found`
  std::vector<Entry> heap_;
};

// Names that are bytes, but not their own, would be taken for these bytes.
void check_special(const std::string& name) {
  const auto bytes = from_alphabet(name);
  if (name.empty() || (bytes && *bytes != name)) {
    fail<ValueError>(
        "the special token ", io::quoted(name),
        name.empty() ? " is empty" : " is how files write other bytes; use a name in ASCII");
  }
}

}  // namespace

void BpeTrainer::feed(std::string_view text) {
  std::string spaced;
  if (pre_tokenizer_.prefix_space && !text.empty() && text[0] != ' ') {
    text = spaced.assign(1, ' ').append(text);
  }
  int pieces = 0;
  for_each_piece(pre_tokenizer_, text, [&](std::string_view word) {
    if (++pieces % kPollEvery == 0) throw_if_interrupted();
    if (const std::uint64_t* known = words_.find(word); known != nullptr) {
      ++counts_[*known];
      return;
    }
    words_.insert(keys_.emplace_back(word), counts_.size());
    counts_.push_back(1);
  });
}

std::unique_ptr<Tokenizer> BpeTrainer::train(const TrainingOptions& options) const {
  Tokens tokens;
  std::vector<AddedToken> special;
  for (const std::string& name : options.special) {
    check_special(name);
    special.push_back({tokens.add(name), name});
  }
  const std::array<std::int32_t, 256> bytes = add_bytes(tokens);
  if (options.vocabulary_size < tokens.size() || options.vocabulary_size > kMaxTokens) {
    fail<ValueError>("a vocabulary of ", options.vocabulary_size, " tokens; it must have ",
                     tokens.size(), " (the special tokens and a token per byte) to ", kMaxTokens);
  }
  Pairs pairs;
  for (std::size_t i = 0; i < keys_.size(); ++i) pairs.add_word(keys_[i], bytes, counts_[i]);
  pairs.offer_new();
  std::vector<std::array<std::int32_t, 2>> merges;
  while (tokens.size() < options.vocabulary_size) {
    throw_if_interrupted();
    const auto best = pairs.take_best(options.min_frequency);
    if (!best) break;
    const std::int32_t token = tokens.add(tokens[best->left] + tokens[best->right]);
    merges.push_back({best->left, best->right});
    pairs.merge(*best, token);
    pairs.offer_new();
  }
  BpeData data;
  data.merges = std::move(merges);
  data.tokens = tokens.take();
  return std::make_unique<Tokenizer>(std::make_unique<BpeModel>(std::move(data), pre_tokenizer_),
                                     std::move(special));
}

}  // namespace tt::text
