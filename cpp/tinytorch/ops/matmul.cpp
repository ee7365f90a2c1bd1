#include "tinytorch/ops/matmul.hpp"

#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/gemm_bf16/plain.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/gemm_f32/reference.hpp"
#include "tinytorch/kernels/gemm_tiles/plain.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

constexpr index_t kTileProducts = index_t{1} << 20;

// c (contiguous m x n) = a b (+ bias), a and b 2-D of any strides, all of element type T.
template <class T>
kernels::GemmOf<T> describe(const Array& a, const Array& b, std::byte* c, const Array& bias) {
  kernels::GemmOf<T> g;
  g.m = a.shape(0), g.k = a.shape(1), g.n = b.shape(1);
  g.a = a.data<T>(), g.a_row = a.strides()[0], g.a_col = a.strides()[1];
  g.b = b.data<T>(), g.b_row = b.strides()[0], g.b_col = b.strides()[1];
  g.c = reinterpret_cast<T*>(c), g.c_row = g.n;
  g.bias = bias.defined() ? bias.data<T>() : nullptr;
  return g;
}

void gemm2d(const Array& a, const Array& b, std::byte* c, const Array& bias, Products products) {
  if (a.dtype() == DType::f64) {
    multiply(describe<double>(a, b, c, bias), products);
  } else {
    multiply(describe<float>(a, b, c, bias), products);
  }
}

Shape batch_of(const Array& x) { return Shape(x.shape().begin(), x.shape().end() - 2); }

Array matrix(const Array& x, index_t flat) {
  Array view = x;
  for (int d = x.ndim() - 3; d >= 0; --d) {
    view = view.select(d, flat % x.shape(d));
    flat /= x.shape(d);
  }
  return view;
}

Array with_matrix(const Array& x, const Shape& batch) {
  Shape shape = batch;
  shape.push_back(x.shape(x.ndim() - 2));
  shape.push_back(x.shape(x.ndim() - 1));
  return x.expand(shape);
}

// A batch of matrices times one matrix is one tall product.
bool folds(const Array& a, const Array& b) {
  return a.ndim() > 2 && b.ndim() == 2 && a.is_contiguous();
}

Array batched(const Array& a, const Array& b, DType type, Products products) {
  Shape batch;
  try {
    batch = broadcast_shapes(batch_of(a), batch_of(b));
  } catch (const ShapeError&) {
    fail<ShapeError>("matmul cannot broadcast the batch dimensions of ", to_string(a.shape()),
                     " and ", to_string(b.shape()));
  }
  const Array wa = with_matrix(a, batch), wb = with_matrix(b, batch);
  const index_t m = wa.shape(wa.ndim() - 2), n = wb.shape(wb.ndim() - 1);
  Shape shape = batch;
  shape.push_back(m);
  shape.push_back(n);
  const Array out = Array::empty(shape, type);
  const index_t count = numel(batch), k = wa.shape(wa.ndim() - 1);
  if (out.size() == 0) return out;
  const std::size_t step = static_cast<std::size_t>(m * n) * size_of(type);
  const auto product = [&](index_t i) {
    gemm2d(matrix(wa, i), matrix(wb, i), out.raw() + static_cast<std::size_t>(i) * step, Array(),
           products);
  };
  if (m * n * k < 64 * 64 * 64) {  // small products: threads share the batch instead
    parallel_for(count, std::max<index_t>(1, 64 * 64 * 64 / std::max<index_t>(1, m * n * k)),
                 [&](index_t begin, index_t end) {
                   for (index_t i = begin; i < end; ++i) product(i);
                 });
  } else {
    for (index_t i = 0; i < count; ++i) product(i);
  }
  return out;
}

DType float_type(const Array& a, const Array& b) {
  return a.dtype() == DType::f64 || b.dtype() == DType::f64 ? DType::f64 : DType::f32;
}

Array swap_last(const Array& x) { return x.transpose(x.ndim() - 2, x.ndim() - 1); }

