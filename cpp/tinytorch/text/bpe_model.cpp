#include "tinytorch/text/bpe_model.hpp"

#include <algorithm>
#include <functional>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/text/byte_alphabet.hpp"

namespace tt::text {
namespace {

constexpr std::size_t kMaxWholeWord = 256;       // bytes; longer words are merged each time
constexpr std::size_t kMaxKnownWords = 1 << 16;  // that a call remembers
constexpr int kPollEvery = 1 << 12;              // pieces between two looks at Ctrl-C

}  // namespace

BpeModel::BpeModel(BpeData data, PreTokenizer pre_tokenizer)
    : data_(std::move(data)),
      pre_tokenizer_(pre_tokenizer),
      by_bytes_(data_.tokens.size()),
      merges_(data_.merges.size()) {
  if (std::ssize(data_.tokens) > kMaxTokens) {
    fail<FormatError>("a vocabulary of ", data_.tokens.size(), " ids; at most ", kMaxTokens,
                      " are allowed");
  }
  read_tokens();
  read_merges();
  find_whole_words();
}

void BpeModel::read_tokens() {
  byte_ids_.fill(-1);
  BytesTable names(data_.tokens.size());
  for (std::size_t i = 0; i < data_.tokens.size(); ++i) {
    const std::string& token = data_.tokens[i];
    if (!token.empty() && !names.insert(token, i).second) {
      fail<FormatError>("the token ", io::quoted(token), " occurs twice in the vocabulary");
    }
    // What is not written in the alphabet can only be an added token: it stands for its UTF-8.
    const std::optional<std::string> bytes = from_alphabet(token);
    bytes_.append(bytes ? *bytes : token);
    if (bytes && bytes->size() == 1) {
      byte_ids_[static_cast<unsigned char>((*bytes)[0])] = static_cast<std::int32_t>(i);
    }
  }
}

void BpeModel::read_merges() {
  BytesTable names(data_.tokens.size());
  for (std::size_t i = 0; i < data_.tokens.size(); ++i) names.insert(data_.tokens[i], i);
  for (std::size_t rank = 0; rank < data_.merges.size(); ++rank) {
    const auto [left, right] = data_.merges[rank];
    const std::string a(name(left)), b(name(right));
    if (a.empty() || b.empty()) {
      fail<FormatError>("merge ", rank, " is of ids ", left, " and ", right,
                        ", which are not in the vocabulary");
    }
    const std::uint64_t* whole = names.find(a + b);
    if (whole == nullptr) {
      fail<FormatError>("merge ", rank, " of ", io::quoted(a), " and ", io::quoted(b), " makes ",
                        io::quoted(a + b), ", which is not in the vocabulary");
    }
    if (!merges_.insert(pair_key(left, right), rank << 32 | *whole).second) {
      fail<FormatError>("merge ", rank, " of ", io::quoted(a), " and ", io::quoted(b),
                        " occurs twice");
    }
  }
}

// Most words are tokens. Which tokens the merges make of their own bytes is found out once.
void BpeModel::find_whole_words() {
  Work work;
  for (std::int64_t id = 0; id < size(); ++id) {
    if (id % kPollEvery == 0) throw_if_interrupted();
    const std::string_view word = bytes_[id];
    if (word.empty() || !from_alphabet(data_.tokens[static_cast<std::size_t>(id)])) continue;
    bool whole = data_.ignore_merges;
    if (!whole && word.size() <= kMaxWholeWord && start(word, work)) {
      merge(work);
      whole = work.next[0] == static_cast<std::int32_t>(work.ids.size()) && work.ids[0] == id;
    }
    by_bytes_.insert(word, static_cast<std::uint64_t>(id) * 2 + (whole ? 1 : 0));
  }
}

std::string_view BpeModel::name(std::int64_t id) const {
  if (id < 0 || id >= size()) return {};
  return data_.tokens[static_cast<std::size_t>(id)];
}

std::optional<std::int64_t> BpeModel::find(std::string_view bytes) const {
  const std::uint64_t* found = by_bytes_.find(bytes);
  if (found == nullptr) return std::nullopt;
  return static_cast<std::int64_t>(*found >> 1);
}

void BpeModel::encode(std::string_view text, Work& work, std::vector<std::int64_t>& ids) const {
  if (pre_tokenizer_.prefix_space && !text.empty() && text[0] != ' ') {
    text = work.texts.emplace_back(" ").append(text);
  }
  int pieces = 0;
  for_each_piece(pre_tokenizer_, text, [&](std::string_view word) {
    if (++pieces % kPollEvery == 0) stop_if_interrupted();
    encode_word(word, work, ids);
  });
}

void BpeModel::encode_word(std::string_view word, Work& work,
                           std::vector<std::int64_t>& ids) const {
  if (const std::uint64_t* found = by_bytes_.find(word); found != nullptr && *found % 2 == 1) {
    ids.push_back(static_cast<std::int64_t>(*found >> 1));
    return;
  }
  if (const std::uint64_t* known = work.words.find(word); known != nullptr) {
    const auto first = work.word_ids.begin() + static_cast<std::ptrdiff_t>(*known >> 32);
    ids.insert(ids.end(), first, first + static_cast<std::ptrdiff_t>(*known & 0xffffffff));
    return;
  }
  if (!start(word, work)) {
    const auto missing = std::find_if(word.begin(), word.end(), [&](char c) {
      return byte_ids_[static_cast<unsigned char>(c)] < 0;
    });
    fail<ValueError>("the byte ", io::quoted(std::string_view(&*missing, 1)),
                     " has no token, and the tokenizer has no token for what is unknown");
  }
  merge(work);
  const std::size_t before = ids.size();
  for (std::size_t i = 0; i < work.ids.size(); i = static_cast<std::size_t>(work.next[i])) {
    ids.push_back(work.ids[i]);
  }
  if (work.words.size() == kMaxKnownWords) return;
  const std::size_t count = ids.size() - before;
  work.words.insert(word, work.word_ids.size() << 32 | count);
  work.word_ids.insert(work.word_ids.end(), ids.end() - static_cast<std::ptrdiff_t>(count),
                       ids.end());
}

// Makes work.ids the ids of the bytes; false if one has none.
bool BpeModel::start(std::string_view word, Work& work) const {
  work.ids.clear();
  bool fusing = false;
  for (const char c : word) {
    const std::int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0 && data_.unknown < 0) return false;
    const bool fused = id < 0 && fusing && data_.fuse_unknown;
    if (!fused) work.ids.push_back(id < 0 ? data_.unknown : id);
    fusing = id < 0;
  }
  return true;
}

