#include "tinytorch/sparse/nm.hpp"

#include <vector>

namespace tt::sparse {
namespace {

int bits_for(index_t m) { return m <= 2 ? 1 : m <= 4 ? 2 : m <= 16 ? 4 : 8; }

void check_pattern(index_t n, index_t m) {
  if (n < 1 || n > m || m < 2 || m > 256) {
    fail<ValueError>("N:M storage needs 1 <= N <= M and 2 <= M <= 256, got ", n, ":", m);
  }
}

index_t position_bytes(index_t count, int bits) { return (count * bits + 7) / 8; }

template <class T>
void pack(const T* w, index_t columns, index_t n, index_t m, index_t rows, T* values,
          std::uint8_t* positions) {
  const int bits = bits_for(m);
  index_t slot = 0;
  for (index_t r = 0; r < rows; ++r) {
    for (index_t start = 0; start < columns; start += m) {
      const index_t group_end = slot + n;
      for (index_t c = start; c < std::min(start + m, columns); ++c) {
        const T value = w[r * columns + c];
        if (value == T{}) continue;
        if (slot == group_end) {
          fail<ValueError>("row ", r, " has more than ", n, " non-zeros among columns ", start,
                           " to ", start + m - 1, "; apply the mask of nm_mask first");
        }
        values[slot] = value;
        positions[slot * bits / 8] |= static_cast<std::uint8_t>((c - start) << (slot * bits % 8));
        ++slot;
      }
      slot = group_end;
    }
  }
}

}  // namespace

NmMatrix NmMatrix::from_dense(const Array& weight, index_t n, index_t m, const Array& scales) {
  check_dense("N:M", weight, scales);
  check_pattern(n, m);
  const Array dense = weight.contiguous();
  const index_t rows = dense.shape(0), columns = dense.shape(1), groups = (columns + m - 1) / m;
  const Array values = Array::zeros({rows, groups, n}, weight.dtype());
  const Array positions = Array::zeros({position_bytes(values.size(), bits_for(m))}, DType::u8);
  auto* p = positions.data<std::uint8_t>();
  if (weight.dtype() == DType::i8) {
    pack(dense.data<std::int8_t>(), columns, n, m, rows, values.data<std::int8_t>(), p);
  } else {
    pack(dense.data<float>(), columns, n, m, rows, values.data<float>(), p);
  }
  return NmMatrix(columns, n, m, values, positions, scales);
}

NmMatrix::NmMatrix(index_t columns, index_t n, index_t m, const Array& values,
                   const Array& positions, const Array& scales)
    : SparseRows(values.ndim() == 3 ? values.shape(0) : -1, columns, values, scales), n_(n), m_(m) {
  check_pattern(n, m);
  groups_ = (columns + m - 1) / m;
  bits_ = bits_for(m);
  if (!(values.shape() == Shape{rows_, groups_, n})) {
    fail<ShapeError>("N:M values must have shape ", to_string({rows_, groups_, n}), ", got ",
                     to_string(values.shape()));
  }
  const index_t bytes = position_bytes(values.size(), bits_);
  if (positions.dtype() != DType::u8 || !(positions.shape() == Shape{bytes})) {
    fail<ShapeError>("N:M positions must be uint8 of shape (", bytes, ",), got ",
                     name_of(positions.dtype()), " of shape ", to_string(positions.shape()));
  }
  positions_ = positions.copy();
  std::vector<std::int32_t> buffer(static_cast<std::size_t>(longest_row()));
  for (index_t r = 0; r < rows_; ++r) {
    row(r, buffer.data());
    for (index_t i = 0; i < longest_row(); ++i) {
      const index_t c = buffer[static_cast<std::size_t>(i)], group = i / n;
      if (c >= columns || c >= (group + 1) * m) {
        fail<ValueError>("N:M position of row ", r, " points at column ", c, ", outside its group");
      }
    }
  }
}

SparseRow NmMatrix::row(index_t r, std::int32_t* buffer) const {
  const index_t count = longest_row();
  const auto* bytes = positions_.data<std::uint8_t>();
  const int mask = (1 << bits_) - 1;
  index_t slot = r * count;
  for (index_t g = 0, i = 0; g < groups_; ++g) {
    for (index_t k = 0; k < n_; ++k, ++i, ++slot) {
      const int position = bytes[slot * bits_ / 8] >> (slot * bits_ % 8) & mask;
      buffer[i] = static_cast<std::int32_t>(g * m_ + position);
    }
  }
  return {count, buffer,
          values_.raw() + r * count * static_cast<index_t>(size_of(values_.dtype()))};
}

std::size_t NmMatrix::stored_bytes() const {
  return values_.nbytes() + positions_.nbytes() + (scales_.defined() ? scales_.nbytes() : 0);
}

}  // namespace tt::sparse
