// The decoder against the same model run operator by operator, over all positions at once.
#include "tinytorch/models/gpt_decoder.hpp"

#include <cmath>

#include "quant/support.hpp"
#include "support/catch.hpp"
#include "tinytorch/autograd/functions.hpp"

using namespace tt;
using namespace tt::autograd;
using models::GptBlockWeights;
using models::GptDecoder;
using models::GptWeights;

namespace {

constexpr index_t kVocabulary = 13, kWidth = 12, kHeads = 3, kSize = 4, kHidden = 20, kMax = 9;

Array weights(const Shape& shape) {
  static std::uint64_t seed = 0;
  return testing::random_array(shape, ++seed);
}

GptBlockWeights block() {
  const Shape row{kWidth}, square{kWidth, kWidth};
  return {weights(row),
          weights(row),
          weights(square),
          weights(row),
          weights(square),
          weights(row),
          weights(square),
          weights(row),
          weights(square),
          weights(row),
          weights(row),
          weights(row),
          weights({kWidth, kHidden}),
          weights({kHidden}),
          weights({kHidden, kWidth}),
          weights(row)};
}
GptWeights gpt(int blocks) {
  GptWeights w{weights({kVocabulary, kWidth}),
               weights({kMax, kWidth}),
               {},
               weights({kWidth}),
               weights({kWidth}),
               weights({kWidth, kVocabulary})};
  for (int i = 0; i < blocks; ++i) w.blocks.push_back(block());
  return w;
}

Tensor linear_of(const Tensor& x, const Array& w, const Array& b) {
  return add(matmul(x, Tensor(w)), Tensor(b));
}
Tensor heads(const Tensor& x) { return transpose(reshape(x, {x.shape()[0], kHeads, kSize}), 0, 1); }

// Logits of all positions.
Array run_whole(const GptWeights& w, const std::vector<float>& tokens) {
  const auto n = static_cast<index_t>(tokens.size());
  std::vector<float> places;
  for (index_t i = 0; i < n; ++i) places.push_back(static_cast<float>(i));
  Tensor x = add(embedding(Tensor(w.tokens), Tensor(Array::from(tokens, {n}))),
                 embedding(Tensor(w.positions), Tensor(Array::from(places, {n}))));
  for (const GptBlockWeights& b : w.blocks) {
    const Tensor h = layer_norm(x, Tensor(b.norm1_gamma), Tensor(b.norm1_beta), 1e-5);
    const Tensor mixed = scaled_dot_product_attention(
        heads(linear_of(h, b.query, b.query_bias)), heads(linear_of(h, b.key, b.key_bias)),
        heads(linear_of(h, b.value, b.value_bias)), Tensor(), true, std::nullopt);
    x = add(x, linear_of(reshape(transpose(mixed, 0, 1), {n, kWidth}), b.out, b.out_bias));
    const Tensor g = layer_norm(x, Tensor(b.norm2_gamma), Tensor(b.norm2_beta), 1e-5);
    x = add(x, linear_of(unary(Unary::gelu_sigmoid, linear_of(g, b.up, b.up_bias)), b.down,
                         b.down_bias));
  }
  return matmul(layer_norm(x, Tensor(w.norm_gamma), Tensor(w.norm_beta), 1e-5), Tensor(w.head))
      .array();
}

}  // namespace

TEST_CASE("steps give the logits of the whole sequence") {
  for (const int blocks : {0, 1, 3}) {
    const GptWeights w = gpt(blocks);
    const std::vector<float> tokens{3, 0, 12, 12, 7, 1, 5, 2, 11};
    const Array expected = run_whole(w, tokens);
    GptDecoder decoder(w, kHeads, 1e-5f);
    for (int i = 0; i < blocks; ++i) {
      const Shape cache{1, kHeads, kMax, kSize};
      decoder.attach(i, Array::zeros(cache), Array::zeros(cache), 0);
    }
    for (index_t t = 0; t < kMax; ++t) {
      const Array& logits =
          decoder.step(static_cast<index_t>(tokens[static_cast<std::size_t>(t)]), t);
      for (index_t v = 0; v < kVocabulary; ++v) {
        const float whole = expected.data<float>()[t * kVocabulary + v];
        INFO("blocks " << blocks << ", position " << t << ", word " << v);
        CHECK(std::fabs(logits.data<float>()[v] - whole) <= 1e-4f * (1.0f + std::fabs(whole)));
      }
    }
  }
}

TEST_CASE("a decoder goes on from another's cache") {
  const GptWeights w = gpt(2);
  const Shape cache{1, kHeads, kMax, kSize};
  const Array keys[2] = {Array::zeros(cache), Array::zeros(cache)};
  const Array values[2] = {Array::zeros(cache), Array::zeros(cache)};
  GptDecoder first(w, kHeads, 1e-5f), second(w, kHeads, 1e-5f);
  for (int i = 0; i < 2; ++i) first.attach(i, keys[i], values[i], 0);
  for (index_t t = 0; t < 4; ++t) first.step(t, t);
  for (int i = 0; i < 2; ++i) second.attach(i, keys[i].copy(), values[i].copy(), 4);
  CHECK(testing::same_bits(first.step(9, 4).copy(), second.step(9, 4)));
}

TEST_CASE("weights, caches and tokens that do not fit are refused") {
  GptWeights w = gpt(1);
  CHECK_THROWS_AS(GptDecoder(w, 5, 1e-5f), ValueError);
  GptDecoder decoder(w, kHeads, 1e-5f);
  CHECK_THROWS_AS(decoder.step(0, 0), StateError);
  const Array cache = Array::zeros({1, kHeads, kMax, kSize});
  CHECK_THROWS_AS(decoder.attach(1, cache, cache, 0), ValueError);
  CHECK_THROWS_AS(decoder.attach(0, cache, Array::zeros({1, kHeads, kMax}), 0), ShapeError);
  CHECK_THROWS_AS(decoder.attach(0, cache, cache, kMax + 1), ValueError);
  decoder.attach(0, cache, cache, 0);
  CHECK_THROWS_AS(decoder.step(kVocabulary, 0), ValueError);
  CHECK_THROWS_AS(decoder.step(0, kMax), ValueError);
  w.blocks[0].down = weights({kHidden + 1, kWidth});
  CHECK_THROWS_AS(GptDecoder(w, kHeads, 1e-5f), ShapeError);
}
