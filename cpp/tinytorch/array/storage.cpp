#include "tinytorch/array/storage.hpp"

#include "tinytorch/array/allocator.hpp"

namespace tt {

Storage* Storage::allocate(std::size_t bytes) {
  auto* storage = new Storage;
  try {
    storage->data_ = static_cast<std::byte*>(tt::allocate(bytes));
  } catch (...) {
    delete storage;
    throw;
  }
  storage->bytes_ = bytes;
  return storage;
}

Storage* Storage::adopt(void* data, std::size_t bytes, void* owner, Release release,
                        bool writable) {
  auto* storage = new Storage;
  storage->data_ = static_cast<std::byte*>(data);
  storage->bytes_ = bytes;
  storage->owner_ = owner;
  storage->release_ = release;
  storage->writable_ = writable;
  return storage;
}

void Storage::destroy() {
  if (release_ != nullptr) {
    release_(owner_);
  } else if (data_ != nullptr) {
    deallocate(data_, bytes_);
  }
  delete this;
}

}  // namespace tt
