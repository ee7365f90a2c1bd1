// How a convolution is cut into pieces for threads: some rows of results by some panels of outputs,
// by sizes alone.
#pragma once
#include <algorithm>

#include "tinytorch/base/dims.hpp"

namespace tt::runtime {

struct ConvLayer {
  index_t width;            // pixels of a row of results
  index_t most_rows;        // at once
  index_t few_pixels;       // that still make good use of a panel
  bool pool;                // a pool needs whole pairs of rows
  bool by_outputs;          // pieces may have some of the outputs
  index_t panels, outputs;  // panels, and the columns in all of them
};

inline index_t rows_for(bool pool, index_t rows) {
  return pool ? std::max<index_t>(2, rows / 2 * 2) : std::max<index_t>(1, rows);
}

struct ConvPiece {
  index_t first, count;    // rows of results, counted over all images
  index_t panel0, panel1;  // of outputs
};

class ConvCut {
 public:
  static constexpr index_t kPieces = 4;  // to share a small layer among threads

  ConvCut(index_t rows, const ConvLayer& l)
      : rows_(rows), panels_(l.panels), at_once_(l.most_rows) {
    constexpr index_t kColumns = 64;  // of a piece, at least
    while (at_once_ > rows_for(l.pool, 1) && at_once_ * l.width > l.few_pixels &&
           rows < at_once_ * kPieces) {
      at_once_ = rows_for(l.pool, at_once_ / 2);
    }
    chunks_ = (rows + at_once_ - 1) / at_once_;
    if (l.by_outputs && chunks_ < kPieces) {
      parts_ = std::clamp<index_t>(std::min(kPieces / chunks_, l.outputs / kColumns), 1, panels_);
    }
  }
  index_t pieces() const { return chunks_ * parts_; }
  ConvPiece piece(index_t i) const {
    const index_t first = i / parts_ * at_once_, part = i % parts_;
    return {first, std::min(at_once_, rows_ - first), panels_ * part / parts_,
            panels_ * (part + 1) / parts_};
  }

 private:
  index_t rows_, panels_, at_once_, chunks_ = 0, parts_ = 1;
};

}  // namespace tt::runtime
