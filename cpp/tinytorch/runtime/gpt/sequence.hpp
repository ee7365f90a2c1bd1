// A text in the making: how many positions it has, and their keys and values in every layer.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/attention/cached.hpp"

namespace tt::runtime {

class GptSequence {
 public:
  GptSequence(index_t layers, index_t heads, index_t size, index_t capacity,
              kernels::CacheFormat format);

  index_t length() const { return length_; }
  index_t capacity() const { return capacity_; }
  std::size_t bytes() const;  // of keys and values
  // Forgets positions from `length` on; ValueError if there are fewer.
  void truncate(index_t length);

  // For the session that made it.
  kernels::CachedHead head(index_t layer, index_t head) const;
  // Key and value rows of one position: (heads, size) each.
  void store(index_t layer, index_t position, const float* key, const float* value);
  void grow(index_t count) { length_ += count; }
  // A call that uses the sequence holds it; false if another one does.
  bool hold() { return !held_->exchange(true); }
  void release() { held_->store(false); }

 private:
  index_t heads_, size_, capacity_, length_ = 0;
  kernels::CacheFormat format_;
  index_t head_keys_;  // elements of a head's keys
  std::unique_ptr<std::atomic<bool>> held_;
  std::vector<Array> keys_, values_;  // per layer: (heads, bytes of a head)
};

}  // namespace tt::runtime
