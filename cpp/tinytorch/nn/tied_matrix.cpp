#include "tinytorch/nn/tied_matrix.hpp"

#include <numbers>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::nn {
namespace {

constexpr float kRoot = std::numbers::sqrt2_v<float>;
constexpr index_t kGrain = 1 << 14;

index_t grain(index_t columns) { return std::max<index_t>(1, kGrain / (columns + 1)); }

}  // namespace

TiedAxis::TiedAxis(const std::vector<std::int64_t>& partners) {
  const auto size = static_cast<index_t>(partners.size());
  for (index_t i = 0; i < size; ++i) {
    const std::int64_t other = partners[static_cast<std::size_t>(i)];
    if (other < 0 || other >= size || partners[static_cast<std::size_t>(other)] != i) {
      fail<ValueError>("the partner of ", i, " is ", other, ", whose partner must be ", i,
                       " again");
    }
    if (other == i) single.push_back(i);
    if (other > i) first.push_back(i), second.push_back(other);
  }
}

TiedMatrix::Parts TiedMatrix::split(const Array& g) const {
  const TiedAxis& c = columns_;
  const auto pairs = static_cast<std::size_t>(c.pairs());
  const Parts parts{Array::empty({rows_.even(), c.even()}),
                    Array::empty({rows_.pairs(), c.pairs()})};
  parallel_for(rows_.even(), grain(columns()), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const bool paired = i < rows_.pairs();
      const auto at = static_cast<std::size_t>(paired ? i : i - rows_.pairs());
      const float* from =
          g.data<float>() + (paired ? rows_.first[at] : rows_.single[at]) * columns();
      float* even = parts.even.data<float>() + i * c.even();
      float* odd = parts.odd.data<float>() + i * c.pairs();
      // A value and its equal, each over sqrt(2), make a row's or a column's single value sqrt(2).
      for (std::size_t j = 0; j < pairs; ++j) {
        const float one = from[c.first[j]], other = from[c.second[j]];
        even[j] = paired ? one + other : kRoot * one;
        if (paired) odd[j] = one - other;
      }
      for (std::size_t j = 0; j < c.single.size(); ++j) {
        even[pairs + j] = (paired ? kRoot : 1.0f) * from[c.single[j]];
      }
    }
  });
  return parts;
}

Array TiedMatrix::joined(const Parts& parts) const {
  const TiedAxis& c = columns_;
  const auto pairs = static_cast<std::size_t>(c.pairs());
  const Array g = Array::empty({rows(), columns()});
  parallel_for(rows_.even(), grain(columns()), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const bool paired = i < rows_.pairs();
      const auto at = static_cast<std::size_t>(paired ? i : i - rows_.pairs());
      const float* even = parts.even.data<float>() + i * c.even();
      const float* odd = parts.odd.data<float>() + i * c.pairs();
      float* row = g.data<float>() + (paired ? rows_.first[at] : rows_.single[at]) * columns();
      float* partner = paired ? g.data<float>() + rows_.second[at] * columns() : row;
      for (std::size_t j = 0; j < pairs; ++j) {
        const index_t one = c.first[j], other = c.second[j];
        row[one] = partner[other] = paired ? (even[j] + odd[j]) * 0.5f : even[j] / kRoot;
        row[other] = partner[one] = paired ? (even[j] - odd[j]) * 0.5f : even[j] / kRoot;
      }
      for (std::size_t j = 0; j < c.single.size(); ++j) {
        row[c.single[j]] = partner[c.single[j]] = even[pairs + j] / (paired ? kRoot : 1.0f);
      }
    }
  });
  return g;
}

}  // namespace tt::nn
