// Values of an array that belong together in pairs and are to be the same: tied weights.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "tinytorch/base/dims.hpp"

namespace tt::nn {

class Pairs {
 public:
  // partners[i] is where the partner of value i is: i itself where it has none. ValueError unless
  // that of the partner is i again.
  explicit Pairs(const std::vector<std::int64_t>& partners);
  index_t size() const { return size_; }
  // Both values of each pair become their mean, the same bits for both.
  void average(float* values) const;

 private:
  index_t size_;
  std::vector<std::pair<std::int32_t, std::int32_t>> pairs_;
};

}  // namespace tt::nn
