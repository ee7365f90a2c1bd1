// Text generation for many requests at once. Each step runs the model once, over the next token of
// every request that is under way and over pieces of the prompts of those that have joined; what is
// finished makes room for what waits (continuous batching: Yu et al. 2022, "Orca").
//
// A request's tokens are a function of the model, its prompt and its options alone: the same
// whatever else is in the batch, whatever of its prompt was computed for another, for any chunks
// and any number of threads.
//
// `submit` and `cancel` may be called by any thread at any time, the rest by one at a time. In
// steady state nothing is allocated: a request makes room for its tokens when it joins, its text
// grows, and slots, logits and scratch memory are as many as the largest step so far needed.
#pragma once
#include <atomic>
#include <deque>

#include "tinytorch/runtime/generate/drafter.hpp"

namespace tt::runtime {

using TokenBytes = std::function<std::string(std::int64_t token)>;

struct GeneratorOptions {
  index_t max_running = 8;
  index_t kept = 2;             // texts of finished requests that are kept for their prefixes
  index_t capacity = 0;         // positions of a sequence; 0: as many as the model has
  index_t prompt_tokens = 256;  // read per step, of all prompts
  bool share_prefixes = true;
};

class GptGenerator {
 public:
  // The sessions must outlive the generator. `bytes_of` gives a token's text, wherever it stands.
  // ValueError for options out of range or a draft of another vocabulary.
  GptGenerator(const GptSession& session, const GeneratorOptions& options,
               const GptSession* draft = nullptr, TokenBytes bytes_of = {});
  GptGenerator(const GptGenerator&) = delete;
  GptGenerator& operator=(const GptGenerator&) = delete;
  ~GptGenerator();  // requests that are not finished end as cancelled

  // ValueError for an empty prompt, a token outside the vocabulary, a prompt that is longer than a
  // sequence, and options out of range.
  std::shared_ptr<GptRequest> submit(TokenIds prompt, GenerationOptions options);
  // Ends a request, at the latest when the step under way ends. False if none has that number.
  bool cancel(std::int64_t id);

  // One step. False when nothing is left to do. What fails in one request ends that request;
  // Interrupted, or memory that runs out, leaves all of them as they were.
  // StateError where another thread, or a caller further up, is in a step.
  bool step();
  // Steps until the request is finished; until all are.
  void run(const GptRequest& request);
  void run();
  // Cancels everything and frees the sequences.
  void close();

  index_t running() const;
  index_t waiting() const;
  index_t capacity() const { return slots_.capacity(); }
  std::size_t cache_bytes() const { return slots_.bytes(); }  // of keys and values

 private:
  class Busy;

  // generator.cpp: requests come and go.
  void check(const TokenIds& prompt, const GenerationOptions& options) const;
  void apply_cancels();
  void admit();
  void join(Running& r);
  void settle();
  void drain();
  // step.cpp: what a step computes.
  bool should_wait(const Running& r) const;
  void plan();
  void plan_reading(Running& r, index_t* budget);
  void plan_guesses(Running& r) const;
  void compute();
  void feed(Running& r);
  void pick_all();
  void pick_rows(Running& r, bool take_each);
  void take_all(Running& r);
  void take(Running& r, std::int64_t token);
  const std::string& text_of(std::int64_t token);

  const GptSession& session_;
  const GptSession* draft_;
  const GeneratorOptions options_;
  TokenBytes bytes_of_;
  SlotPool slots_;
  std::optional<Drafter> drafter_;

  mutable std::mutex inbox_;  // guards the four that follow
  std::int64_t next_id_ = 0;
  std::deque<std::unique_ptr<Running>> waiting_;
  std::vector<std::int64_t> active_, cancels_;  // requests that have joined, that are to end

  std::atomic<bool> busy_{false};  // the rest belongs to the thread that set it
  std::vector<std::unique_ptr<Running>> running_;
  std::vector<GptInput> inputs_;
  std::vector<Running*> picking_;
  std::vector<float> logits_;
  std::vector<std::unique_ptr<std::string>> texts_;  // of tokens that came so far
};

}  // namespace tt::runtime
