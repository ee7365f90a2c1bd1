#include "tinytorch/runtime/generate/slots.hpp"

#include <algorithm>
#include <utility>

namespace tt::runtime {

index_t common_prefix(const TokenIds& a, const TokenIds& b, index_t most) {
  const auto n = std::min({static_cast<index_t>(a.size()), static_cast<index_t>(b.size()), most});
  return std::mismatch(a.begin(), a.begin() + n, b.begin()).first - a.begin();
}

SlotPool::SlotPool(const GptSession& session, const GptSession* draft, index_t capacity,
                   index_t kept, bool share)
    : session_(session), draft_(draft), capacity_(capacity), kept_(kept), share_(share) {}

index_t SlotPool::draft_capacity() const {
  return draft_ == nullptr ? 0 : std::min(capacity_, draft_->max_length());
}

void SlotPool::count_bytes() {
  std::size_t total = 0;
  for (const auto& s : slots_) total += s->sequence.bytes() + (s->draft ? s->draft->bytes() : 0);
  bytes_.store(total);
}

// The slot that has computed most of the prompt's beginning. At least one token of a prompt is
// always left to compute, for its logits.
GptSlot* SlotPool::most_alike(const TokenIds& prompt, index_t prompt_length, index_t* common) {
  GptSlot* best = nullptr;
  *common = 0;
  for (const auto& s : slots_) {
    if (!share_ || &s->tokens == &prompt) continue;
    const index_t here = common_prefix(prompt, s->tokens, std::min(s->length(), prompt_length - 1));
    if (here > *common) best = s.get(), *common = here;
  }
  return best;
}

// A slot whose text may go: a new one while few stand idle, else the one that is idle for longest,
// `source` only if there is no other.
GptSlot& SlotPool::vacate(const GptSlot* source) {
  index_t idle = 0;
  GptSlot* chosen = nullptr;
  const auto rank = [&](const GptSlot* s) { return std::pair(s == source, s->used); };
  for (const auto& s : slots_) {
    if (s->taken) continue;
    ++idle;
    if (chosen == nullptr || rank(s.get()) < rank(chosen)) chosen = s.get();
  }
  if (idle > kept_) return *chosen;
  slots_.push_back(
      std::make_unique<GptSlot>(GptSlot{session_.make_sequence(capacity_), {}, {}, 0, false, 0}));
  slots_.back()->tokens.reserve(static_cast<std::size_t>(capacity_) + 1);
  count_bytes();
  return *slots_.back();
}

GptSlot& SlotPool::acquire(const TokenIds& prompt, bool with_draft) {
  const auto length = static_cast<index_t>(prompt.size());
  index_t common = 0;
  GptSlot* source = most_alike(prompt, length, &common);
  // A text that goes on where a finished one ended takes its place.
  const bool goes_on = source != nullptr && !source->taken && source->length() == common;
  GptSlot& slot = goes_on ? *source : vacate(source);
  if (with_draft && !slot.draft) {
    slot.draft = draft_->make_sequence(draft_capacity());
    count_bytes();
  }
  if (&slot == source) {
    slot.sequence.truncate(common);
    slot.draft_valid = std::min(slot.draft_valid, common);
  } else {
    slot.sequence.truncate(0);
    slot.draft_valid = 0;
    if (source != nullptr) copy(slot, *source, common);
  }
  slot.tokens.assign(prompt.begin(), prompt.end());
  slot.taken = true;
  slot.used = ++clock_;
  return slot;
}

void SlotPool::copy(GptSlot& to, GptSlot& from, index_t length) {
  to.sequence.copy_prefix(from.sequence, length);
  from.used = ++clock_;
  if (!to.draft || !from.draft) return;
  const index_t known = std::min(length, from.draft_valid);
  if (known <= to.draft_valid) return;
  to.draft->copy_prefix(*from.draft, known);
  to.draft_valid = known;
}

void SlotPool::share(GptSlot& slot, index_t prompt_length) {
  index_t common = 0;
  GptSlot* source = most_alike(slot.tokens, prompt_length, &common);
  if (source == nullptr || common <= slot.length()) return;
  copy(slot, *source, common);
}

void SlotPool::release(GptSlot& slot) {
  slot.taken = false;
  slot.used = ++clock_;
}

void SlotPool::clear() {
  std::erase_if(slots_, [](const auto& s) { return !s->taken; });
  count_bytes();
}

}  // namespace tt::runtime
