// Hash tables of the tokenizers: numbers or bytes to a number. Open addressing, no removal.
//
// The hash depends on a number drawn when the process starts, so that no file can be made whose
// keys collide. Nothing may depend on an order of keys: there is no way to ask for one.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace tt::text {

std::uint64_t hash_of(std::uint64_t key);
std::uint64_t hash_of(std::string_view key);

// Keys of type string_view are not owned: their bytes must outlive the table.
template <class Key, class Value>
class HashTable {
 public:
  explicit HashTable(std::size_t expected = 0) { slots_.resize(capacity_for(expected)); }

  std::size_t size() const { return size_; }

  // Null if the key is missing. Valid until the next insert().
  Value* find(Key key) { return const_cast<Value*>(std::as_const(*this).find(key)); }
  const Value* find(Key key) const {
    const Slot& slot = slots_[place(key)];
    return slot.used ? &slot.value : nullptr;
  }

  // The value of `key` and whether it is new; it keeps its old value where it is not.
  std::pair<Value*, bool> insert(Key key, Value value) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[place(key)];
    const bool added = !slot.used;
    if (added) slot = {key, value, true}, ++size_;
    return {&slot.value, added};
  }

 private:
  struct Slot {
    Key key{};
    Value value{};
    bool used = false;
  };

  static std::size_t capacity_for(std::size_t count) {
    std::size_t capacity = 16;
    while (capacity < 2 * count) capacity *= 2;
    return capacity;
  }
  std::size_t place(Key key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = static_cast<std::size_t>(hash_of(key)) & mask;
    while (slots_[i].used && slots_[i].key != key) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.used) slots_[place(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two of them, at most half of them used
  std::size_t size_ = 0;
};

using PairTable = HashTable<std::uint64_t, std::uint64_t>;
using BytesTable = HashTable<std::string_view, std::uint64_t>;

// Two ids as one key.
inline std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

}  // namespace tt::text
