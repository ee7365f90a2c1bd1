#include "tinytorch/sparse/bsr.hpp"

#include <algorithm>
#include <vector>

#include "tinytorch/sparse/index_bytes.hpp"
#include "tinytorch/sparse/sparse_rows.hpp"

namespace tt::sparse {
namespace {

constexpr index_t kBand = BsrMatrix::kBand;

// One block of the matrix, filled up with zeros; false where it is all zero.
template <class T>
bool read_block(const Array& weight, index_t band, index_t block, index_t depth, T* out) {
  const index_t rows = weight.shape(0), columns = weight.shape(1);
  bool any = false;
  for (index_t i = 0; i < depth; ++i) {
    for (index_t o = 0; o < kBand; ++o) {
      const index_t r = band * kBand + o, c = block * depth + i;
      const T value = r < rows && c < columns ? weight.data<T>()[r * columns + c] : T{};
      out[i * kBand + o] = value;
      any = any || value != T{};
    }
  }
  return any;
}

template <class T>
BsrMatrix compress(const Array& weight, index_t depth, const Array& scales) {
  const index_t rows = weight.shape(0), columns = weight.shape(1);
  const index_t bands = (rows + kBand - 1) / kBand, across = (columns + depth - 1) / depth;
  const int width = index_bytes_for(across);
  std::vector<std::int32_t> pointers{0};
  std::vector<std::uint8_t> indices;
  std::vector<T> values, block(static_cast<std::size_t>(depth * kBand));
  for (index_t band = 0; band < bands; ++band) {
    for (index_t b = 0; b < across; ++b) {
      if (!read_block(weight, band, b, depth, block.data())) continue;
      values.insert(values.end(), block.begin(), block.end());
      append_index(indices, b, width);
    }
    if (values.size() > INT32_MAX) {
      fail<ValueError>("a block matrix holds at most ", INT32_MAX, " values; split the layer");
    }
    pointers.push_back(static_cast<std::int32_t>(values.size() / block.size()));
  }
  const index_t count = pointers.back();
  return BsrMatrix(rows, columns, depth, Array::from(pointers, {bands + 1}),
                   Array::from(indices, {count, width}), Array::from(values, {count, depth, kBand}),
                   scales);
}

void check_depth(index_t depth) {
  if (depth != 1 && depth != 4) {
    fail<ValueError>("block matrices have blocks of 1 x 16 or 4 x 16, got ", depth, " x 16");
  }
}

template <class T>
void expect(const char* what, const Array& a, const Shape& shape) {
  if (a.dtype() != dtype_of<T>::value || !(a.shape() == shape)) {
    fail<ShapeError>("block matrix: ", what, " must be ", name_of(dtype_of<T>::value), " of shape ",
                     to_string(shape), ", got ", name_of(a.dtype()), " of shape ",
                     to_string(a.shape()));
  }
}

}  // namespace

BsrMatrix BsrMatrix::from_dense(const Array& weight, index_t depth, const Array& scales) {
  check_dense("a block matrix", weight, scales);
  check_depth(depth);
  const Array dense = weight.contiguous();
  return weight.dtype() == DType::i8 ? compress<std::int8_t>(dense, depth, scales)
                                     : compress<float>(dense, depth, scales);
}

BsrMatrix::BsrMatrix(index_t rows, index_t columns, index_t depth, const Array& band_pointers,
                     const Array& block_bytes, const Array& values, const Array& scales)
    : rows_(rows), columns_(columns), depth_(depth) {
  check_depth(depth);
  if (rows < 0 || columns < 0 || rows > INT32_MAX || columns > INT32_MAX) {
    fail<ShapeError>("a block matrix of shape (", rows, ", ", columns, ") cannot be stored");
  }
  const index_t across = (columns + depth - 1) / depth;
  index_bytes_ = index_bytes_for(across);
  expect<std::int32_t>("band pointers", band_pointers, {bands() + 1});
  const index_t count = values.ndim() == 3 ? values.shape(0) : 0;
  expect<std::uint8_t>("block indices", block_bytes, {count, index_bytes_});
  if (values.dtype() == DType::i8) {
    expect<std::int8_t>("values", values, {count, depth, kBand});
  } else {
    expect<float>("values", values, {count, depth, kBand});
  }
  band_pointers_ = band_pointers.copy();
  block_bytes_ = block_bytes.copy();
  values_ = values.copy();
  if (values.dtype() == DType::i8) {
    if (scales.defined()) scales_ = scales.copy();
    check_int8_values(values_, scales_, rows, columns);
  }
  if (first_block(0) != 0 || first_block(bands()) != count) {
    fail<ValueError>("block matrix: band pointers must run from 0 to ", count);
  }
  for (index_t band = 0; band < bands(); ++band) {
    if (first_block(band) > first_block(band + 1)) {
      fail<ValueError>("block matrix: band pointers fall after band ", band);
    }
  }
  for (index_t band = 0; band < bands(); ++band) {
    index_t before = -1;
    for (index_t b = first_block(band); b < first_block(band + 1); ++b) {
      if (block_index(b) <= before || block_index(b) >= across) {
        fail<ValueError>("block matrix: block indices of band ", band, " must rise within [0, ",
                         across, "), got ", block_index(b));
      }
      before = block_index(b);
    }
  }
}

index_t BsrMatrix::block_index(index_t block) const {
  std::int32_t index = 0;
  read_indices(block_bytes_.data<std::uint8_t>() + block * index_bytes_, index_bytes_, 1, &index);
  return index;
}

Array BsrMatrix::to_dense() const {
  const Array dense = Array::zeros({rows_, columns_});
  for (index_t band = 0; band < bands(); ++band) {
    for (index_t b = first_block(band); b < first_block(band + 1); ++b) {
      for (index_t i = 0; i < depth_ * kBand; ++i) {
        const index_t r = band * kBand + i % kBand, c = block_index(b) * depth_ + i / kBand;
        if (r >= rows_ || c >= columns_) continue;
        const index_t at = b * depth_ * kBand + i;
        dense.data<float>()[r * columns_ + c] =
            is_int8() ? values_.data<std::int8_t>()[at] * scales_.data<float>()[r]
                      : values_.data<float>()[at];
      }
    }
  }
  return dense;
}

std::size_t BsrMatrix::stored_bytes() const {
  return band_pointers_.nbytes() + block_bytes_.nbytes() + values_.nbytes() +
         (scales_.defined() ? scales_.nbytes() : 0);
}

}  // namespace tt::sparse
