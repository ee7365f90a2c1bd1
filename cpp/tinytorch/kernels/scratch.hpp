// A growing buffer, kept per thread (thread_local), so that steady work allocates nothing. Contents
// are lost when it grows. Aligned to pages; large ones ask for huge pages.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>

#include "tinytorch/base/memory.hpp"

namespace tt::kernels {

class ScratchBuffer {
 public:
  ScratchBuffer() = default;
  ScratchBuffer(const ScratchBuffer&) = delete;
  ScratchBuffer& operator=(const ScratchBuffer&) = delete;
  ~ScratchBuffer() { release(); }

  // Room for `count` values of T, which must need no constructor.
  template <class T>
  T* reserve(std::int64_t count) {
    return static_cast<T*>(reserve_bytes(sizeof(T) * static_cast<std::size_t>(count)));
  }

 private:
  static constexpr std::align_val_t kAlignment{4096};
  void* reserve_bytes(std::size_t bytes) {
    if (bytes > capacity_) {
      release();
      data_ = ::operator new(bytes, kAlignment);
      advise_huge_pages(data_, bytes);
      capacity_ = bytes;
    }
    return data_;
  }
  void release() {
    ::operator delete(data_, kAlignment);
    data_ = nullptr;
    capacity_ = 0;
  }
  void* data_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace tt::kernels
