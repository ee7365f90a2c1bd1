#include "tinytorch/runtime/gpt/sequence.hpp"

#include "tinytorch/base/error.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::runtime {

GptSequence::GptSequence(index_t layers, index_t heads, index_t size, index_t capacity,
                         kernels::CacheFormat format)
    : heads_(heads),
      size_(size),
      capacity_(capacity),
      format_(format),
      head_keys_(kernels::cached_key_count(kernels::active().gemm_f32, capacity, size)),
      held_(std::make_unique<std::atomic<bool>>(false)) {
  const index_t bytes = kernels::size_of(format);
  for (index_t l = 0; l < layers; ++l) {
    keys_.push_back(Array::zeros({heads, head_keys_ * bytes}, DType::u8));
    values_.push_back(Array::zeros({heads, capacity * size * bytes}, DType::u8));
  }
}

std::size_t GptSequence::bytes() const {
  std::size_t total = 0;
  for (const Array& a : keys_) total += a.nbytes();
  for (const Array& a : values_) total += a.nbytes();
  return total;
}

void GptSequence::truncate(index_t length) {
  if (length < 0 || length > length_) {
    fail<ValueError>("a sequence of ", length_, " positions cannot be cut to ", length);
  }
  length_ = length;
}

kernels::CachedHead GptSequence::head(index_t layer, index_t head) const {
  const auto l = static_cast<std::size_t>(layer);
  return {size_, format_, keys_[l].raw() + head * keys_[l].shape(1),
          values_[l].raw() + head * values_[l].shape(1)};
}

void GptSequence::store(index_t layer, index_t position, const float* key, const float* value) {
  for (index_t h = 0; h < heads_; ++h) {
    kernels::store_position(kernels::active(), head(layer, h), position, key + h * size_,
                            value + h * size_);
  }
}

}  // namespace tt::runtime
