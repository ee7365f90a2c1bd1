// Pruning masks: boolean arrays of the weights' shape, true where the weight stays.
// The number of weights removed is exact: nearest integer to sparsity * count, half to even. Equal
// magnitudes are removed in order of position, so a mask depends on the weights alone.
#pragma once
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::sparse {

// Removes the smallest magnitudes of one tensor, or of all tensors together. sparsity in [0, 1].
Array magnitude_mask(const Array& w, double sparsity);
std::vector<Array> magnitude_masks(const std::vector<Array>& weights, double sparsity);

// Keeps the n largest magnitudes of every m consecutive weights along `axis`; a last group shorter
// than m keeps at most n. 1 <= n <= m.
Array nm_mask(const Array& w, index_t n, index_t m, int axis = -1);

// Removes whole blocks of a matrix (rows, columns), those with the smallest sums of squares; blocks
// at the edges may be smaller.
Array block_mask(const Array& w, double sparsity, index_t block_rows, index_t block_columns);

// Indices, rising, of the `keep` slices along `axis` with the largest norm (sum |w|^p, p 1 or 2).
std::vector<index_t> strongest_slices(const Array& w, int axis, index_t keep, int p = 2);

Array apply_mask(const Array& w, const Array& mask);  // zero where the mask is false
double sparsity_of(const Array& w);                   // fraction of zeros; 0 for an empty array

}  // namespace tt::sparse
