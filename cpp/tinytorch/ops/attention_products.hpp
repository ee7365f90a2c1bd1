// Products of small matrices of any strides, some of which meet many others.
#pragma once
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"
#include "tinytorch/kernels/scratch.hpp"
#include "tinytorch/ops/matmul.hpp"

namespace tt::ops {

struct Matrix {
  float* at;
  index_t rows, cols, row, col;

  Matrix from_row(index_t first, index_t count) const {
    return {at + first * row, count, cols, row, col};
  }
  Matrix turned() const { return {at, cols, rows, col, row}; }
};

inline Matrix dense(float* at, index_t rows, index_t cols, index_t row) {
  return {at, rows, cols, row, 1};
}

// c (+)= a b; columns of c are contiguous.
inline void product(const Matrix& a, const Matrix& b, const Matrix& c, bool accumulate,
                    Products how) {
  kernels::Gemm g;
  g.m = a.rows, g.k = a.cols, g.n = b.cols;
  g.a = a.at, g.a_row = a.row, g.a_col = a.col;
  g.b = b.at, g.b_row = b.row, g.b_col = b.col;
  g.c = c.at, g.c_row = c.row;
  g.accumulate = accumulate;
  multiply(g, how);
}

// The right matrix of several products. With `panels` it is packed once, for floats as they are.
class Factor {
 public:
  Factor(const Matrix& b, Products how, bool panels, kernels::ScratchBuffer& room)
      : b_(b), how_(how) {
    if (!panels) return;
    const kernels::GemmTable& table = kernels::active().gemm_f32;
    auto* to = room.reserve<float>(kernels::panel_floats(table, b.rows, b.cols));
    kernels::pack_panels(table, b.at, b.row, b.col, b.rows, b.cols, to);
    panels_ = {&table, to, b.rows, b.cols};
  }

  // c = a b, of as many rows and columns of b as there are columns of a and c.
  void product(const Matrix& a, const Matrix& c) const {
    if (panels_.table == nullptr) {
      const Matrix part{b_.at, a.cols, c.cols, b_.row, b_.col};
      return ops::product(a, part, c, false, how_);
    }
    const kernels::PanelView part = panels_.part(a.cols, c.cols);
    part.multiply({a.at, a.row, a.col, a.rows}, c.at, c.row, nullptr, 0, part.count());
  }

 private:
  Matrix b_;
  Products how_;
  kernels::PanelView panels_;
};

}  // namespace tt::ops
