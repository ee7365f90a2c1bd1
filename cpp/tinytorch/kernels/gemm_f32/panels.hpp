// Products on one thread with a matrix B (k x n) that lies in panels for the float micro-kernels:
// [panel][k][nr], the last panel filled up with whatever. For work that others share out, such as
// blocks of a convolution.
#pragma once
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/packed_panels.hpp"

namespace tt::kernels {

// Rows of A: A[i, p] is a[i * row + p * step].
struct Rows {
  const float* a = nullptr;
  std::int64_t row = 0, step = 1;
  std::int64_t count = 0;
};

struct PanelView {
  const GemmTable* table = nullptr;
  const float* data = nullptr;
  std::int64_t k = 0, n = 0;
  std::int64_t packed_k = k;  // of the panels, where only the first k are multiplied

  PanelView part(std::int64_t rows, std::int64_t cols) const {
    return {table, data, rows, cols, packed_k};
  }
  std::int64_t count() const { return (n + table->nr - 1) / table->nr; }
  // C[rows, columns of panels first..last) = A B (+ bias); C and bias begin at column 0. A row's
  // result does not depend on the others.
  void multiply(const Rows& rows, float* c, std::int64_t c_row, const float* bias,
                std::int64_t first, std::int64_t last) const;
};

inline std::int64_t panel_floats(const GemmTable& table, std::int64_t k, std::int64_t n) {
  return (n + table.nr - 1) / table.nr * table.nr * k;
}

// Packs B[p, j] = b[p * row + j * col].
void pack_panels(const GemmTable& table, const float* b, std::int64_t row, std::int64_t col,
                 std::int64_t k, std::int64_t n, float* panels);

// Panels [first, last) of a whole matrix, pass by pass of kGemmDepth values of its depth: what
// products in blocks and matrices packed for good multiply. Its out_panel is not read.
void pack_passes(const GemmTable& table, const PanelCopy& whole, std::int64_t first,
                 std::int64_t last);

// Panels of a constant matrix.
class Panels {
 public:
  Panels() = default;
  // element(p, j) gives B; columns up to `stored` are zeros.
  template <class Fn>
  Panels(const GemmTable& table, std::int64_t k, std::int64_t n, std::int64_t stored, Fn&& element)
      : table_(&table), k_(k), n_(stored) {
    data_ = PageBuffer(sizeof(float) * static_cast<std::size_t>(panel_floats(table, k, stored)));
    float* data = reinterpret_cast<float*>(data_.data());
    for (std::int64_t j = 0; j < n; ++j) {
      float* to = data + j / table.nr * k * table.nr + j % table.nr;
      for (std::int64_t p = 0; p < k; ++p) to[p * table.nr] = element(p, j);
    }
  }

  PanelView view() const { return {table_, reinterpret_cast<const float*>(data_.data()), k_, n_}; }
  std::int64_t count() const { return view().count(); }
  std::int64_t columns() const { return n_; }
  std::int64_t width() const { return table_->nr; }
  void multiply(const Rows& rows, float* c, std::int64_t c_row, const float* bias,
                std::int64_t first, std::int64_t last) const {
    view().multiply(rows, c, c_row, bias, first, last);
  }

 private:
  const GemmTable* table_ = nullptr;
  std::int64_t k_ = 0, n_ = 0;
  PageBuffer data_;
};

}  // namespace tt::kernels
