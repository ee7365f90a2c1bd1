// A text in the making: how many positions it has, and their keys and values in every layer.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "tinytorch/array/array.hpp"
#include "tinytorch/kernels/attention/cached.hpp"

namespace tt::runtime {

class GptSequence {
 public:
  struct Form {
    index_t layers, heads, size;  // heads of keys and values
    kernels::CacheFormat format;
    std::uint64_t session;  // whose positions they are
  };
  GptSequence(const Form& form, index_t capacity);

  index_t length() const { return length_; }
  index_t capacity() const { return capacity_; }
  std::size_t bytes() const;  // of keys and values, and their scales

  // Forgets positions from `length` on. ValueError if there are fewer, StateError while a call uses
  // the sequence.
  void truncate(index_t length);
  // Forgets all and takes over the first `length` positions of `from`. ValueError for a sequence of
  // another session, or one with fewer positions than that, or if they do not fit; StateError while
  // a call uses one of the two. Then nothing has changed.
  void copy_prefix(GptSequence& from, index_t length);

  // For the session that made it.
  std::uint64_t session() const { return form_.session; }
  // Heads [first, first + count) of a layer.
  kernels::CachedHeads heads(index_t layer, index_t first, index_t count) const;
  // Key and value rows of one position: (heads, size) each.
  void store(index_t layer, index_t position, const float* key, const float* value);
  void grow(index_t count) { length_ += count; }
  // A call that uses the sequence holds it; false if another one does.
  bool hold() { return !held_->exchange(true); }
  void release() { held_->store(false); }

 private:
  Form form_;
  index_t capacity_, length_ = 0;
  std::unique_ptr<std::atomic<bool>> held_;
  // Per layer: (blocks, bytes of a block); of an int8 cache the scales of keys, then of values.
  std::vector<Array> keys_, values_, scales_;
};

}  // namespace tt::runtime
