#include "tinytorch/runtime/generate/generator.hpp"

#include <algorithm>
#include <utility>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kMostGuesses = 64;

void require_at_least(const char* name, index_t value, index_t least) {
  if (value < least) fail<ValueError>(name, " must be at least ", least, ", got ", value);
}

void require_known(const char* what, std::int64_t token, index_t vocabulary) {
  if (token < 0 || token >= vocabulary) {
    fail<ValueError>(what, " must be in [0, ", vocabulary, "), got ", token);
  }
}

index_t capacity_of(const GptSession& session, index_t asked) {
  if (asked < 0 || asked > session.max_length()) {
    fail<ValueError>("capacity must be 1 to ", session.max_length(),
                     " positions, or 0 for all of them, got ", asked);
  }
  return asked == 0 ? session.max_length() : asked;
}

}  // namespace

// The thread that has it advances the requests.
class GptGenerator::Busy {
 public:
  explicit Busy(GptGenerator& g) : g_(g) {
    if (g_.busy_.exchange(true)) {
      fail<StateError>(
          "the generator is in a step: in another thread, or in this one, from within a "
          "constraint. One thread at a time may run it; others may submit and cancel");
    }
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() {
    g_.busy_.store(false);
    g_.drain();
  }

 private:
  GptGenerator& g_;
};

GptGenerator::GptGenerator(const GptSession& session, const GeneratorOptions& options,
                           const GptSession* draft, TokenBytes bytes_of)
    : session_(session),
      draft_(draft),
      options_(options),
      bytes_of_(std::move(bytes_of)),
      slots_(session, draft, capacity_of(session, options.capacity),
             options.share_prefixes ? options.kept : 0, options.share_prefixes) {
  require_at_least("max_running", options.max_running, 1);
  require_at_least("kept", options.kept, 0);
  require_at_least("prompt_tokens", options.prompt_tokens, 1);
  if (draft == nullptr) return;
  if (draft->vocabulary() != session.vocabulary()) {
    fail<ValueError>("a draft model must have the vocabulary of the model, ", session.vocabulary(),
                     " tokens; it has ", draft->vocabulary());
  }
  drafter_.emplace(*draft);
}

GptGenerator::~GptGenerator() {
  for (const auto& r : waiting_) r->request->end(Finish::cancelled);
  for (const auto& r : running_) r->request->end(Finish::cancelled);
}

void GptGenerator::check(const TokenIds& prompt, const GenerationOptions& o) const {
  const index_t vocabulary = session_.vocabulary();
  if (prompt.empty()) fail<ValueError>("a prompt must have at least one token");
  for (const std::int64_t t : prompt) require_known("the tokens of a prompt", t, vocabulary);
  if (static_cast<index_t>(prompt.size()) > slots_.capacity()) {
    fail<ValueError>("a prompt of ", prompt.size(), " tokens does not fit into sequences of ",
                     slots_.capacity(), " positions");
  }
  runtime::check(o.sampling);
  check_tokens(o.sampling, vocabulary);
  require_at_least("max_new_tokens", o.max_new_tokens, -1);
  for (const TokenIds& s : o.stop_tokens) {
    for (const std::int64_t t : s) require_known("the tokens of a stop sequence", t, vocabulary);
  }
  if (!o.stop_text.empty() && !bytes_of_) {
    fail<ValueError>("a stop sequence of text needs a generator with a tokenizer");
  }
  if (o.draft == Draft::none) return;
  if (o.draft == Draft::model && draft_ == nullptr) {
    fail<ValueError>("speculation by a draft model needs a generator that has one");
  }
  require_at_least("ngram", o.ngram, 1);
  if (o.draft_tokens < 1 || o.draft_tokens > kMostGuesses) {
    fail<ValueError>("draft_tokens must be in [1, ", kMostGuesses, "], got ", o.draft_tokens);
  }
}

std::shared_ptr<GptRequest> GptGenerator::submit(TokenIds prompt, GenerationOptions options) {
  check(prompt, options);
  auto r = std::make_unique<Running>();
  r->prompt_length = static_cast<index_t>(prompt.size());
  const index_t room = slots_.capacity() - r->prompt_length + 1;
  const index_t asked = options.max_new_tokens;
  r->most = asked < 0 ? room : std::min(asked, room);
  r->prompt = std::move(prompt);
  r->options = std::move(options);
  const std::lock_guard lock(inbox_);
  auto request = std::make_shared<GptRequest>(next_id_, r->prompt_length, r->options);
  r->request = request;
  if (r->most == 0) {
    request->end(Finish::length);
  } else {
    waiting_.push_back(std::move(r));
  }
  ++next_id_;
  return request;
}

index_t GptGenerator::running() const {
  const std::lock_guard lock(inbox_);
  return static_cast<index_t>(active_.size());
}
index_t GptGenerator::waiting() const {
  const std::lock_guard lock(inbox_);
  return static_cast<index_t>(waiting_.size());
}

bool GptGenerator::cancel(std::int64_t id) {
  std::unique_ptr<Running> gone;  // with what its constraint holds, after the lock
  {
    const std::lock_guard lock(inbox_);
    const auto at = std::find_if(waiting_.begin(), waiting_.end(),
                                 [&](const auto& r) { return r->request->id() == id; });
    if (at != waiting_.end()) {
      gone = std::move(*at);
      waiting_.erase(at);
      gone->request->end(Finish::cancelled);
      return true;
    }
    if (std::find(active_.begin(), active_.end(), id) == active_.end()) return false;
    cancels_.push_back(id);
  }
  drain();
  return true;
}

// Cancels what is to be cancelled now, unless somebody is in a step: they do it when they leave.
void GptGenerator::drain() {
  for (;;) {
    {
      const std::lock_guard lock(inbox_);
      if (cancels_.empty()) return;
    }
    if (busy_.exchange(true)) return;
    apply_cancels();
    settle();
    busy_.store(false);
  }
}

void GptGenerator::apply_cancels() {
  const std::lock_guard lock(inbox_);
  for (const auto& r : running_) {
    const auto id = r->request->id();
    if (std::find(cancels_.begin(), cancels_.end(), id) == cancels_.end()) continue;
    if (r->finish == Finish::none) r->finish = Finish::cancelled;
  }
  cancels_.clear();
}

void GptGenerator::admit() {
  while (static_cast<index_t>(running_.size()) < options_.max_running) {
    std::unique_ptr<Running> r;
    {
      const std::lock_guard lock(inbox_);
      if (waiting_.empty()) return;
      r = std::move(waiting_.front());
      waiting_.pop_front();
      active_.push_back(r->request->id());
    }
    running_.push_back(std::move(r));
    try {
      join(*running_.back());
    } catch (...) {  // no memory for its sequence
      running_.back()->error = std::current_exception();
    }
  }
}

void GptGenerator::join(Running& r) {
  const SamplingOptions& sampling = r.options.sampling;
  const bool by_model = r.options.draft == Draft::model;
  r.model_drafts = by_model && r.prompt_length < slots_.draft_capacity();
  if (r.options.draft != Draft::none) {
    const auto guesses = static_cast<std::size_t>(r.options.draft_tokens);
    r.guesses.reserve(guesses);
    r.fed.reserve(guesses + 1);
    r.picked.reserve(guesses + 1);
    if (r.model_drafts) {
      r.guessed_from.resize(guesses);
      r.next.expect_drafts(session_.vocabulary());
    }
  }
  if (sampling.repetition_penalty != 1.0) {
    r.seen = SeenTokens(session_.vocabulary(), slots_.capacity() + 1 + kMostGuesses);
    for (const std::int64_t t : r.prompt) r.seen.add(t);
  }
  r.slot = &slots_.acquire(r.prompt, r.model_drafts);
  r.prompt = {};
  r.request->admit(r.most);
  r.request->count_cached(r.slot->length());
}

// Lets go of requests that have an end.
void GptGenerator::settle() {
  for (auto& r : running_) {
    if (r->error) r->finish = Finish::error;
    if (r->finish == Finish::none) continue;
    if (r->slot != nullptr) slots_.release(*r->slot);
    {
      const std::lock_guard lock(inbox_);
      std::erase(active_, r->request->id());
    }
    r->request->end(r->finish, r->error);
    r.reset();
  }
  std::erase(running_, nullptr);
}

bool GptGenerator::step() {
  const Busy busy(*this);
  admit();
  apply_cancels();
  settle();
  if (running_.empty()) return waiting() > 0;
  plan();
  compute();
  pick_all();
  apply_cancels();
  settle();
  return !running_.empty() || waiting() > 0;
}

void GptGenerator::run(const GptRequest& request) {
  while (!request.finished()) {
    throw_if_interrupted();
    if (!step() && !request.finished()) {
      fail<ValueError>("the request was submitted to another generator");
    }
  }
}

void GptGenerator::run() {
  do {
    throw_if_interrupted();
  } while (step());
}

void GptGenerator::close() {
  const Busy busy(*this);
  std::deque<std::unique_ptr<Running>> waiting;
  {
    const std::lock_guard lock(inbox_);
    waiting.swap(waiting_);
  }
  for (const auto& r : waiting) r->request->end(Finish::cancelled);
  for (const auto& r : running_) r->finish = Finish::cancelled;
  settle();
  slots_.clear();
}

}  // namespace tt::runtime
