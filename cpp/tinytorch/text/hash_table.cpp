#include "tinytorch/text/hash_table.hpp"

#include <cstring>
#include <exception>
#include <random>

namespace tt::text {
namespace {

std::uint64_t draw() {
  try {
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32 | device();
  } catch (const std::exception&) {  // none to be had: only crafted files would notice
    return 0x9e3779b97f4a7c15;
  }
}

const std::uint64_t kSeed = draw();  // not in a function: a fork must not meet a lock

// The finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every bit moves every bit.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace

std::uint64_t hash_of(std::uint64_t key) { return mixed(key + kSeed); }

std::uint64_t hash_of(std::string_view key) {
  std::uint64_t hash = mixed(kSeed ^ key.size());
  for (; key.size() >= 8; key.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data(), 8);
    hash = mixed(hash ^ word) + kSeed;
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, key.data(), key.size());
  return mixed(hash ^ rest);
}

}  // namespace tt::text
