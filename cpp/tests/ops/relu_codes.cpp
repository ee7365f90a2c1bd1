// ReLU of all bfloat16 numbers, and of their gradients, against that of floats.
#include <cmath>

#include "support/catch.hpp"
#include "tinytorch/ops/elementwise.hpp"

using namespace tt;

namespace {

// All codes `times` times over, turned by `turn` so that every code meets others.
Array all_codes(index_t times, index_t turn) {
  const Array x = Array::empty({times * 65536}, DType::bf16);
  for (index_t i = 0; i < x.size(); ++i) {
    x.data<std::uint16_t>()[i] = static_cast<std::uint16_t>(i + i / 65536 * turn);
  }
  return x;
}

void require_same(const Array& codes, const Array& floats) {
  REQUIRE(codes.dtype() == DType::bf16);
  const Array values = codes.astype(DType::f32);
  index_t wrong = 0;
  for (index_t i = 0; i < values.size(); ++i) {
    const float got = values.data<float>()[i], want = floats.data<float>()[i];
    wrong += std::isnan(want) ? !std::isnan(got) : got != want;
  }
  REQUIRE(wrong == 0);
}

}  // namespace

TEST_CASE("ReLU of bfloat16 codes is that of their floats") {
  const Array x = all_codes(1, 0);
  require_same(ops::unary(ops::Unary::relu, x, 0.0),
               ops::unary(ops::Unary::relu, x.astype(DType::f32), 0.0));
}

TEST_CASE("ReLU's gradient by bfloat16 codes is that by their floats") {
  const Array dy = all_codes(8, 12345), y = all_codes(8, 0);
  require_same(ops::unary_grad(ops::Unary::relu, dy, y, 0.0),
               ops::unary_grad(ops::Unary::relu, dy.astype(DType::f32), y.astype(DType::f32), 0.0));
}
