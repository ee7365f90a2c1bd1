// N:M sparsity: at most n non-zeros among every m consecutive columns. Each group stores exactly n
// values (zeros fill up) and n positions of 1, 2, 4 or 8 bits: 2:4 takes (2 value + 0.5) bytes for
// 4 weights.
#pragma once
#include "tinytorch/sparse/sparse_rows.hpp"

namespace tt::sparse {

class NmMatrix : public SparseRows {
 public:
  // ValueError where a group has more than n non-zeros. 1 <= n <= m, 2 <= m <= 256.
  static NmMatrix from_dense(const Array& weight, index_t n, index_t m,
                             const Array& scales = Array());
  // From stored parts, all checked. values (rows, groups, n); positions uint8, packed from the low
  // bits up.
  NmMatrix(index_t columns, index_t n, index_t m, const Array& values, const Array& positions,
           const Array& scales);

  index_t n() const { return n_; }
  index_t m() const { return m_; }
  const Array& positions() const { return positions_; }

  index_t longest_row() const override { return groups_ * n_; }
  SparseRow row(index_t r, std::int32_t* buffer) const override;
  std::size_t stored_bytes() const override;

 private:
  index_t n_, m_, groups_;
  int bits_;
  Array positions_;
};

}  // namespace tt::sparse
