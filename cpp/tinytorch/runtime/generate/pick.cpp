#include "tinytorch/runtime/generate/pick.hpp"

#include <algorithm>

namespace tt::runtime {
namespace {

// The guess, or what replaces it.
std::int64_t judge(Running& r, std::int64_t guess, const Distribution* guessed_from, index_t place,
                   bool* kept) {
  const std::uint64_t seed = r.options.sampling.seed;
  const double p = r.next.probability(guess);
  const double q = guessed_from == nullptr ? 1.0 : guessed_from->probability(guess);
  *kept = uniform(seed, Draw::acceptance, place) * q < p;
  if (*kept) return guess;
  if (guessed_from == nullptr) {
    r.next.subtract(guess);
  } else {
    r.next.subtract(*guessed_from);
  }
  return r.next.draw(uniform(seed, Draw::residual, place));
}

}  // namespace

bool pick_next(Running& r, float* row, index_t vocabulary) {
  const SamplingOptions& sampling = r.options.sampling;
  const index_t place = r.generated();
  if (r.penalizes()) r.seen.penalize(row, sampling.repetition_penalty);
  add_bias(row, sampling);
  if (r.options.constraint) r.options.constraint(r.tokens().data(), r.length(), row, vocabulary);
  r.next.set(row, vocabulary, sampling);
  const std::size_t i = r.picked.size();
  bool kept = false;
  std::int64_t token;
  if (i < r.guesses.size()) {
    token = judge(r, r.guesses[i], r.model_drafts ? &r.guessed_from[i] : nullptr, place, &kept);
    r.accepted += kept;
  } else {
    token = r.next.draw(uniform(sampling.seed, Draw::token, place));
  }
  r.picked.push_back(token);
  r.tokens().push_back(token);
  if (r.penalizes()) r.seen.add(token);
  return kept;
}

void look_up(const TokenIds& text, index_t ngram, index_t count, TokenIds& guesses) {
  guesses.clear();
  const auto length = static_cast<index_t>(text.size());
  for (index_t n = std::min(ngram, length - 1); n > 0 && count > 0; --n) {
    const auto tail = text.end() - n;
    // Backwards from the last place that is not the tail itself.
    for (index_t at = length - n - 1; at >= 0; --at) {
      if (!std::equal(tail, text.end(), text.begin() + at)) continue;
      // Where the text ends, the guesses go on: a text that repeats itself is expected to do so.
      for (index_t i = at + n; static_cast<index_t>(guesses.size()) < count; ++i) {
        const std::int64_t next = i < length ? text[static_cast<std::size_t>(i)]
                                             : guesses[static_cast<std::size_t>(i - length)];
        guesses.push_back(next);
      }
      return;
    }
  }
}

}  // namespace tt::runtime
