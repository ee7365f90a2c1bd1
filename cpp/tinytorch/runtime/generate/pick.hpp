// The next tokens of a request, from the logits of its step: one, or with guesses as many as the
// model agrees with and one more (Leviathan et al. 2023, "Fast inference from transformers via
// speculative decoding"). A guess x that was drawn with probability q(x) is kept with probability
// min(1, p(x) / q(x)), else replaced by a draw from max(0, p - q): what comes out is distributed
// as p, with temperature 0 it is the likeliest token.
#pragma once
#include "tinytorch/runtime/generate/running.hpp"

namespace tt::runtime {

// Picks the token of row `picked.size()` and appends it to picked and the slot's tokens. True where
// the next row stands: a guess was kept. The row of logits is changed.
bool pick_next(Running& r, float* row, index_t vocabulary);

// `count` guesses: what followed the last `ngram` tokens of the text (or fewer, down to one) where
// these were last seen before, as in LZ77 beyond the text's end too. None if even the last token is
// new.
void look_up(const TokenIds& text, index_t ngram, index_t count, TokenIds& guesses);

}  // namespace tt::runtime
