// Constant weights in panels, and how a product with them is cut into work.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/panels.hpp"

namespace tt::kernels {

// Bytes on a page boundary; large blocks ask for huge pages. Copies share them.
class PageBuffer {
 public:
  PageBuffer() = default;
  explicit PageBuffer(std::size_t bytes);  // all zero
  std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  std::shared_ptr<std::byte> data_;
  std::size_t size_ = 0;
};

// While one lives, the PageBuffers made on its thread lie side by side in large blocks of memory,
// so that the weights of a whole model are on huge pages. The blocks live as long as any of them.
class PageArena {
 public:
  PageArena();
  PageArena(const PageArena&) = delete;
  PageArena& operator=(const PageArena&) = delete;
  ~PageArena();
  std::shared_ptr<std::byte> take(std::size_t bytes);

 private:
  PageArena* outer_;
  std::shared_ptr<std::byte> block_;
  std::size_t used_ = 0, size_ = 0;
};

struct PackedPanels {
  PanelShape shape{};
  std::int64_t n = 0, k = 0;
  std::int64_t groups = 0;
  PageBuffer weights;

  PackedPanels() = default;
  PackedPanels(const PanelShape& form, std::int64_t columns, std::int64_t depth);
  // The layout alone, for weights that lie elsewhere.
  static PackedPanels layout(const PanelShape& form, std::int64_t columns, std::int64_t depth);

  std::int64_t panel_count() const { return (n + shape.nr - 1) / shape.nr; }
  std::int64_t padded_columns() const { return panel_count() * shape.nr; }
  // Where the weight of column j at depth p lies, in weights.
  std::int64_t place(std::int64_t j, std::int64_t p) const {
    const std::int64_t nr = shape.nr, step = shape.k_step;
    return j / nr * groups * nr * step + p / step * nr * step + j % nr * step + p % step;
  }
  // fn(p, weight of column j at depth p) for all p; weights are of type T.
  template <class T, class Fn>
  void for_column(std::int64_t j, Fn&& fn) const {
    const T* group = reinterpret_cast<const T*>(weights.data()) + place(j, 0);
    const std::int64_t step = shape.k_step;
    for (std::int64_t p = 0; p < k; p += step, group += shape.nr * step) {
      for (std::int64_t s = 0; s < std::min(step, k - p); ++s) fn(p + s, group[s]);
    }
  }
  std::int64_t bytes() const {
    return padded_columns() * groups * shape.k_step * shape.weight_bytes;
  }
  std::int64_t row_bytes() const;  // between rows of encoded activations
  // Zero codes for the values beyond k, which meet zeros: any will do, but let them be defined.
  void clear_padding(std::byte* row) const;
  // Columns [first, first + cols), without the A side; first is a multiple of nr.
  PanelProduct product(std::int64_t first, std::int64_t cols) const;
};

// Rows and columns of a piece of a product; cuts depend on the sizes alone.
struct PanelCuts {
  std::int64_t rows, cols;
  PanelCuts(std::int64_t m, const PackedPanels& b);
};

// Calls fn(first row, rows, first column, columns) over the whole product, in parallel.
template <class Fn>
void for_each_block(std::int64_t m, const PackedPanels& b, Fn&& fn) {
  if (m == 0 || b.n == 0) return;
  const PanelCuts cut(m, b);
  const std::int64_t blocks = (m + cut.rows - 1) / cut.rows;
  const std::int64_t strips = (b.n + cut.cols - 1) / cut.cols;
  parallel_for(blocks * strips, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i / strips * cut.rows, col = i % strips * cut.cols;
      fn(row, std::min(cut.rows, m - row), col, std::min(cut.cols, b.n - col));
    }
  });
}

}  // namespace tt::kernels
