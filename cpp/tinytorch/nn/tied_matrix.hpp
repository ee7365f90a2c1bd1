// Matrices whose values are tied in pairs by both axes: g[p(i)][q(j)] = g[i][j], p and q being
// their own inverses. Filters of mirror pairs are such matrices (tinytorch.models.mirror).
//
// With rows and columns replaced by sums and differences of partners, over sqrt(2), such a matrix
// falls into two that do not meet: g = R' diag(even, odd) C with orthogonal R and C. What is done
// to its singular values can be done to those of the two, of half the rows and columns each.
#pragma once
#include <cstdint>
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::nn {

// The partners of one axis in order: of each pair the first and the second, and what has none.
struct TiedAxis {
  // partners[i] is i's partner, or i. ValueError unless the partner's partner is i.
  explicit TiedAxis(const std::vector<std::int64_t>& partners);
  index_t pairs() const { return static_cast<index_t>(first.size()); }
  index_t even() const { return pairs() + static_cast<index_t>(single.size()); }
  index_t size() const { return pairs() + even(); }
  std::vector<index_t> first, second, single;
};

class TiedMatrix {
 public:
  TiedMatrix(TiedAxis rows, TiedAxis columns)
      : rows_(std::move(rows)), columns_(std::move(columns)) {}
  index_t rows() const { return rows_.size(); }
  index_t columns() const { return columns_.size(); }

  // Of even (pairs and singles) and odd (pairs alone) rows and columns.
  struct Parts {
    Array even, odd;
  };
  Parts split(const Array& g) const;       // float32 (rows, columns), contiguous
  Array joined(const Parts& parts) const;  // the matrix of such parts

 private:
  TiedAxis rows_, columns_;
};

}  // namespace tt::nn
