// Muon: momentum whose matrices are made orthogonal before they are applied (K. Jordan et al.,
// "Muon: An optimizer for hidden layers in neural networks", 2024). For a matrix w with gradient g:
//   v = momentum v + (1 - momentum) g;  u = nesterov ? momentum v + (1 - momentum) g : v
//   w = (1 - lr weight_decay) w - lr scale(rows, columns) orthogonalized(u)
// Filters (outputs, inputs, height, width) are matrices of as many rows as there are outputs.
#pragma once
#include <cstdint>

#include "tinytorch/nn/tied_matrix.hpp"
#include "tinytorch/ops/matmul.hpp"

namespace tt::nn {

// How the rate depends on the matrix: as if of spectral norm sqrt(rows / columns) where there are
// more rows; or as large, root mean square, as AdamW's steps are (Liu et al. 2025).
enum class MuonScale { original, match_rms_adamw };

struct MuonOptions {
  double lr = 1e-3, momentum = 0.95, weight_decay = 0.1;
  bool nesterov = true;
  int steps = 5;
  MuonScale scale = MuonScale::original;
  // Before the step w is scaled to the norm sqrt(rows): for layers whose outputs are normalized,
  // and so do not depend on it, lr is then the relative change of a step.
  bool unit_norm = false;
};

// The nearest matrix with orthonormal rows (or columns, if there are more rows), roughly: `steps`
// of a Newton-Schulz iteration whose limits are singular values from 0.7 to 1.2. g is float32 (m,
// n). With `tied`, g's values must be tied so (those of the later rows of pairs are not read); then
// the iteration has a quarter of the products.
Array orthogonalized(const Array& g, int steps, ops::Products products,
                     const TiedMatrix* tied = nullptr);

// One step, in place on contiguous float32 w (m, n) and v of that shape.
void muon_step(float* w, const float* g, float* v, index_t rows, index_t columns,
               const MuonOptions& options, ops::Products products,
               const TiedMatrix* tied = nullptr);

// Rounded to bfloat16 where the processor multiplies that fast: the iteration forgives it.
ops::Products muon_products();

}  // namespace tt::nn
