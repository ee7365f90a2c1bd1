// Rotary position embedding (Su et al. 2021), in the layout of Llama's published checkpoints: of a
// head, elements i and i + size / 2 are a pair, turned by the angle position * theta^(-2 i / size).
#pragma once
#include <vector>

#include "tinytorch/base/dims.hpp"

namespace tt::runtime {

class Rotary {
 public:
  Rotary() = default;
  // size even, theta > 0, positions in [0, max_length).
  Rotary(index_t size, double theta, index_t max_length);

  index_t size() const { return size_; }
  std::size_t bytes() const { return (near_.size() + far_.size()) * sizeof(Turn); }
  // Cosines, then sines, of a position's size / 2 angles.
  void factors(index_t position, float* cos_sin) const;
  // Turns `heads` heads in place, one after the other.
  void turn(const float* cos_sin, index_t heads, float* x) const;

 private:
  struct Turn {
    double cos, sin;
  };
  // An angle is the sum of a position's low digit's and the rest's: two small exact tables.
  static constexpr index_t kNear = 256;
  index_t size_ = 0;
  std::vector<Turn> near_, far_;  // (digit, size / 2)
};

}  // namespace tt::runtime
