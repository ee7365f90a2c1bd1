// What a tokenizer makes ids with, once added tokens have been taken out of the text.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/text/hash_table.hpp"

namespace tt::text {

inline constexpr std::int64_t kMaxTokens = 1 << 20;       // ids are below
inline constexpr std::size_t kMaxTextBytes = 0x7fffffff;  // that one call encodes

// What encoding wants memory for; one per call, used for any number of pieces of text.
struct Work {
  BytesTable words;  // word -> place and number of its ids in word_ids
  std::vector<std::int64_t> word_ids;
  std::deque<std::string> texts;  // keep what the keys of `words` point to
  std::vector<std::int32_t> ids, previous, next;
  std::vector<std::uint64_t> heap;
};

class Model {
 public:
  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  // Appends the ids of `text`, which must stay where it is while `work` is in use. ValueError for
  // what has no id.
  virtual void encode(std::string_view text, Work& work, std::vector<std::int64_t>& ids) const = 0;

  virtual std::int64_t size() const = 0;  // ids are below; not every number needs to be one
  virtual std::string_view bytes(std::int64_t id) const = 0;  // empty: no token has this id
  virtual std::string_view name(std::int64_t id) const = 0;   // as files write the token; likewise
  virtual std::optional<std::int64_t> find(std::string_view bytes) const = 0;
};

// Tokens by id, one after the other in memory; an empty one is an id that no token has.
class TokenBytes {
 public:
  void append(std::string_view bytes) {
    bytes_ += bytes;
    ends_.push_back(bytes_.size());
  }
  std::int64_t size() const { return static_cast<std::int64_t>(ends_.size()); }
  std::string_view operator[](std::int64_t id) const {
    if (id < 0 || id >= size()) return {};
    const auto i = static_cast<std::size_t>(id);
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

}  // namespace tt::text
