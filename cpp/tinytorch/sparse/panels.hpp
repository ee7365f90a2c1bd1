// The product of sparse rows with dense columns, the columns cut into panels of up to 16 lanes
// (rows of a batch, or pixels of an image):
//   sum[r][lane] = sum_i value[r][i] * panel[column[r][i]][lane],
// added in rising order of i for every lane count, so a lane's result does not depend on the
// others, on the number of threads or on the instruction set.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/sparse/sparse_rows.hpp"

namespace tt::sparse {

inline constexpr index_t kLanes = 16;

// Lanes computed for `wanted` of them: 1, 4 or 16.
inline index_t lanes_for(index_t wanted) { return wanted == 1 ? 1 : wanted <= 4 ? 4 : kLanes; }

// Value is what the panel holds: float, or int16 codes of activations for int8 weights.
template <class Value>
using SumOf = std::conditional_t<std::is_same_v<Value, float>, float, std::int32_t>;

template <index_t Lanes>
void multiply_row(const SparseRow& row, const float* panel, float* sum) {
  float acc[Lanes] = {};
  const auto* values = static_cast<const float*>(row.values);
  for (index_t i = 0; i < row.count; ++i) {
    const float v = values[i];
    const float* x = panel + row.columns[i] * Lanes;
    for (index_t p = 0; p < Lanes; ++p) acc[p] += v * x[p];
  }
  std::copy_n(acc, Lanes, sum);
}

// Two products of int8 values fit in 16 bits: 2 * 127 * 127 < 2^15.
template <index_t Lanes>
void multiply_row(const SparseRow& row, const std::int16_t* panel, std::int32_t* sum) {
  std::int32_t acc[Lanes] = {};
  const auto* values = static_cast<const std::int8_t*>(row.values);
  index_t i = 0;
  for (; i + 2 <= row.count; i += 2) {
    const std::int16_t v = values[i], w = values[i + 1];
    const std::int16_t* x = panel + row.columns[i] * Lanes;
    const std::int16_t* y = panel + row.columns[i + 1] * Lanes;
    for (index_t p = 0; p < Lanes; ++p) {
      acc[p] += static_cast<std::int16_t>(static_cast<std::int16_t>(v * x[p]) +
                                          static_cast<std::int16_t>(w * y[p]));
    }
  }
  if (i < row.count) {
    const std::int16_t* x = panel + row.columns[i] * Lanes;
    for (index_t p = 0; p < Lanes; ++p) acc[p] += values[i] * x[p];
  }
  std::copy_n(acc, Lanes, sum);
}

// All rows [first, last) against one panel; store(row, sums).
template <class Value, class Store>
void multiply_rows(const SparseRows& a, index_t first, index_t last, const Value* panel,
                   index_t lanes, std::int32_t* columns, const Store& store) {
  SumOf<Value> sums[kLanes];
  for (index_t r = first; r < last; ++r) {
    const SparseRow row = a.row(r, columns);
    if (lanes == 1) {
      multiply_row<1>(row, panel, sums);
    } else if (lanes == 4) {
      multiply_row<4>(row, panel, sums);
    } else {
      multiply_row<kLanes>(row, panel, sums);
    }
    store(r, sums);
  }
}

// Runs the product for `width` lanes and rows [first_row, last_row) in parallel.
//   fill(start, count, lanes, panel)  writes columns() x lanes values, zero beyond count
//   store(start, count, row, sums)    takes the sums of lanes [start, start + count)
// The cut depends on the sizes alone. Few lanes share out the rows instead; each share fills its
// own panel.
template <class Value, class Fill, class Store>
void for_each_panel(const SparseRows& a, index_t first_row, index_t last_row, index_t width,
                    const Fill& fill, const Store& store) {
  constexpr index_t kRowsPerShare = 64, kEnoughPanels = 8;
  const index_t panels = (width + kLanes - 1) / kLanes, rows = last_row - first_row;
  const index_t share = panels >= kEnoughPanels ? std::max<index_t>(rows, 1) : kRowsPerShare;
  const index_t shares = (rows + share - 1) / share;
  const index_t work = a.values().size() / std::max<index_t>(shares, 1) * kLanes;
  const index_t grain = std::max<index_t>(1, (1 << 18) / std::max<index_t>(work, 1));
  parallel_for(panels * shares, grain, [&](index_t begin, index_t end) {
    const auto size = static_cast<std::size_t>(a.columns());
    const std::unique_ptr<Value[]> panel(new Value[size * kLanes]);
    const std::unique_ptr<std::int32_t[]> columns(
        new std::int32_t[static_cast<std::size_t>(a.longest_row())]);
    for (index_t i = begin; i < end; ++i) {
      const index_t start = i / shares * kLanes, count = std::min(kLanes, width - start);
      const index_t lanes = lanes_for(count), first = first_row + i % shares * share;
      if (i == begin || i % shares == 0) fill(start, count, lanes, panel.get());
      multiply_rows(a, first, std::min(first + share, last_row), panel.get(), lanes, columns.get(),
                    [&](index_t row, const SumOf<Value>* sums) { store(start, count, row, sums); });
    }
  });
}

}  // namespace tt::sparse
