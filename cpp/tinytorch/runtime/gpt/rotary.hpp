// Rotary position embedding (Su et al. 2021), in the layout of Llama's published checkpoints: of a
// head, elements i and i + size / 2 are a pair, turned by the angle position * frequencies[i].
#pragma once
#include <vector>

#include "tinytorch/base/dims.hpp"

namespace tt::runtime {

class Rotary {
 public:
  Rotary() = default;
  // Radians per position of each pair (models/rotary_frequencies.hpp); positions in
  // [0, max_length).
  Rotary(const std::vector<double>& frequencies, index_t max_length);

  index_t size() const { return size_; }
  // Cosines, then sines, of a position's size / 2 angles.
  void factors(index_t position, float* cos_sin) const;
  // Turns `heads` heads in place, one after the other.
  void turn(const float* cos_sin, index_t heads, float* x) const;

 private:
  struct Turn {
    double cos, sin;
  };
  // The angle of a position is the sum of its digits' angles: small exact tables, whatever the
  // number of positions.
  static constexpr index_t kDigit = 256;
  index_t size_ = 0;
  std::vector<std::vector<Turn>> digits_;  // lowest first: (value of the digit, size / 2)
};

}  // namespace tt::runtime
