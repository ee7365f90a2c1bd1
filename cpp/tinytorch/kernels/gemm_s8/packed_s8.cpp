#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

#include "tinytorch/base/error.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::kernels {

S8Panel PackedS8::panel(std::int64_t index) const {
  const std::int64_t nr = table->nr;
  S8Panel p;
  p.groups = groups;
  p.a_row = row_bytes();
  p.b = panels.data() + index * groups * nr * table->k_step;
  p.column_sums = column_sums.data() + index * nr;
  p.cols = static_cast<int>(n - index * nr < nr ? n - index * nr : nr);
  return p;
}

namespace {

// Calls fn(position in panels, row of b, k) for every weight.
template <class Fn>
void for_each_weight(const PackedS8& packed, Fn&& fn) {
  const std::int64_t nr = packed.table->nr, step = packed.table->k_step;
  for (std::int64_t row = 0; row < packed.n; ++row) {
    const std::int64_t panel = row / nr * packed.groups * nr * step;
    const std::int64_t lane = row % nr * step;
    for (std::int64_t k = 0; k < packed.k; ++k) {
      fn(static_cast<std::size_t>(panel + k / step * nr * step + lane + k % step), row, k);
    }
  }
}

}  // namespace

PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k, const GemmS8Table& table) {
  if (k > kMaxS8Depth) {
    fail<ValueError>("int8 products sum at most ", kMaxS8Depth, " terms exactly, got ", k,
                     "; split the input features over several layers");
  }
  PackedS8 packed;
  packed.table = &table;
  packed.n = n;
  packed.k = k;
  packed.groups = (k + table.k_step - 1) / table.k_step;
  const auto columns = static_cast<std::size_t>(packed.panel_count() * table.nr);
  packed.panels.assign(columns * static_cast<std::size_t>(packed.groups * table.k_step), 0);
  packed.column_sums.assign(columns, 0);
  for_each_weight(packed, [&](std::size_t at, std::int64_t row, std::int64_t column) {
    const std::int8_t w = b[row * k + column];
    if (w == -128) {
      fail<ValueError>("int8 weights must lie in [-127, 127], got -128 at row ", row, ", column ",
                       column, "; quantize symmetrically");
    }
    packed.panels[at] = w;
    packed.column_sums[static_cast<std::size_t>(row)] += w;
  });
  return packed;
}

PackedS8 pack_s8(const std::int8_t* b, std::int64_t n, std::int64_t k) {
  return pack_s8(b, n, k, active().gemm_s8);
}

void unpack_s8(const PackedS8& packed, std::int8_t* b) {
  for_each_weight(packed, [&](std::size_t at, std::int64_t row, std::int64_t column) {
    b[row * packed.k + column] = packed.panels[at];
  });
}

}  // namespace tt::kernels
