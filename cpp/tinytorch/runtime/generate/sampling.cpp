#include "tinytorch/runtime/generate/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/rng.hpp"

namespace tt::runtime {
namespace {

void require(bool good, const char* name, const char* range, double value) {
  if (!good) fail<ValueError>(name, " must be ", range, ", got ", value);
}

}  // namespace

void check(const SamplingOptions& o) {
  const auto share = [](double x) { return x >= 0.0 && x <= 1.0; };  // false for NaN
  require(o.temperature >= 0.0 && std::isfinite(o.temperature), "temperature",
          "a finite number of at least 0 (0 takes the likeliest token)", o.temperature);
  if (o.top_k < 0) fail<ValueError>("top_k must be at least 0 (0 keeps all), got ", o.top_k);
  require(share(o.top_p), "top_p", "in [0, 1] (1 keeps all)", o.top_p);
  require(share(o.min_p), "min_p", "in [0, 1] (0 keeps all)", o.min_p);
  require(o.repetition_penalty > 0.0 && std::isfinite(o.repetition_penalty), "repetition_penalty",
          "a finite number above 0 (1 changes nothing)", o.repetition_penalty);
  for (const auto& [token, bias] : o.logit_bias) {
    if (!(bias < std::numeric_limits<float>::infinity())) {
      fail<ValueError>("logit_bias of token ", token,
                       " must be a finite number or -inf (which forbids it), got ", bias);
    }
  }
}

void check_tokens(const SamplingOptions& o, index_t vocabulary) {
  for (const auto& [token, bias] : o.logit_bias) {
    if (token < 0 || token >= vocabulary) {
      fail<ValueError>("tokens of logit_bias must be in [0, ", vocabulary, "), got ", token);
    }
  }
}

SeenTokens::SeenTokens(index_t vocabulary, index_t most)
    : seen_(static_cast<std::size_t>(vocabulary)) {
  tokens_.reserve(static_cast<std::size_t>(std::min(vocabulary, most)));
}

void SeenTokens::add(std::int64_t token) {
  if (seen_[static_cast<std::size_t>(token)]) return;
  seen_[static_cast<std::size_t>(token)] = true;
  tokens_.push_back(token);
}

void SeenTokens::forget_from(index_t count) {
  while (this->count() > count) {
    seen_[static_cast<std::size_t>(tokens_.back())] = false;
    tokens_.pop_back();
  }
}

void SeenTokens::penalize(float* logits, double penalty) const {
  for (const std::int64_t t : tokens_) {
    const double x = logits[t];
    logits[t] = static_cast<float>(x > 0 ? x / penalty : x * penalty);
  }
}

void add_bias(float* logits, const SamplingOptions& options) {
  for (const auto& [token, bias] : options.logit_bias) logits[token] += bias;
}

double uniform(std::uint64_t seed, Draw purpose, index_t place) {
  const auto r =
      philox(seed, static_cast<std::uint64_t>(place), static_cast<std::uint64_t>(purpose));
  const std::uint64_t bits = (std::uint64_t{r[0]} << 32) | r[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace tt::runtime
