// Counted memory that one or more arrays view. The owner is the allocator, or a foreign object (a
// NumPy array, a DLPack tensor, a mapped file) with its own release function, which may be called
// from any thread.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tt {

class Storage {
 public:
  using Release = void (*)(void* owner);

  static Storage* allocate(std::size_t bytes);
  static Storage* adopt(void* data, std::size_t bytes, void* owner, Release release,
                        bool writable = true);

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  bool writable() const { return writable_; }
  bool foreign() const { return release_ != nullptr; }

  // Raised by in-place operations, so that autograd can tell that saved data changed.
  std::uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }

  // Whether a result that must behave as a copy views this memory: then whoever writes in place
  // first makes a copy of its own.
  bool viewed() const { return viewed_.load(std::memory_order_relaxed); }
  void mark_viewed() { viewed_.store(true, std::memory_order_relaxed); }

  void retain() { count_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }
  int use_count() const { return count_.load(std::memory_order_acquire); }

 private:
  Storage() = default;
  ~Storage() = default;
  void destroy();

  std::atomic<int> count_{1};
  std::atomic<std::uint32_t> version_{0};
  std::atomic<bool> viewed_{false};
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  void* owner_ = nullptr;
  Release release_ = nullptr;
  bool writable_ = true;
};

// Owning pointer to a Storage.
class StoragePtr {
 public:
  StoragePtr() = default;
  explicit StoragePtr(Storage* adopted) : p_(adopted) {}  // takes over one count
  StoragePtr(const StoragePtr& o) : p_(o.p_) {
    if (p_) p_->retain();
  }
  StoragePtr(StoragePtr&& o) noexcept : p_(o.p_) { o.p_ = nullptr; }
  StoragePtr& operator=(StoragePtr o) noexcept {
    Storage* t = p_;
    p_ = o.p_;
    o.p_ = t;
    return *this;
  }
  ~StoragePtr() {
    if (p_) p_->release();
  }
  Storage* operator->() const { return p_; }
  Storage* get() const { return p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  Storage* p_ = nullptr;
};

}  // namespace tt
