// A reduction as rows: each result from one row of contiguous values. Private to reduce.cpp.
#pragma once
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/reduce/reference.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {

// x with the reduced axes last: rows of `length` contiguous values, one per result.
struct Rows {
  Array data;
  index_t rows, length;
};
inline Rows rows_of(const Array& x, std::uint32_t mask) {
  Dims order;
  index_t rows = 1, length = 1;
  for (int d = 0; d < x.ndim(); ++d) {
    if (!(mask & (1u << d))) {
      order.push_back(d);
      rows *= x.shape(d);
    }
  }
  for (int d = 0; d < x.ndim(); ++d) {
    if (mask & (1u << d)) {
      order.push_back(d);
      length *= x.shape(d);
    }
  }
  return {x.permute(order).contiguous(), rows, length};
}

inline index_t row_grain(index_t length) {
  return std::max<index_t>(1, 16384 / std::max<index_t>(length, 1));
}

template <class T>
T reduce_row(Reduce f, const T* x, std::size_t n) {
  namespace ref = kernels::reference;
  if constexpr (std::is_same_v<T, float>) {
    const auto& table = kernels::active().reduce;
    switch (f) {
      case Reduce::sum:
        return table.sum(x, n);
      case Reduce::prod:
        return table.prod(x, n);
      case Reduce::max:
        return table.max(x, n);
      case Reduce::min:
        return table.min(x, n);
    }
  }
  switch (f) {
    case Reduce::sum:
      return ref::sum(x, n);
    case Reduce::prod:
      return ref::prod(x, n);
    case Reduce::max:
      return ref::max(x, n);
    case Reduce::min:
      break;
  }
  return ref::min(x, n);
}

// fn(row pointer, row index) for each row, in parallel.
template <class T, class Fn>
void each_row(const Rows& r, Fn fn) {
  const T* data = r.data.data<T>();
  parallel_for(r.rows, row_grain(r.length), [=, &r](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) fn(data + i * r.length, i);
  });
}

// Rows longer than this are cut, so that threads share them. Where depends on the length alone.
inline constexpr index_t kPiece = 1 << 18;

template <class T>
T join_pieces(Reduce f, const T* piece, index_t count) {
  if (f == Reduce::max || f == Reduce::min) {
    return reduce_row(f, piece, static_cast<std::size_t>(count));
  }
  double total = f == Reduce::sum ? 0.0 : 1.0;
  for (index_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(piece[i]);
    total = f == Reduce::sum ? total + value : total * value;
  }
  return static_cast<T>(total);
}

template <class T>
void reduce_long_rows(Reduce f, const Rows& r, T* out) {
  const index_t count = (r.length + kPiece - 1) / kPiece;
  const Array pieces = Array::empty({r.rows, count}, dtype_of<T>::value);
  const T* x = r.data.data<T>();
  T* piece = pieces.data<T>();
  parallel_for(r.rows * count, 1, [=, length = r.length](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const index_t start = i % count * kPiece;
      const auto n = static_cast<std::size_t>(std::min(kPiece, length - start));
      piece[i] = reduce_row(f, x + i / count * length + start, n);
    }
  });
  for (index_t i = 0; i < r.rows; ++i) out[i] = join_pieces(f, piece + i * count, count);
}

}  // namespace tt::ops
