// Decoding with a GPT (pre-norm blocks, GELU as x sigmoid(1.702 x), learned positions), one token
// of one sequence at a time. Keys and values of earlier tokens are kept; a step allocates nothing
// and gives the same bits as the whole model run operator by operator.
#pragma once
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::models {

// Linear weights are (in, out). All float32; contiguous ones are shared, not copied.
struct GptBlockWeights {
  Array norm1_gamma, norm1_beta;
  Array query, query_bias, key, key_bias, value, value_bias, out, out_bias;
  Array norm2_gamma, norm2_beta;
  Array up, up_bias, down, down_bias;
};
struct GptWeights {
  Array tokens;     // (vocabulary, width)
  Array positions;  // (max length, width)
  std::vector<GptBlockWeights> blocks;
  Array norm_gamma, norm_beta;
  Array head;  // (width, vocabulary)
};

class GptDecoder {
 public:
  // ShapeError where the weights do not fit together.
  GptDecoder(GptWeights weights, index_t heads, float eps);

  // Takes over a cache of one layer: keys and values (1, heads, max length, width / heads), float32
  // and contiguous, whose first `length` positions are filled. Steps write into them, too.
  void attach(index_t layer, const Array& keys, const Array& values, index_t length);

  // Logits (vocabulary) of what follows `token`, which stands at `position`: the positions before
  // it must have been attached or stepped through. ValueError outside the tables or the cache.
  // Overwritten by the next step.
  const Array& step(index_t token, index_t position);

 private:
  struct Layer {
    Array keys, values;  // the caller's
    Array turned;        // keys as (heads, width / heads, max length): rows for the dot products
  };
  void attend(Layer& layer, index_t position);
  void run_block(const GptBlockWeights& w, Layer& layer, index_t position);

  GptWeights weights_;
  index_t heads_, width_, capacity_;
  float eps_;
  std::vector<Layer> layers_;
  Array x_, normed_, query_, key_, value_, mixed_, hidden_, branch_, scores_, logits_;
};

}  // namespace tt::models
