// Sequences for requests, and the texts they hold: a prompt that begins like one of them takes over
// what was computed for it, be its request running or long finished.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "tinytorch/runtime/generate/request.hpp"
#include "tinytorch/runtime/gpt/session.hpp"

namespace tt::runtime {

struct GptSlot {
  GptSequence sequence;
  std::optional<GptSequence> draft;  // the same text in the draft model
  // A prompt and what was generated; the sequence has the first of these positions.
  TokenIds tokens;
  index_t draft_valid = 0;  // positions of the draft that are the text's
  bool taken = false;
  std::uint64_t used = 0;  // when a request last had it or copied from it

  index_t length() const { return sequence.length(); }
};

class SlotPool {
 public:
  // Slots of `capacity` positions, made when they are needed: one for each request that runs, and
  // `kept` more for the texts of finished ones.
  SlotPool(const GptSession& session, const GptSession* draft, index_t capacity, index_t kept,
           bool share);

  // A slot for the prompt, with as much of it as another one has, the last token excepted.
  GptSlot& acquire(const TokenIds& prompt, bool with_draft);
  void release(GptSlot& slot);
  // The same while the prompt is being read: takes over what others have computed since.
  void share(GptSlot& slot, index_t prompt_length);
  void clear();

  index_t capacity() const { return capacity_; }
  index_t draft_capacity() const;
  std::size_t bytes() const { return bytes_.load(); }  // of keys and values; for any thread

 private:
  GptSlot* most_alike(const TokenIds& prompt, index_t prompt_length, index_t* common);
  GptSlot& vacate(const GptSlot* source);
  void copy(GptSlot& to, GptSlot& from, index_t length);
  void count_bytes();

  const GptSession& session_;
  const GptSession* draft_;
  const index_t capacity_, kept_;
  const bool share_;
  std::uint64_t clock_ = 0;
  std::atomic<std::size_t> bytes_{0};
  std::vector<std::unique_ptr<GptSlot>> slots_;
};

// How many tokens two texts begin with in common, of `most`.
index_t common_prefix(const TokenIds& a, const TokenIds& b, index_t most);

}  // namespace tt::runtime
