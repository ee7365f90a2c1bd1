// Constant int8 weights packed for the integer micro-kernels, and products with them on one thread.
#pragma once
#include <algorithm>

#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::runtime {

class WeightsS8 {
 public:
  // w[n, k] with values in [-127, 127].
  WeightsS8(const std::int8_t* w, std::int64_t n, std::int64_t k, const kernels::GemmS8Table& table,
            const kernels::PanelShape& shape)
      : packed_(kernels::pack_s8(w, n, k, table, shape)) {}

  std::int64_t row_bytes() const { return packed_.row_bytes(); }  // of encoded activations
  std::int64_t panel_width() const { return packed_.shape.nr; }
  std::int64_t panels() const { return packed_.panel_count(); }

  // The product of encoded rows, row_bytes() apart, with the columns of panels first..last.
  kernels::S8Product product(const std::byte* rows, std::int64_t count, std::int64_t first,
                             std::int64_t last) const {
    const std::int64_t begin = first * panel_width();
    kernels::S8Product p =
        packed_.product(begin, std::min(last * panel_width(), packed_.n) - begin);
    p.rows = count;
    p.a = rows;
    return p;
  }

 private:
  kernels::PackedS8 packed_;
};

}  // namespace tt::runtime
