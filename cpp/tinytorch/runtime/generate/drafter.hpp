// A draft model's part in speculative decoding: it reads the prompts along, and guesses the next
// tokens of all requests that want it, together.
#pragma once
#include "tinytorch/runtime/generate/running.hpp"

namespace tt::runtime {

class Drafter {
 public:
  explicit Drafter(const GptSession& draft) : draft_(draft) {}

  // Reads each request's `draft_chunk` of its prompt, or makes `wanted` guesses where it has none.
  // Guesses are drawn as tokens are, but for the constraint. May be interrupted and called again.
  void run(const std::vector<std::unique_ptr<Running>>& running);

 private:
  void feed(Running& r, const std::int64_t* tokens, index_t count, index_t wanted);
  void guess_all();
  void guess(Running& r, float* logits);

  const GptSession& draft_;
  std::vector<GptInput> inputs_;
  std::vector<Running*> guessing_;
  std::vector<float> logits_;
};

}  // namespace tt::runtime
