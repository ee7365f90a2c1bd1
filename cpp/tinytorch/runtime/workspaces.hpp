// Memory for work in progress, in equal pieces of which a thread takes one while it needs it.
// There are as many as threads, so that one is always free or soon will be.
#pragma once
#include <atomic>
#include <memory>
#include <thread>

#include "tinytorch/array/array.hpp"

namespace tt::runtime {

class Workspaces {
 public:
  // Makes room for `count` pieces of `floats`; nobody may hold one.
  void reserve(int count, index_t floats) {
    floats = (floats + 15) / 16 * 16;
    if (count <= count_ && floats <= floats_) return;
    count_ = count, floats_ = floats;
    memory_ = Array::empty({count_ * floats_});
    taken_ = std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(count_));
    for (int i = 0; i < count_; ++i) taken_[static_cast<std::size_t>(i)] = false;
  }
  index_t bytes() const { return count_ * floats_ * 4; }

  class Piece {
   public:
    explicit Piece(Workspaces& from) : from_(from), index_(from.take()) {}
    ~Piece() { from_.taken_[index_].store(false, std::memory_order_release); }
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;
    float* data() const {
      return from_.memory_.data<float>() + static_cast<index_t>(index_) * from_.floats_;
    }

   private:
    Workspaces& from_;
    std::size_t index_;
  };

 private:
  std::size_t take() {
    for (;;) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(count_); ++i) {
        if (!taken_[i].exchange(true, std::memory_order_acquire)) return i;
      }
      std::this_thread::yield();
    }
  }

  int count_ = 0;
  index_t floats_ = 0;
  Array memory_;
  std::unique_ptr<std::atomic<bool>[]> taken_;
};

}  // namespace tt::runtime
