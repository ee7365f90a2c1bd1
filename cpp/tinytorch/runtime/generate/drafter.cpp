#include "tinytorch/runtime/generate/drafter.hpp"

#include <algorithm>

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::runtime {

void Drafter::feed(Running& r, const std::int64_t* tokens, index_t count, index_t wanted) {
  inputs_.push_back({&*r.slot->draft, tokens, count, wanted});
  if (wanted > 0) guessing_.push_back(&r);
}

void Drafter::run(const std::vector<std::unique_ptr<Running>>& running) {
  inputs_.clear();
  guessing_.clear();
  for (const auto& r : running) {
    if (!r->model_drafts) continue;
    r->guesses.clear();
    GptSlot& slot = *r->slot;
    // A step that was interrupted may have read all: the last token is read again.
    slot.draft_valid = std::min(slot.draft_valid, r->length() - 1);
    slot.draft->truncate(slot.draft_valid);
    const std::int64_t* next = slot.tokens.data() + slot.draft_valid;
    if (r->draft_chunk > 0) {
      feed(*r, next, r->draft_chunk, 0);
    } else if (r->wanted > 0) {
      feed(*r, next, r->length() - slot.draft_valid, 1);
    }
  }
  if (inputs_.empty()) return;
  logits_.resize(
      std::max(logits_.size(), guessing_.size() * static_cast<std::size_t>(draft_.vocabulary())));
  draft_.append(inputs_, logits_.data());
  for (const auto& r : running) {
    if (r->model_drafts) r->slot->draft_valid = r->slot->draft->length();
  }
  guess_all();
  for (;;) {
    inputs_.clear();
    std::erase_if(guessing_, [](const Running* r) {
      return r->error || static_cast<index_t>(r->guesses.size()) == r->wanted;
    });
    if (guessing_.empty()) return;
    for (Running* r : guessing_) inputs_.push_back({&*r->slot->draft, &r->guesses.back(), 1, 1});
    draft_.append(inputs_, logits_.data());
    guess_all();
  }
}

void Drafter::guess_all() {
  const Uninterrupted whole;
  parallel_for(static_cast<index_t>(guessing_.size()), 1, [this](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      guess(*guessing_[static_cast<std::size_t>(i)], logits_.data() + i * draft_.vocabulary());
    }
  });
}

void Drafter::guess(Running& r, float* logits) {
  try {
    const SamplingOptions& sampling = r.options.sampling;
    if (r.penalizes()) {  // guesses are part of the text that the next one follows
      const index_t before = r.seen.count();
      for (const std::int64_t g : r.guesses) r.seen.add(g);
      r.seen.penalize(logits, sampling.repetition_penalty);
      r.seen.forget_from(before);
    }
    add_bias(logits, sampling);
    const std::size_t i = r.guesses.size();
    Distribution& from = r.guessed_from[i];
    from.set(logits, draft_.vocabulary(), sampling);
    const index_t place = r.generated() + static_cast<index_t>(i);
    r.guesses.push_back(from.draw(uniform(sampling.seed, Draw::draft, place)));
  } catch (...) {
    r.error = std::current_exception();
  }
}

}  // namespace tt::runtime
