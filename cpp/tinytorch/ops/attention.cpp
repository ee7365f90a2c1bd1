#include "tinytorch/ops/attention.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::ops {
namespace {

constexpr index_t kQueries = 128;  // at a time

thread_local kernels::ScratchBuffer t_queries, t_probabilities, t_slopes;

// A matrix of any strides.
struct Matrix {
  float* at;
  index_t rows, cols, row, col;

  Matrix from_row(index_t first, index_t count) const {
    return {at + first * row, count, cols, row, col};
  }
  Matrix turned() const { return {at, cols, rows, col, row}; }
};

Matrix dense(float* at, index_t rows, index_t cols, index_t row) {
  return {at, rows, cols, row, 1};
}

Matrix matrix_of(const Array& x, index_t flat) {
  const int nd = x.ndim();
  index_t offset = 0;
  for (int d = nd - 3; d >= 0; --d) {
    offset += flat % x.shape(d) * x.strides()[d];
    flat /= x.shape(d);
  }
  return {x.data<float>() + offset, x.shape(nd - 2), x.shape(nd - 1), x.strides()[nd - 2],
          x.strides()[nd - 1]};
}

// c (+)= a b; columns of c are contiguous.
void product(const Matrix& a, const Matrix& b, const Matrix& c, bool accumulate, Products how) {
  kernels::Gemm g;
  g.m = a.rows, g.k = a.cols, g.n = b.cols;
  g.a = a.at, g.a_row = a.row, g.a_col = a.col;
  g.b = b.at, g.b_row = b.row, g.b_col = b.col;
  g.c = c.at, g.c_row = c.row;
  g.accumulate = accumulate;
  multiply(g, how);
}

// Some neighbouring queries of one head, and what they have in common.
class QueryBlock {
 public:
  QueryBlock(const Matrix& q, const Matrix& k, index_t first, const AttentionOptions& options)
      : first_(first),
        rows_(std::min(kQueries, q.rows - first)),
        before_(options.causal ? k.rows - q.rows + 1 : k.rows),
        step_(options.causal ? 1 : 0),
        visible_(seen(rows_ - 1)),
        options_(options) {
    float* to = t_queries.reserve<float>(kQueries * q.cols);
    scaled_ = dense(to, rows_, q.cols, q.cols);
    const auto scale = static_cast<float>(options.scale);
    for (index_t i = 0; i < rows_; ++i) {
      const float* row = q.at + (first + i) * q.row;
      for (index_t d = 0; d < q.cols; ++d) to[i * q.cols + d] = row[d * q.col] * scale;
    }
    line_ = (k.rows + 15) / 16 * 16;
  }

  index_t rows() const { return rows_; }
  index_t visible() const { return visible_; }
  const Matrix& scaled() const { return scaled_; }
  // Keys that query i of the block sees.
  index_t seen(index_t i) const { return before_ + step_ * (first_ + i); }

  Matrix probabilities(const Matrix& k) const {
    const Matrix p =
        dense(t_probabilities.reserve<float>(kQueries * line_), rows_, visible_, line_);
    product(scaled_, k.from_row(0, visible_).turned(), p, false, options_.products);
    const auto softmax = kernels::active().softmax.softmax;
    for (index_t i = 0; i < rows_; ++i) {
      float* row = p.at + i * line_;
      softmax(row, row, static_cast<std::size_t>(seen(i)));
      std::fill(row + seen(i), row + visible_, 0.0f);
    }
    return p;
  }

  // The gradient of the scores, from that of the results.
  Matrix slopes(const Matrix& p, const Matrix& dy, const Matrix& v) const {
    const Matrix s = dense(t_slopes.reserve<float>(kQueries * line_), rows_, visible_, line_);
    product(dy.from_row(first_, rows_), v.from_row(0, visible_).turned(), s, false,
            options_.products);
    const auto softmax_grad = kernels::active().softmax.softmax_grad;
    for (index_t i = 0; i < rows_; ++i) {
      float* row = s.at + i * line_;
      softmax_grad(row, p.at + i * line_, row, static_cast<std::size_t>(seen(i)));
      std::fill(row + seen(i), row + visible_, 0.0f);
    }
    return s;
  }