// A transposed view of rows that are contiguous, as a weight shared with an embedding is.
bool lies_transposed(const Array& b) {
  return b.ndim() == 2 && b.strides()[0] == 1 && b.strides()[1] >= b.shape(0) && b.shape(0) > 1;
}

// a^T dy in the order of memory that b has: whoever undoes the transposition finds rows again.
Array weight_gradient(const Array& a, const Array& dy, const Array& b, Products products) {
  return lies_transposed(b) ? swap_last(matmul(swap_last(dy), a, products))
                            : matmul(swap_last(a), dy, products);
}

}  // namespace

void multiply(const kernels::GemmOf<float>& g, Products products) {
  if (products == Products::full) return kernels::gemm(g);
  const bool rounded = products == Products::bf16;
  const bool enough = rounded || g.m >= kernels::kTilesBlock;  // rows to split all columns for
  if (enough && kernels::gemm_tiles_fits(g)) {
    kernels::gemm_tiles(g, rounded ? kernels::TilePieces::one : kernels::TilePieces::three);
  } else {
    rounded ? kernels::gemm_bf16(g) : kernels::gemm(g);
  }
}
void multiply(const kernels::GemmOf<double>& g, Products) { gemm_float64(g); }

bool multiplies_floats(Products products) {
  return products == Products::full ||
         (products == Products::pieces && !kernels::gemm_tiles_here());
}

void gemm_float64(const kernels::GemmOf<double>& g) {
  kernels::count_call(kernels::Family::gemm);
  constexpr index_t kSlice = kernels::kGemmDepth << 9;  // of k, between looks at Ctrl-C
  const index_t cols = std::clamp<index_t>(kTileProducts / std::max<index_t>(g.k, 1), 64,
                                           std::max<index_t>(g.n, 64));
  const index_t rows = std::max<index_t>(1, kTileProducts / std::max<index_t>(1, cols * g.k));
  const index_t across = (g.n + cols - 1) / cols, down = (g.m + rows - 1) / rows;
  parallel_for(across * down, 1, [&](index_t first, index_t last) {
    for (index_t tile = first; tile < last; ++tile) {
      const index_t i = tile / across * rows, j = tile % across * cols;
      auto t = g;
      t.m = std::min(rows, g.m - i), t.n = std::min(cols, g.n - j);
      t.a += i * g.a_row, t.b += j * g.b_col, t.c += i * g.c_row + j;
      if (g.bias != nullptr) t.bias += j;
      for (index_t p0 = 0; p0 == 0 || p0 < g.k; p0 += kSlice) {
        if (p0 > 0) stop_if_interrupted();
        auto slice = t;
        slice.k = std::min(kSlice, g.k - p0);
        slice.a += p0 * g.a_col, slice.b += p0 * g.b_row;
        slice.accumulate = g.accumulate || p0 > 0;
        if (p0 + slice.k < g.k) slice.bias = nullptr;
        kernels::reference::gemm(slice);
      }
    }
  });
}

Array matmul(const Array& a, const Array& b, Products products) {
  if (a.ndim() == 0 || b.ndim() == 0) {
    fail<ShapeError>("matmul needs at least 1-D operands, got shapes ", to_string(a.shape()),
                     " and ", to_string(b.shape()), "; use * for scalars");
  }
  const index_t inner_a = a.shape().back(), inner_b = b.shape(b.ndim() == 1 ? 0 : b.ndim() - 2);
  if (inner_a != inner_b) {
    fail<ShapeError>("cannot multiply shapes ", to_string(a.shape()), " and ", to_string(b.shape()),
                     ". Inner dimensions must match: ", inner_a, " ≠ ", inner_b,
                     "; transpose or reshape one of them");
  }
  const DType type = float_type(a, b);
  Array x = a.astype(type), y = b.astype(type);
  if (a.ndim() == 1) x = x.unsqueeze(0);
  if (b.ndim() == 1) y = y.unsqueeze(1);
  Array out;
  if (x.ndim() == 2 && y.ndim() == 2) {
    out = Array::empty({x.shape(0), y.shape(1)}, type);
    gemm2d(x, y, out.raw(), Array(), products);
  } else if (folds(x, y)) {
    out = linear(x, y, Array(), products);
  } else {
    out = batched(x, y, type, products);
  }
  if (b.ndim() == 1) out = out.squeeze(out.ndim() - 1);
  if (a.ndim() == 1) out = out.squeeze(out.ndim() - (b.ndim() == 1 ? 1 : 2));
  const DType result = promote(a.dtype(), b.dtype());
  return from_compute(out, result);
}

