#include "tinytorch/ops/attention.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"
#include "tinytorch/ops/attention_products.hpp"

namespace tt::ops {
namespace {

constexpr index_t kQueries = 128;      // at a time
constexpr index_t kPanelQueries = 56;  // with keys in panels: whole tiles, fewer hidden keys
constexpr index_t kGroup = 8;          // blocks of queries that share panels

thread_local kernels::ScratchBuffer t_queries, t_probabilities, t_slopes;
thread_local kernels::ScratchBuffer t_keys, t_values, t_turned_values;

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

void scale_row(const float* from, index_t step, float scale, float* to, index_t to_step,
               index_t count) {
  if (step == 1 && to_step == 1) {
    for (index_t d = 0; d < count; ++d) to[d] = from[d] * scale;
  } else {
    for (index_t d = 0; d < count; ++d) to[d * to_step] = from[d * step] * scale;
  }
}

// How the queries of one head are cut.
struct Cut {
  Cut(index_t queries, Products how)
      : panels(multiplies_floats(how) && queries > kPanelQueries),
        rows(panels ? kPanelQueries : kQueries),
        blocks((queries + rows - 1) / rows) {}
  bool panels;
  index_t rows, blocks;
};

// How many keys each query of a head sees.
class Sight {
 public:
  Sight(index_t queries, index_t keys, bool causal)
      : first_(causal ? keys - queries + 1 : keys), step_(causal ? 1 : 0) {}
  index_t of(index_t query) const { return first_ + step_ * query; }

 private:
  index_t first_, step_;
};

// Some neighbouring queries of one head, and what they have in common.
class QueryBlock {
 public:
  QueryBlock(const Matrix& q, index_t keys, index_t first, index_t rows,
             const AttentionOptions& options)
      : first_(first),
        rows_(std::min(rows, q.rows - first)),
        sight_(q.rows, keys, options.causal),
        visible_(seen(rows_ - 1)),
        line_((keys + 15) / 16 * 16) {
    scaled_ = dense(t_queries.reserve<float>(rows * q.cols), rows_, q.cols, q.cols);
    const auto scale = static_cast<float>(options.scale);
    for (index_t i = 0; i < rows_; ++i) {
      scale_row(q.at + (first + i) * q.row, q.col, scale, scaled_.at + i * q.cols, 1, q.cols);
    }
  }

  index_t rows() const { return rows_; }
  index_t visible() const { return visible_; }
  const Matrix& scaled() const { return scaled_; }
  // Keys that query i of the block sees.
  index_t seen(index_t i) const { return sight_.of(first_ + i); }

  Matrix probabilities(const Factor& turned_keys) const {
    const Matrix p = dense(t_probabilities.reserve<float>(rows_ * line_), rows_, visible_, line_);
    turned_keys.product(scaled_, p);
    const auto softmax = kernels::active().softmax.softmax;
    for (index_t i = 0; i < rows_; ++i) {
      float* row = p.at + i * line_;
      softmax(row, row, static_cast<std::size_t>(seen(i)));
      std::fill(row + seen(i), row + visible_, 0.0f);
    }
    return p;
  }

  // The gradient of the scores, from that of the results.
  Matrix slopes(const Matrix& p, const Matrix& dy, const Factor& turned_values) const {
    const Matrix s = dense(t_slopes.reserve<float>(rows_ * line_), rows_, visible_, line_);
    turned_values.product(dy.from_row(first_, rows_), s);
    const auto softmax_grad = kernels::active().softmax.softmax_grad;
    for (index_t i = 0; i < rows_; ++i) {
      float* row = s.at + i * line_;
      softmax_grad(row, p.at + i * line_, row, static_cast<std::size_t>(seen(i)));
      std::fill(row + seen(i), row + visible_, 0.0f);
    }
    return s;
  }

 private:
  index_t first_, rows_;
  Sight sight_;
  index_t visible_, line_;
  Matrix scaled_{};
};

// Blocks [begin, end) of one head's queries.
void forward(const Matrix& q, const Matrix& k, const Matrix& v, const AttentionOptions& options,
             const Cut& cut, index_t begin, index_t end, const Matrix& y) {
  const index_t last = std::min(end * cut.rows, q.rows) - 1;
  const index_t keys = Sight(q.rows, k.rows, options.causal).of(last);
  const Factor turned_keys(k.from_row(0, keys).turned(), options.products, cut.panels, t_keys);
  const Factor values(v.from_row(0, keys), options.products, cut.panels, t_values);
  for (index_t i = begin; i < end; ++i) {
    const QueryBlock block(q, k.rows, i * cut.rows, cut.rows, options);
    values.product(block.probabilities(turned_keys), y.from_row(i * cut.rows, block.rows()));
  }
}

struct HeadGrads {
  Matrix dq, dk, dv;
};

// The last queries come first: they see all keys, and so write where the others add.
void backward(const Matrix& dy, const Matrix& q, const Matrix& k, const Matrix& v,
              const AttentionOptions& options, const HeadGrads& out) {
  const auto scale = static_cast<float>(options.scale);
  const Cut cut(q.rows, options.products);
  const Factor turned_keys(k.turned(), options.products, cut.panels, t_keys);
  const Factor turned_values(v.turned(), options.products, cut.panels, t_turned_values);
  const Factor keys(k, options.products, cut.panels, t_values);
  for (index_t i = cut.blocks - 1; i >= 0; --i) {
    const index_t first = i * cut.rows;
    const QueryBlock block(q, k.rows, first, cut.rows, options);
    const index_t visible = block.visible();
    const bool more = i < cut.blocks - 1;
    const Matrix p = block.probabilities(turned_keys), s = block.slopes(p, dy, turned_values);
    const Matrix dy_rows = dy.from_row(first, block.rows());
    const Matrix dq = out.dq.from_row(first, block.rows());
    product(p.turned(), dy_rows, out.dv.from_row(0, visible), more, options.products);
    product(s.turned(), block.scaled(), out.dk.from_row(0, visible), more, options.products);
    keys.product(s, dq);
    for (index_t r = 0; r < dq.rows; ++r) {
      float* row = dq.at + r * dq.row;
      scale_row(row, dq.col, scale, row, dq.col, dq.cols);
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
  const Cut cut(q.shape(nd - 2), options.products);
  const index_t group = cut.panels ? kGroup : 1, groups = (cut.blocks + group - 1) / group;
  parallel_for(matrices(q) * groups, 1, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const index_t head = i / groups, first = i % groups * group;
      forward(matrix_of(q, head), matrix_of(k, head), matrix_of(v, head), options, cut, first,
              std::min(first + group, cut.blocks), matrix_of(out, head));
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
