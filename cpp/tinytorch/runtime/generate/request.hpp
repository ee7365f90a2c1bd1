// One text to generate: what is asked for, and what has come of it so far.
#pragma once
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "tinytorch/runtime/generate/output.hpp"
#include "tinytorch/runtime/generate/sampling.hpp"

namespace tt::runtime {

// Changes the logits of the next token in place, given the prompt and all tokens so far. Called
// once for each token that the request gets, in their order. An exception ends the request.
using Constraint = std::function<void(const std::int64_t* tokens, index_t count, float* logits,
                                      index_t vocabulary)>;

// Where guesses come from that the model checks many at a time.
enum class Draft : std::uint8_t {
  none,
  model,   // a second, smaller model
  lookup,  // what followed the last tokens when they were there before (Saxena 2023)
};

struct GenerationOptions {
  SamplingOptions sampling;
  index_t max_new_tokens = -1;  // -1: as many as there is room for
  std::vector<TokenIds> stop_tokens;
  std::vector<std::string> stop_text;  // bytes; needs a decoder
  Constraint constraint;
  Draft draft = Draft::none;
  index_t draft_tokens = 4;  // guesses at a time
  index_t ngram = 3;  // of lookup: tokens that must agree, fewer where there is no such place
};

enum class Finish : std::uint8_t { none, stop, length, capacity, cancelled, error };
const char* name_of(Finish finish);  // "" for none

// A request is advanced by the generator that it was given to; any thread may look at it meanwhile.
class GptRequest {
 public:
  using Clock = std::chrono::steady_clock;

  struct Status {
    Finish finish = Finish::none;
    index_t tokens = 0, text = 0;             // that may be shown; text in bytes
    index_t token_stop = -1, text_stop = -1;  // the stop sequence found, see GeneratedText
    index_t cached = 0;  // tokens of the prompt that another request had computed
    index_t drafted = 0, accepted = 0;
    double admitted = 0, finished = 0;  // seconds since the request was submitted
  };

  GptRequest(std::int64_t id, index_t prompt_length, const GenerationOptions& options);

  std::int64_t id() const { return id_; }
  index_t prompt_length() const { return prompt_length_; }
  Status status() const;
  bool finished() const { return status().finish != Finish::none; }
  // What may be shown, from `from` on.
  TokenIds tokens(index_t from = 0) const;
  std::string text(index_t from = 0) const;  // bytes
  // When each token came, in seconds since the request was submitted; those of one step at nearly
  // the same time.
  std::vector<double> times() const;
  // What ended the request, where finish is `error`.
  std::exception_ptr error() const;
  void forget_error();  // an exception may hold on to much

  // For the generator.
  void admit(index_t most);  // so many tokens will come at most
  void count_cached(index_t tokens);
  // True where a stop sequence ended.
  bool take(std::int64_t token, std::string_view bytes);
  void count_drafts(index_t drafted, index_t accepted);
  void end(Finish finish, std::exception_ptr error = nullptr);

 private:
  double since_submitted() const {
    return std::chrono::duration<double>(Clock::now() - submitted_).count();
  }

  const std::int64_t id_;
  const index_t prompt_length_;
  const Clock::time_point submitted_ = Clock::now();
  mutable std::mutex mutex_;  // guards what follows
  GeneratedText output_;
  Status status_;
  std::vector<double> times_;
  std::exception_ptr error_;
};

}  // namespace tt::runtime
