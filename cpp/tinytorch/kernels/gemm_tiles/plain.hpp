// Products of plain matrices on a matrix unit: bfloat16 ones, and float32 ones through three pieces
// of each value.
#pragma once
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/gemm_tiles/gemm_tiles.hpp"

namespace tt::kernels {

enum class TilePieces { one, three };

// Whether gemm_tiles() takes the product: the machine has the unit, and the operands are worth it
// and have contiguous rows or columns. Does not look at m: a row alone is computed as among others.
bool gemm_tiles_here();               // whether active() has any
bool gemm_tiles_fits(const Gemm& g);  // for active()

// C (+)= A B (+ bias), k >= 1. With one piece operands are rounded to bfloat16. With three the
// result is that of gemm() to float32 rounding, with the exceptions that gemm_tiles.hpp names; rows
// of A and columns of B that have no pieces are multiplied as floats. Parallel; the same bits for
// any thread count, and for a row alone as among others.
void gemm_tiles(const Gemm& g, TilePieces pieces);

}  // namespace tt::kernels
