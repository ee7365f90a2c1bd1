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
  // Makes room for `count` pieces of `bytes`; nobody may hold one.
  void reserve(int count, index_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    if (count <= count_ && bytes <= bytes_) return;
    count_ = count, bytes_ = bytes;
    memory_ = Array::empty({count_ * bytes_}, DType::u8);
    taken_ = std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(count_));
    for (int i = 0; i < count_; ++i) taken_[static_cast<std::size_t>(i)] = false;
  }
  class Piece {
   public:
    explicit Piece(Workspaces& from) : from_(from), index_(from.take()) {}
    ~Piece() { from_.taken_[index_].store(false, std::memory_order_release); }
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;
    std::byte* bytes() const {
      return from_.memory_.raw() + static_cast<index_t>(index_) * from_.bytes_;
    }
    float* data() const { return reinterpret_cast<float*>(bytes()); }

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
  index_t bytes_ = 0;
  Array memory_;
  std::unique_ptr<std::atomic<bool>[]> taken_;
};

}  // namespace tt::runtime
