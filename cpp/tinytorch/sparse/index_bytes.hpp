// Little-endian indices of 1, 2 or 4 bytes: the fewest that reach `count` different values.
#pragma once
#include <cstdint>
#include <vector>

#include "tinytorch/base/dims.hpp"

namespace tt::sparse {

inline int index_bytes_for(index_t count) { return count <= 256 ? 1 : count <= 65536 ? 2 : 4; }

inline void append_index(std::vector<std::uint8_t>& bytes, index_t value, int width) {
  for (int b = 0; b < width; ++b) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * b)));
}

// `count` indices to int32; a 4-byte one beyond int32 becomes negative.
inline void read_indices(const std::uint8_t* bytes, int width, index_t count, std::int32_t* out) {
  if (width == 1) {
    for (index_t i = 0; i < count; ++i) out[i] = bytes[i];
  } else if (width == 2) {
    for (index_t i = 0; i < count; ++i) out[i] = bytes[2 * i] | bytes[2 * i + 1] << 8;
  } else {
    for (index_t i = 0; i < count; ++i) {
      const std::uint8_t* b = bytes + 4 * i;
      const auto high = static_cast<std::uint32_t>(b[3]) << 24;
      out[i] = static_cast<std::int32_t>(high | static_cast<std::uint32_t>(b[2]) << 16 |
                                         static_cast<std::uint32_t>(b[1]) << 8 | b[0]);
    }
  }
}

}  // namespace tt::sparse
