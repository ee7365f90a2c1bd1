// Small GPTs with random weights.
#pragma once
#include "runtime/support.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/generate/generator.hpp"

namespace tt::runtime::test {

inline models::GptConfig small_config(index_t vocabulary = 23, index_t max_length = 64) {
  models::GptConfig c;
  c.vocabulary = vocabulary, c.width = 16, c.layers = 2, c.heads = 2, c.max_length = max_length;
  return models::completed(c);
}

// `sharp` makes some tokens much likelier than others.
inline GptSession small_session(const models::GptConfig& config, std::uint64_t seed = 1,
                                Precision precision = Precision::f32, float sharp = 1.0f) {
  models::GptModel m;
  m.config = config;
  m.blocks.resize(static_cast<std::size_t>(config.layers));
  for (const models::GptArray& a : arrays_of(m)) {
    if (a.need == models::GptArray::Need::absent) continue;
    *a.array = normal(a.shape, ++seed * 1000, a.name == "norm.gamma" ? sharp : 0.5f);
  }
  return GptSession(m, {precision, precision, kernels::CacheFormat::f32});
}

inline TokenIds random_prompt(index_t length, std::uint64_t seed, index_t vocabulary = 23) {
  Generator g(seed);
  TokenIds tokens;
  for (index_t i = 0; i < length; ++i) {
    tokens.push_back(static_cast<std::int64_t>(g.below(static_cast<std::uint64_t>(vocabulary))));
  }
  return tokens;
}

// What a request gets, token by token and from the whole text each time.
inline TokenIds plain(const GptSession& session, const TokenIds& prompt, index_t count,
                      const SamplingOptions& sampling) {
  TokenIds text = prompt;
  std::vector<float> logits(static_cast<std::size_t>(session.vocabulary()));
  for (index_t place = 0; place < count; ++place) {
    GptSequence sequence = session.make_sequence(session.max_length());
    session.append({{&sequence, text.data(), static_cast<index_t>(text.size()), 1}}, logits.data());
    SeenTokens seen(session.vocabulary(), 0);
    for (const std::int64_t t : text) seen.add(t);
    if (sampling.repetition_penalty != 1) seen.penalize(logits.data(), sampling.repetition_penalty);
    add_bias(logits.data(), sampling);
    Distribution d;
    d.set(logits.data(), session.vocabulary(), sampling);
    text.push_back(d.draw(uniform(sampling.seed, Draw::token, place)));
  }
  return {text.begin() + static_cast<index_t>(prompt.size()), text.end()};
}

// Restores the number of threads.
struct Threads {
  explicit Threads(int count) : before(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
  int before;
};

// Options of many kinds, by seed.
inline GenerationOptions sampled(std::uint64_t seed, index_t count) {
  GenerationOptions o;
  o.max_new_tokens = count;
  o.sampling.seed = seed;
  o.sampling.temperature = seed % 3 == 0 ? 0.0 : 0.9;
  o.sampling.top_k = seed % 2 == 0 ? 8 : 0;
  o.sampling.top_p = seed % 5 == 0 ? 0.8 : 1.0;
  o.sampling.repetition_penalty = seed % 4 == 0 ? 1.3 : 1.0;
  return o;
}

}  // namespace tt::runtime::test
