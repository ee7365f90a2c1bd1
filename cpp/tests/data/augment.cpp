#include "tinytorch/data/augment.hpp"

#include <cmath>
#include <numeric>
#include <set>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/thread_pool.hpp"

using namespace tt;
using data::Augmentation;
using data::augmented;

namespace {

const data::Normalization kPlain{{0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}};

// Every byte says where it stands, as far as 256 values go.
Array pictures(index_t n, index_t h, index_t w) {
  const Array x = Array::empty({n, 3, h, w}, DType::u8);
  for (index_t i = 0; i < x.size(); ++i) {
    x.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 7 % 251);
  }
  return x;
}

Array all_rows(index_t n) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return Array::from(rows, {n});
}

float value(const Array& x, index_t n, index_t c, index_t y, index_t at) {
  return x.data<float>()[((n * x.shape(1) + c) * x.shape(2) + y) * x.shape(3) + at];
}

float stored(const Array& x, index_t n, index_t c, index_t y, index_t at) {
  return static_cast<float>(
             x.data<std::uint8_t>()[((n * x.shape(1) + c) * x.shape(2) + y) * x.shape(3) + at]) /
         255.0f;
}

bool equal(const Array& a, const Array& b) {
  return a.size() == b.size() &&
         std::equal(a.data<float>(), a.data<float>() + a.size(), b.data<float>());
}

// Whether image n of `made` is image n of `from`, moved and perhaps mirrored.
bool is_moved(const Array& from, const Array& made, index_t n, index_t down, index_t right,
              bool mirrored) {
  const index_t h = from.shape(2), w = from.shape(3);
  const auto reflected = [](index_t at, index_t size) {
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
  };
  for (index_t c = 0; c < 3; ++c) {
    for (index_t y = 0; y < h; ++y) {
      for (index_t x = 0; x < w; ++x) {
        const float want = stored(from, n, c, reflected(y + down, h), reflected(x + right, w));
        if (value(made, n, c, y, mirrored ? w - 1 - x : x) != want) return false;
      }
    }
  }
  return true;
}

}  // namespace

TEST_CASE("without options images are normalized and nothing else") {
  const Array x = pictures(5, 6, 4);
  const data::Normalization n{{0.5f, 0.25f, 0.125f}, {0.5f, 2.0f, 1.0f}};
  const Array made = augmented(x, all_rows(5), n, {}, 1, 1);
  for (index_t c = 0; c < 3; ++c) {
    const auto at = static_cast<std::size_t>(c);
    CHECK(value(made, 3, c, 2, 1) == (stored(x, 3, c, 2, 1) - n.mean[at]) / n.std[at]);
  }
}

TEST_CASE("a moved image is its original, reflected at the border, at one of all places") {
  const Array x = pictures(64, 8, 9);
  Augmentation a;
  a.pad = 2, a.flip = Augmentation::Flip::random;
  const Array made = augmented(x, all_rows(64), kPlain, a, 3, 5);
  std::set<int> places;
  for (index_t n = 0; n < 64; ++n) {
    int found = -1;
    for (int place = 0; place < 50 && found < 0; ++place) {
      if (is_moved(x, made, n, place / 5 % 5 - 2, place % 5 - 2, place >= 25)) found = place;
    }
    CHECK(found >= 0);
    places.insert(found);
  }
  CHECK(places.size() > 25);
}

TEST_CASE("an image's draws depend neither on its batch nor on threads") {
  const Array x = pictures(40, 8, 8);
  Augmentation a;
  a.pad = 3, a.border = Augmentation::Border::zero, a.flip = Augmentation::Flip::random,
  a.cutout = 3;
  const Array all = augmented(x, all_rows(40), kPlain, a, 7, 2);
  const Array one = augmented(x, Array::from(std::vector<std::int64_t>{31}, {1}), kPlain, a, 7, 2);
  CHECK(equal(all.slice(0, 31, 1).contiguous(), one));
  const int before = num_threads();
  set_num_threads(1);
  CHECK(equal(all, augmented(x, all_rows(40), kPlain, a, 7, 2)));
  set_num_threads(before);
  CHECK_FALSE(equal(all, augmented(x, all_rows(40), kPlain, a, 7, 3)));
  CHECK_FALSE(equal(all, augmented(x, all_rows(40), kPlain, a, 8, 2)));
}

TEST_CASE("alternating flips show every image both ways in two epochs") {
  const Array x = pictures(32, 4, 6);
  Augmentation a;
  a.flip = Augmentation::Flip::alternating;
  int mirrored = 0;
  const Array first = augmented(x, all_rows(32), kPlain, a, 1, 0);
  const Array second = augmented(x, all_rows(32), kPlain, a, 1, 1);
  for (index_t n = 0; n < 32; ++n) {
    const bool now = is_moved(x, first, n, 0, 0, true);
    CHECK(now != is_moved(x, second, n, 0, 0, true));
    mirrored += now;
  }
  CHECK(mirrored > 6);
  CHECK(mirrored < 26);
  CHECK(equal(first, augmented(x, all_rows(32), kPlain, a, 1, 2)));
}

TEST_CASE("cutout covers a square with the mean colour") {
  const Array x = Array::full({50, 3, 8, 8}, 255, DType::u8);
  Augmentation a;
  a.cutout = 4;
  const Array made = augmented(x, all_rows(50), kPlain, a, 2, 0);
  index_t most = 0;
  for (index_t n = 0; n < 50; ++n) {
    index_t covered = 0;
    for (index_t p = 0; p < 64; ++p) covered += value(made, n, 1, p / 8, p % 8) == 0.0f;
    CHECK(covered >= 4);
    CHECK(covered <= 16);
    most = std::max(most, covered);
  }
  CHECK(most == 16);
}

TEST_CASE("what does not fit is refused") {
  const Array x = pictures(4, 8, 8), rows = all_rows(4);
  Augmentation wide;
  wide.pad = 8;
  CHECK_THROWS_AS(augmented(x, rows, kPlain, wide, 0, 0), ValueError);
  CHECK_THROWS_AS(augmented(x, all_rows(5), kPlain, {}, 0, 0), IndexError);
  CHECK_THROWS_AS(augmented(x.select(0, 0), rows, kPlain, {}, 0, 0), ShapeError);
  CHECK_THROWS_AS(augmented(x.astype(DType::f32), rows, kPlain, {}, 0, 0), DTypeError);
  CHECK_THROWS_AS(augmented(x, rows.astype(DType::f32), kPlain, {}, 0, 0), ShapeError);
  CHECK_THROWS_AS(augmented(x, rows, {{0.0f}, {1.0f}}, {}, 0, 0), ValueError);
  CHECK_THROWS_AS(augmented(x, rows, {{0, 0, 0}, {1, 0, 1}}, {}, 0, 0), ValueError);
  CHECK(augmented(x, all_rows(0), kPlain, {}, 0, 0).size() == 0);
}
