// A request in the hands of a generator.
#pragma once
#include <memory>

#include "tinytorch/runtime/generate/distribution.hpp"
#include "tinytorch/runtime/generate/slots.hpp"

namespace tt::runtime {

struct Running {
  std::shared_ptr<GptRequest> request;
  GenerationOptions options;
  TokenIds prompt;  // until a slot has it
  index_t prompt_length = 0;
  index_t most = 0;  // tokens that will come at most

  GptSlot* slot = nullptr;
  bool model_drafts = false;  // a draft model guesses for it
  SeenTokens seen;            // kept where there is a repetition penalty

  // Of one step.
  index_t chunk = 0, draft_chunk = 0;      // tokens of the prompt that are read, by each model
  index_t wanted = 0;                      // guesses
  TokenIds guesses, fed;                   // the last token and the guesses
  std::vector<Distribution> guessed_from;  // a model's guesses
  index_t row = 0, rows = 0;               // in the logits
  Distribution next;
  TokenIds picked;
  index_t accepted = 0;  // guesses

  index_t taken = 0;  // tokens that the request got
  std::exception_ptr error;
  Finish finish = Finish::none;

  TokenIds& tokens() const { return slot->tokens; }
  index_t length() const { return static_cast<index_t>(tokens().size()); }
  index_t generated() const { return length() - prompt_length; }
  bool reading() const { return generated() == 0; }
  bool penalizes() const { return options.sampling.repetition_penalty != 1.0; }
};

}  // namespace tt::runtime
