#include "tinytorch/runtime/gpt/sequence.hpp"

#include <algorithm>

#include "tinytorch/base/error.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::runtime {

GptSequence::GptSequence(index_t layers, index_t heads, index_t size, index_t capacity)
    : heads_(heads),
      size_(size),
      capacity_(capacity),
      head_floats_(kernels::cached_floats(kernels::active().gemm_f32, capacity, size)),
      held_(std::make_unique<std::atomic<bool>>(false)) {
  for (index_t l = 0; l < layers; ++l) {
    keys_.push_back(Array::zeros({heads, head_floats_}));
    values_.push_back(Array::zeros({heads, capacity, size}));
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
  return {size_, keys_[l].data<float>() + head * head_floats_,
          values_[l].data<float>() + head * capacity_ * size_};
}

void GptSequence::store(index_t layer, index_t position, const float* key, const float* value) {
  const auto l = static_cast<std::size_t>(layer);
  const kernels::GemmTable& gemm = kernels::active().gemm_f32;
  for (index_t h = 0; h < heads_; ++h) {
    kernels::store_key(gemm, key + h * size_, size_, position,
                       keys_[l].data<float>() + h * head_floats_);
    std::copy_n(value + h * size_, size_,
                values_[l].data<float>() + (h * capacity_ + position) * size_);
  }
}

}  // namespace tt::runtime