Array linear(const Array& x, const Array& w, const Array& bias, Products products) {
  const index_t k = x.ndim() > 0 ? x.shape().back() : 0;
  if (x.ndim() == 0 || w.ndim() != 2 || k != w.shape(0)) {
    fail<ShapeError>("cannot multiply shapes ", to_string(x.shape()), " and ", to_string(w.shape()),
                     ". Inner dimensions must match: ", k, " ≠ ", w.ndim() > 0 ? w.shape(0) : 0);
  }
  const DType type = float_type(x, w);
  const index_t n = w.shape(1);
  if (bias.defined() && (bias.ndim() != 1 || bias.shape(0) != n)) {
    fail<ShapeError>("cannot broadcast bias of shape ", to_string(bias.shape()), " over ", n,
                     " output features; it must be (", n, ",)");
  }
  Shape shape = x.shape();
  shape[x.ndim() - 1] = n;
  const Array out = Array::empty(shape, type);
  const index_t rows = n > 0 ? out.size() / n : 0;
  const DType result = promote(x.dtype(), w.dtype());
  if (out.size() == 0) return from_compute(out, result);
  const Array in = x.astype(type);
  gemm2d(in.ndim() == 2 ? in : in.reshape({rows, k}), w.astype(type), out.raw(),
         bias.defined() ? bias.astype(type).contiguous() : Array(), products);
  return from_compute(out, result);
}

Array matmul_grad_a(const Array& dy, const Array& a, const Array& b, Products products) {
  // Vectors are matrices with one row or column: lift, multiply, drop again.
  const Array g = a.ndim() == 1 ? dy.unsqueeze(b.ndim() == 1 ? dy.ndim() : dy.ndim() - 1) : dy;
  const Array gm = b.ndim() == 1 ? g.unsqueeze(g.ndim()) : g;
  const Array bm = b.ndim() == 1 ? b.unsqueeze(1) : b;
  const Array da = matmul(gm, swap_last(bm), products);
  return a.ndim() == 1 ? reduce_to_shape(da, {1, a.shape(0)}).reshape(a.shape()) : da;
}

Array matmul_grad_b(const Array& dy, const Array& a, const Array& b, Products products) {
  const Array g = a.ndim() == 1 ? dy.unsqueeze(b.ndim() == 1 ? dy.ndim() : dy.ndim() - 1) : dy;
  const Array gm = b.ndim() == 1 ? g.unsqueeze(g.ndim()) : g;
  const Array am = a.ndim() == 1 ? a.unsqueeze(0) : a;
  // A weight shared by a batch: one tall product instead of a batch of small ones summed up.
  if (b.ndim() == 2 && am.ndim() > 2) {
    const index_t k = am.shape().back(), n = gm.shape().back();
    const index_t rows = k > 0 ? am.size() / k : 0;
    return weight_gradient(am.reshape({rows, k}), gm.reshape({rows, n}), b, products);
  }
  const Array db = am.ndim() == 2 && gm.ndim() == 2 ? weight_gradient(am, gm, b, products)
                                                    : matmul(swap_last(am), gm, products);
  return b.ndim() == 1 ? reduce_to_shape(db, {b.shape(0), 1}).reshape(b.shape()) : db;
}

}  // namespace tt::ops