// Notes the merge of the symbol at `left` and the one after it, if there is such a merge.
void BpeModel::offer(Work& work, std::int32_t left) const {
  const auto at = static_cast<std::size_t>(left), right = static_cast<std::size_t>(work.next[at]);
  if (right == work.ids.size()) return;
  const std::uint64_t* found = merges_.find(pair_key(work.ids[at], work.ids[right]));
  if (found == nullptr) return;
  work.heap.push_back((*found & ~std::uint64_t{0xffffffff}) | static_cast<std::uint32_t>(left));
  std::push_heap(work.heap.begin(), work.heap.end(), std::greater<>());
}

// Merges what can be merged in work.ids. What is left is at 0, next[0], next[next[0]]...
void BpeModel::merge(Work& work) const {
  const auto count = static_cast<std::int32_t>(work.ids.size());
  work.previous.resize(work.ids.size());
  work.next.resize(work.ids.size());
  for (std::int32_t i = 0; i < count; ++i) {
    work.previous[static_cast<std::size_t>(i)] = i - 1;
    work.next[static_cast<std::size_t>(i)] = i + 1;
  }
  work.heap.clear();
  for (std::int32_t i = 0; i < count; ++i) offer(work, i);
  while (!work.heap.empty()) {
    std::pop_heap(work.heap.begin(), work.heap.end(), std::greater<>());
    const std::uint64_t top = work.heap.back();
    work.heap.pop_back();
    const auto left = static_cast<std::int32_t>(top & 0xffffffff);
    const auto at = static_cast<std::size_t>(left);
    const std::int32_t right = work.next[at];
    if (work.ids[at] < 0 || right == count) continue;  // merged into the one before it; the last
    const auto gone = static_cast<std::size_t>(right);
    const std::uint64_t* found = merges_.find(pair_key(work.ids[at], work.ids[gone]));
    if (found == nullptr || *found >> 32 != top >> 32) continue;  // one of the two has changed
    work.ids[at] = static_cast<std::int32_t>(*found & 0xffffffff);
    work.ids[gone] = -1;
    const std::int32_t after = work.next[at] = work.next[gone];
    if (after < count) work.previous[static_cast<std::size_t>(after)] = left;
    offer(work, left);
    if (left > 0) offer(work, work.previous[at]);
  }
}

}  // namespace tt::text
