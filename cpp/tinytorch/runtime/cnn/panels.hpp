// A constant matrix B (k x n) packed for the float micro-kernels, and products with it on one
// thread.
#pragma once
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/packed_panels.hpp"

namespace tt::runtime {

// Rows of A: A[i, p] is a[i * row + p * step].
struct Rows {
  const float* a = nullptr;
  std::int64_t row = 0, step = 1;
  std::int64_t count = 0;
};

class Panels {
 public:
  Panels() = default;
  // element(p, j) gives B; columns up to `stored` are zeros.
  template <class Fn>
  Panels(const kernels::GemmTable& table, std::int64_t k, std::int64_t n, std::int64_t stored,
         Fn&& element)
      : table_(&table), k_(k), n_(stored) {
    data_ = kernels::PageBuffer(sizeof(float) * static_cast<std::size_t>(count() * k * table.nr));
    for (std::int64_t j = 0; j < n; ++j) {
      float* to = data() + j / table.nr * k * table.nr + j % table.nr;
      for (std::int64_t p = 0; p < k; ++p) to[p * table.nr] = element(p, j);
    }
  }

  std::int64_t count() const { return (n_ + table_->nr - 1) / table_->nr; }
  std::int64_t depth() const { return k_; }
  std::int64_t columns() const { return n_; }
  std::int64_t width() const { return table_->nr; }

  // C[rows, columns of panels first..last) = A B (+ bias); C and bias begin at column 0. A row's
  // result does not depend on the others.
  void multiply(const Rows& rows, float* c, std::int64_t c_row, const float* bias,
                std::int64_t first, std::int64_t last) const;

 private:
  float* data() const { return reinterpret_cast<float*>(data_.data()); }

  const kernels::GemmTable* table_ = nullptr;
  std::int64_t k_ = 0, n_ = 0;
  kernels::PageBuffer data_;
};

}  // namespace tt::runtime
