// What GptGenerator computes in a step.
#include <algorithm>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/generate/generator.hpp"
#include "tinytorch/runtime/generate/pick.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kWorthWaiting = 16;  // tokens of a prompt that another request is about to read

}  // namespace

// True where a request that came earlier will read the beginning of this one's prompt.
bool GptGenerator::should_wait(const Running& r) const {
  if (!options_.share_prefixes) return false;
  for (const auto& other : running_) {
    if (other.get() == &r) return false;
    if (!other->reading()) continue;
    const index_t most = std::min(r.prompt_length - 1, other->prompt_length);
    const index_t common = common_prefix(r.tokens(), other->tokens(), most);
    const index_t known = std::max(r.slot->length(), other->slot->length());
    if (common - known >= kWorthWaiting) return true;
  }
  return false;
}

void GptGenerator::plan() {
  index_t budget = options_.prompt_tokens;
  for (const auto& r : running_) {
    r->chunk = r->draft_chunk = r->wanted = r->rows = 0;
    if (r->reading()) {
      plan_reading(*r, &budget);
    } else {
      plan_guesses(*r);
    }
  }
}

void GptGenerator::plan_reading(Running& r, index_t* budget) {
  const index_t read = r.slot->length();
  slots_.share(*r.slot, r.prompt_length);
  r.request->count_cached(r.slot->length() - read);
  if (should_wait(r)) return;
  index_t left = r.prompt_length - r.slot->length();
  if (r.model_drafts) {
    // The model's last token waits for the draft, so that the first guesses come after it always.
    const index_t draft_left = r.prompt_length - 1 - r.slot->draft_valid;
    r.draft_chunk = std::clamp<index_t>(draft_left, 0, *budget);
    if (draft_left > r.draft_chunk) --left;
  }
  r.chunk = std::min(left, *budget);
  *budget -= std::max(r.chunk, r.draft_chunk);
}

void GptGenerator::plan_guesses(Running& r) const {
  r.guesses.clear();
  if (r.options.draft == Draft::none) return;
  // Room for what is fed, and no more than the last token but one.
  const index_t wanted = std::min(
      {r.options.draft_tokens, slots_.capacity() - r.length(), r.most - r.generated() - 1});
  if (r.options.draft == Draft::lookup) {
    look_up(r.tokens(), r.options.ngram, wanted, r.guesses);
  } else if (r.model_drafts) {
    r.wanted = std::max<index_t>(0, std::min(wanted, slots_.draft_capacity() - r.length() + 1));
  }
}

void GptGenerator::feed(Running& r) {
  const std::int64_t* tokens = r.tokens().data() + r.slot->length();
  index_t count = r.chunk;
  if (r.reading()) {
    if (count == 0) return;
    r.rows = r.slot->length() + count == r.prompt_length ? 1 : 0;
  } else {
    r.fed.assign(1, r.tokens().back());
    r.fed.insert(r.fed.end(), r.guesses.begin(), r.guesses.end());
    tokens = r.fed.data();
    count = r.rows = static_cast<index_t>(r.fed.size());
  }
  inputs_.push_back({&r.slot->sequence, tokens, count, r.rows});
}

void GptGenerator::compute() {
  if (drafter_) drafter_->run(running_);
  inputs_.clear();
  picking_.clear();
  index_t rows = 0;
  for (const auto& r : running_) {
    if (r->error) continue;
    feed(*r);
    r->row = rows;
    rows += r->rows;
    if (r->rows > 0) picking_.push_back(r.get());
  }
  logits_.resize(std::max(logits_.size(), static_cast<std::size_t>(rows * session_.vocabulary())));
  if (!inputs_.empty()) session_.append(inputs_, logits_.data());
}

// A constraint may be anybody's code: it runs on the caller's thread, and sees the tokens of its
// request only as far as they are kept.
void GptGenerator::pick_all() {
  const Uninterrupted whole;
  parallel_for(static_cast<index_t>(picking_.size()), 1, [this](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      Running& r = *picking_[static_cast<std::size_t>(i)];
      if (!r.options.constraint) pick_rows(r, false);
    }
  });
  for (Running* r : picking_) {
    if (r->options.constraint) {
      pick_rows(*r, true);
    } else {
      take_all(*r);
    }
  }
}

void GptGenerator::pick_rows(Running& r, bool take_each) {
  const index_t vocabulary = session_.vocabulary(), before = r.length();
  float* row = logits_.data() + r.row * vocabulary;
  r.picked.clear();
  r.accepted = 0;
  try {
    for (bool more = true; more && r.finish == Finish::none; row += vocabulary) {
      more = pick_next(r, row, vocabulary);
      if (take_each) take(r, r.picked.back());
    }
  } catch (...) {
    r.error = std::current_exception();
  }
  // What was computed of guesses that were refused is forgotten.
  GptSlot& slot = *r.slot;
  slot.sequence.truncate(std::min(slot.length(), r.length() - 1));
  if (r.guesses.empty()) return;
  if (r.model_drafts) slot.draft_valid = std::min(slot.draft->length(), before + r.accepted);
  r.request->count_drafts(static_cast<index_t>(r.guesses.size()), r.accepted);
}

void GptGenerator::take_all(Running& r) {
  try {
    for (const std::int64_t token : r.picked) {
      if (r.finish == Finish::none) take(r, token);
    }
  } catch (...) {
    r.error = std::current_exception();
  }
}

void GptGenerator::take(Running& r, std::int64_t token) {
  const bool stopped = r.request->take(token, text_of(token));
  ++r.taken;
  if (stopped) {
    r.finish = Finish::stop;
  } else if (r.taken == r.most) {
    r.finish = r.most == r.options.max_new_tokens ? Finish::length : Finish::capacity;
  }
}

// Asked for once for each token: the answer may take Python's lock.
const std::string& GptGenerator::text_of(std::int64_t token) {
  static const std::string none;
  if (!bytes_of_) return none;
  texts_.resize(static_cast<std::size_t>(session_.vocabulary()));
  auto& text = texts_[static_cast<std::size_t>(token)];
  if (!text) text = std::make_unique<std::string>(bytes_of_(token));
  return *text;
}

}  // namespace tt::runtime
