// The positions that are computed together, of one sequence or many, and their activations: a row
// each, one after the other.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "tinytorch/models/gpt_config.hpp"
#include "tinytorch/runtime/gpt/sequence.hpp"

namespace tt::runtime {

// Consecutive positions of a sequence, after `first` others; the last `wanted` get logits.
struct GptPiece {
  GptSequence* sequence = nullptr;
  const std::int64_t* tokens = nullptr;
  index_t first = 0, count = 0, wanted = 0;
};

// Lies in memory that the thread keeps; one at a time.
class GptRows {
 public:
  // How many positions are taken together at most: enough for the products to run at full speed,
  // and what a long prompt needs in memory is bounded.
  static index_t most(const models::GptConfig& config);
  // `pieces` is changed by narrow() and must outlive this.
  GptRows(const models::GptConfig& config, std::vector<GptPiece>& pieces);

  // Only wanted positions from here on: their x and queries close ranks.
  void narrow();

  // fn(piece, row, position in the piece) for rows [begin, end).
  template <class Fn>
  void for_each(index_t begin, index_t end, Fn&& fn) const {
    index_t row = 0;  // the piece's first
    for (const GptPiece& p : pieces) {
      const index_t from = std::max(begin - row, index_t{0});
      for (index_t t = from; t < std::min(end - row, p.count); ++t) fn(p, row + t, t);
      row += p.count;
    }
  }

  const models::GptConfig& config;
  std::vector<GptPiece>& pieces;
  index_t count = 0;
  float* x;        // (count, width)
  float* normed;   // (count, width)
  float* qkv;      // (count, qkv width)
  float* mixed;    // (count, query width): attention's result
  float* hidden;   // (count, hidden), or (count, 2 hidden) if gated
  float* cos_sin;  // (count, head_size) if rotary

 private:
  float* take(index_t columns);
  float* free_;
};

}  // namespace tt::runtime
