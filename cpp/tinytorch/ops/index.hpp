// NumPy indexing: integers, slices, None, Ellipsis, integer and boolean arrays.
#pragma once
#include <optional>
#include <variant>
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::ops {

struct Slice {
  std::optional<index_t> start, stop;
  index_t step = 1;  // ValueError when 0
};
struct NewAxis {};
struct Ellipsis {};
using IndexItem = std::variant<index_t, Slice, NewAxis, Ellipsis, Array>;
using IndexKey = std::vector<IndexItem>;

// Positions as int64. Ids travel as floats in the course, which are truncated; IndexError for NaN
// and infinities.
Array as_indices(const Array& x);

// A view where the key has no arrays, else a copy. IndexError when out of range.
Array index(const Array& x, const IndexKey& key);

// An array of `shape` that is zero but for grad added at the places the key selects; places that
// are selected several times receive the sum.
Array index_grad(const Array& grad, const Shape& shape, const IndexKey& key);

// x[key] = value, in place with broadcasting; raises the storage version.
void index_assign(const Array& x, const IndexKey& key, const Array& value);

// out[..., i, ...] = x[..., index[..., i, ...], ...] along `axis`, shapes as in torch.gather.
Array gather(const Array& x, index_t axis, const Array& index);
// x with source added at index along `axis` (torch.scatter_add).
Array scatter_add(const Array& x, index_t axis, const Array& index, const Array& source);

// Rows of a (vocabulary, width) table: shape of indices + (width,). IndexError out of range.
Array take_rows(const Array& table, const Array& indices);
// dtable[(vocabulary, width)] with each row of dy added at its index.
Array take_rows_grad(const Array& dy, const Array& indices, const Shape& table_shape);
// The same added to a contiguous table of dy's type; rows of equal index are added in order.
void add_rows_in_place(const Array& table, const Array& dy, const Array& indices);

}  // namespace tt::ops
