#include "tinytorch/nn/pairs.hpp"

#include <limits>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::nn {

Pairs::Pairs(const std::vector<std::int64_t>& partners)
    : size_(static_cast<index_t>(partners.size())) {
  if (size_ > std::numeric_limits<std::int32_t>::max()) {
    fail<ValueError>("pairs are for arrays of less than 2^31 values, got ", size_);
  }
  for (index_t i = 0; i < size_; ++i) {
    const std::int64_t other = partners[static_cast<std::size_t>(i)];
    if (other < 0 || other >= size_ || partners[static_cast<std::size_t>(other)] != i) {
      fail<ValueError>("the partner of value ", i, " is ", other,
                       ", whose partner must be that value again");
    }
    if (i < other) {
      pairs_.emplace_back(static_cast<std::int32_t>(i), static_cast<std::int32_t>(other));
    }
  }
}

void Pairs::average(float* values) const {
  constexpr index_t kGrain = 1 << 14;
  parallel_for(static_cast<index_t>(pairs_.size()), kGrain, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const auto [one, other] = pairs_[static_cast<std::size_t>(i)];
      values[one] = values[other] = (values[one] + values[other]) * 0.5f;
    }
  });
}

}  // namespace tt::nn
