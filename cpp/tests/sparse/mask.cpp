#include "tinytorch/sparse/mask.hpp"

#include <algorithm>
#include <cmath>

#include "quant/support.hpp"
#include "support/catch.hpp"

using namespace tt;
using namespace tt::sparse;
using testing::random_array;
using testing::same_bits;

namespace {

index_t removed(const Array& mask) {
  index_t count = 0;
  for (index_t i = 0; i < mask.size(); ++i) count += !mask.data<bool>()[i];
  return count;
}

}  // namespace

TEST_CASE("magnitude masks remove exactly the smallest") {
  const Array w = random_array({13, 7}, 1);
  for (const double sparsity : {0.0, 0.1, 0.5, 0.505, 0.93, 1.0}) {
    const Array mask = magnitude_mask(w, sparsity);
    CHECK(removed(mask) == static_cast<index_t>(std::nearbyint(sparsity * 91)));
    float largest_removed = 0.0f, smallest_kept = INFINITY;
    for (index_t i = 0; i < w.size(); ++i) {
      const float v = std::fabs(w.data<float>()[i]);
      if (mask.data<bool>()[i]) {
        smallest_kept = std::min(smallest_kept, v);
      } else {
        largest_removed = std::max(largest_removed, v);
      }
    }
    CHECK(largest_removed <= smallest_kept);
  }
  CHECK_THROWS_AS(magnitude_mask(w, 1.5), ValueError);
  CHECK_THROWS_AS(magnitude_mask(w, NAN), ValueError);
}

TEST_CASE("equal magnitudes are removed in order of position") {
  const Array mask = magnitude_mask(Array::from<float>({1, -1, 1, -1, 1, 1}, {6}), 0.5);
  CHECK(same_bits(mask, Array::from<float>({0, 0, 0, 1, 1, 1}, {6}).astype(DType::boolean)));
  CHECK(removed(magnitude_mask(Array::from<float>({NAN, 1.0f}, {2}), 0.5)) == 1);
  CHECK(magnitude_mask(Array::from<float>({NAN, 1.0f}, {2}), 0.5).data<bool>()[0]);
}

TEST_CASE("global masks share one budget") {
  const Array small = Array::full({10}, 0.1), large = Array::full({10}, 5.0);
  const auto masks = magnitude_masks({large, small}, 0.5);
  CHECK(removed(masks[0]) == 0);
  CHECK(removed(masks[1]) == 10);
  const auto more = magnitude_masks({large, small}, 0.6);
  CHECK(removed(more[0]) == 2);
  CHECK(magnitude_masks({}, 0.5).empty());
  CHECK(removed(magnitude_masks({Array::empty({0}), small}, 0.5)[1]) == 5);
}

TEST_CASE("N:M masks keep n of every m along the axis") {
  const Array w = random_array({6, 11}, 2);
  for (const int axis : {0, 1}) {
    const Array mask = nm_mask(w, 2, 4, axis).transpose(axis, 1).contiguous();
    const Array values = w.transpose(axis, 1).contiguous();
    const index_t length = mask.shape(1);
    for (index_t r = 0; r < mask.shape(0); ++r) {
      for (index_t start = 0; start < length; start += 4) {
        const index_t count = std::min<index_t>(4, length - start);
        index_t kept = 0;
        float smallest_kept = INFINITY, largest_removed = 0.0f;
        for (index_t i = 0; i < count; ++i) {
          const index_t at = r * length + start + i;
          const float v = std::fabs(values.data<float>()[at]);
          const bool keeps = mask.data<bool>()[at];
          kept += keeps;
          if (keeps) smallest_kept = std::min(smallest_kept, v);
          if (!keeps) largest_removed = std::max(largest_removed, v);
        }
        REQUIRE(kept == std::min<index_t>(2, count));
        REQUIRE(largest_removed <= smallest_kept);
      }
    }
  }
  const Array ties = nm_mask(Array::full({1, 4}, 1.0), 2, 4);
  CHECK(same_bits(ties, Array::from<float>({1, 1, 0, 0}, {1, 4}).astype(DType::boolean)));
  CHECK_THROWS_AS(nm_mask(w, 3, 2), ValueError);
  CHECK_THROWS_AS(nm_mask(w, 0, 2), ValueError);
  CHECK_THROWS_AS(nm_mask(w, 1, 2, 5), IndexError);
}

TEST_CASE("block masks remove whole blocks") {
  const Array w = random_array({5, 9}, 3);
  const Array mask = block_mask(w, 0.5, 2, 4);  // 3 x 3 blocks
  index_t blocks = 0;
  for (index_t bi = 0; bi < 5; bi += 2) {
    for (index_t bj = 0; bj < 9; bj += 4) {
      const bool first = mask.data<bool>()[bi * 9 + bj];
      blocks += !first;
      for (index_t i = bi; i < std::min<index_t>(bi + 2, 5); ++i) {
        for (index_t j = bj; j < std::min<index_t>(bj + 4, 9); ++j) {
          REQUIRE(mask.data<bool>()[i * 9 + j] == first);
        }
      }
    }
  }
  CHECK(blocks == 4);
  CHECK_THROWS_AS(block_mask(w, 0.5, 0, 4), ValueError);
  CHECK_THROWS_AS(block_mask(Array::zeros({3}), 0.5, 1, 4), ShapeError);
}

TEST_CASE("strongest slices") {
  const Array w = Array::from<float>({1, 0, 3, -2, 0, 3, 1, 0, -3}, {3, 3});
  CHECK(strongest_slices(w, 1, 1) == std::vector<index_t>{2});
  CHECK(strongest_slices(w, 1, 2) == std::vector<index_t>{0, 2});
  CHECK(strongest_slices(w, 0, 2) == std::vector<index_t>{0, 1});  // 10, 13, 10: a tie
  CHECK(strongest_slices(w, 0, 0).empty());
  CHECK_THROWS_AS(strongest_slices(w, 0, 4), ValueError);
  const Array conv = random_array({4, 2, 3, 3}, 4);
  conv.select(0, 1).fill(0.0);
  CHECK(strongest_slices(conv, 0, 3, 1) == std::vector<index_t>{0, 2, 3});
}

TEST_CASE("masks are applied, and sparsity counted") {
  const Array w = random_array({4, 5}, 6);
  const Array masked = apply_mask(w, magnitude_mask(w, 0.4));
  CHECK(sparsity_of(masked) == Approx(0.4));
  CHECK(sparsity_of(w) == 0.0);
  CHECK(sparsity_of(Array::empty({0})) == 0.0);
  CHECK_THROWS_AS(apply_mask(w, Array::zeros({4, 5})), ShapeError);
}