 private:
  index_t first_, rows_, before_, step_, visible_, line_ = 0;
  const AttentionOptions& options_;
  Matrix scaled_{};
};

struct HeadGrads {
  Matrix dq, dk, dv;
};

// The last queries come first: they see all keys, and so write where the others add.
void backward(const Matrix& dy, const Matrix& q, const Matrix& k, const Matrix& v,
              const AttentionOptions& options, const HeadGrads& out) {
  const auto scale = static_cast<float>(options.scale);
  const index_t last = (q.rows - 1) / kQueries * kQueries;
  for (index_t first = last; first >= 0; first -= kQueries) {
    const QueryBlock block(q, k, first, options);
    const index_t visible = block.visible();
    const bool more = first < last;
    const Matrix p = block.probabilities(k), s = block.slopes(p, dy, v);
    const Matrix dy_rows = dy.from_row(first, block.rows());
    const Matrix dq = out.dq.from_row(first, block.rows());
    product(p.turned(), dy_rows, out.dv.from_row(0, visible), more, options.products);
    product(s.turned(), block.scaled(), out.dk.from_row(0, visible), more, options.products);
    product(s, k.from_row(0, visible), dq, false, options.products);
    for (index_t i = 0; i < dq.rows; ++i) {
      for (index_t d = 0; d < dq.cols; ++d) dq.at[i * dq.row + d] *= scale;
    }
  }
}

index_t matrices(const Array& x) {
  index_t count = 1;
  for (int d = 0; d < x.ndim() - 2; ++d) count *= x.shape(d);
  return count;
}

bool same_batch(const Array& a, const Array& b) {
  if (a.ndim() != b.ndim()) return false;
  for (int d = 0; d < a.ndim() - 2; ++d) {
    if (a.shape(d) != b.shape(d)) return false;
  }
  return true;
}

// Uninitialised, rows contiguous, in the order of memory that `like` has.
Array empty_like(const Array& like, index_t width) {
  const int nd = like.ndim();
  Shape shape = like.shape();
  shape[nd - 1] = width;
  const bool inside = nd > 2 && like.strides()[nd - 3] < like.strides()[nd - 2];
  if (!inside) return Array::empty(shape);
  std::swap(shape[nd - 3], shape[nd - 2]);
  return Array::empty(shape).transpose(nd - 3, nd - 2);
}

}  // namespace

bool attention_fits(const Array& q, const Array& k, const Array& v, bool causal) {
  const int nd = q.ndim();
  for (const Array* x : {&q, &k, &v}) {
    if (x->ndim() < 2 || x->dtype() != DType::f32 || x->size() == 0) return false;
  }
  return same_batch(q, k) && same_batch(q, v) && q.shape(nd - 1) == k.shape(nd - 1) &&
         k.shape(nd - 2) == v.shape(nd - 2) && !(causal && q.shape(nd - 2) > k.shape(nd - 2));
}

Array attention(const Array& q, const Array& k, const Array& v, const AttentionOptions& options) {
  kernels::count_call(kernels::Family::softmax);
  const int nd = q.ndim();
  const Array out = empty_like(q, v.shape(nd - 1));
  const index_t blocks = (q.shape(nd - 2) + kQueries - 1) / kQueries;
  parallel_for(matrices(q) * blocks, 1, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const index_t head = i / blocks, first = i % blocks * kQueries;
      const Matrix keys = matrix_of(k, head);
      const QueryBlock block(matrix_of(q, head), keys, first, options);
      product(block.probabilities(keys), matrix_of(v, head).from_row(0, block.visible()),
              matrix_of(out, head).from_row(first, block.rows()), false, options.products);
    }
  });
  return out;
}

void attention_grad_into(const Array& dy, const Array& q, const Array& k, const Array& v,
                         const AttentionOptions& options, const AttentionGrads& out) {
  kernels::count_call(kernels::Family::softmax);
  parallel_for(matrices(q), 1, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      backward(matrix_of(dy, i), matrix_of(q, i), matrix_of(k, i), matrix_of(v, i), options,
               {matrix_of(out.dq, i), matrix_of(out.dk, i), matrix_of(out.dv, i)});
    }
  });
}

AttentionGrads attention_grad(const Array& dy, const Array& q, const Array& k, const Array& v,
                              const AttentionOptions& options) {
  AttentionGrads out{empty_like(q, q.shape().back()), empty_like(k, k.shape().back()),
                     empty_like(v, v.shape().back())};
  attention_grad_into(dy, q, k, v, options, out);
  return out;
}

}  // namespace tt::ops
