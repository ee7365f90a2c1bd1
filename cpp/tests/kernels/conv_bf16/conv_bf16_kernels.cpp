// Convolution on tiles, where this machine has them, against the plain loops.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/conv_bf16/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

std::vector<std::uint16_t> random_codes(std::int64_t n, std::uint64_t seed) {
  return codes(normal(count(n), seed));
}

struct Form {
  std::int64_t channels, outputs, kernel, stride, height, width, images;
  bool bias;
};

void check(const ConvBf16Table& t, const Form& f) {
  CAPTURE(f.channels, f.outputs, f.kernel, f.stride, f.height, f.width, f.images, f.bias);
  ConvBf16 c;
  c.width = (f.width - 1) * f.stride + f.kernel + 1;  // one more than is needed
  c.channels = f.channels, c.images = f.images;
  c.kernel_h = c.kernel_w = f.kernel, c.stride = f.stride;
  c.outputs = f.outputs, c.out_height = f.height, c.out_width = f.width;
  const std::int64_t rows = (f.height - 1) * f.stride + f.kernel;
  const std::int64_t together = f.images > 1 ? ConvBf16::kTogether : 1;
  const std::int64_t panels = (f.outputs + ConvBf16::kPanel - 1) / ConvBf16::kPanel;
  const auto grid = random_codes((rows * c.width * together + ConvBf16::kSlack) * f.channels, 31);
  const auto weights =
      random_codes(panels * f.kernel * f.kernel * f.channels * ConvBf16::kPanel, 32);
  const auto bias = normal(count(f.outputs), 33);
  const std::size_t size = count(f.images * f.height * f.width * f.outputs);
  Guarded<std::uint16_t> got(size);
  std::vector<std::uint16_t> want(size);
  c.grid = grid.data(), c.weights = weights.data();
  c.bias = f.bias ? bias.data() : nullptr;
  c.y = got.data();
  t.images(c);
  c.y = want.data();
  reference::conv_bf16_images(c);
  REQUIRE(got.intact());
  const std::vector<float> near = widen_codes(got.values()), exact = widen_codes(want);
  int wrong = 0;  // sums in another order may round to the neighbour
  for (std::size_t i = 0; i < size; ++i) {
    wrong += !(std::fabs(near[i] - exact[i]) < 1e-3f + std::fabs(exact[i]) / 128);
  }
  REQUIRE(wrong == 0);
}

}  // namespace

TEST_CASE("convolutions of images, alone and together, are those of plain loops") {
  for (const Isa isa : isas(&Table::conv_bf16)) {
    INFO(name_of(isa));
    const ConvBf16Table& t = table(isa).conv_bf16;
    for (const std::int64_t images : {1, 2, 16}) {
      for (const std::int64_t width : {1, 4, 16, 17}) {
        for (const std::int64_t stride : {1, 2}) {
          check(t, {32, 48, 3, stride, 3, width, images, images == 2});
          check(t, {64, 32, 1, stride, 2, width, images, false});
        }
      }
    }
    check(t, {32, 96, 3, 1, 9, 32, 1, true});
    check(t, {32, 16, 5, 1, 3, 33, 1, false});
  }
}

TEST_CASE("an image has the same bits alone and among others") {
  for (const Isa isa : isas(&Table::conv_bf16)) {
    INFO(name_of(isa));
    const ConvBf16Table& t = table(isa).conv_bf16;
    constexpr std::int64_t channels = 32, side = 5, place = 11;
    const auto together = random_codes((7 * 7 * 16 + ConvBf16::kSlack) * channels, 34);
    const auto weights = random_codes(9 * channels * 32, 35);
    std::vector<std::uint16_t> alone(count((49 + ConvBf16::kSlack) * channels), 0);
    for (std::int64_t i = 0; i < 49 * channels; ++i) {
      alone[count(i)] = together[count((i / channels * 16 + place) * channels + i % channels)];
    }
    std::vector<std::uint16_t> all(count(16 * side * side * 32)), one(count(side * side * 32));
    ConvBf16 c{together.data(), 16,      7,  channels, 3,    3,         1,
               weights.data(),  nullptr, 32, side,     side, all.data()};
    t.images(c);
    c.grid = alone.data(), c.images = 1, c.y = one.data();
    t.images(c);
    const std::vector<std::uint16_t> same(all.begin() + place * side * side * 32,
                                          all.begin() + (place + 1) * side * side * 32);
    REQUIRE(same_bits(one, same));
  }
}

TEST_CASE("positions are paired for every panel of channels") {
  for (const Isa isa : isas(&Table::conv_bf16)) {
    INFO(name_of(isa));
    for (const std::int64_t channels : {32, 96}) {
      for (const std::int64_t groups : {0, 1, 7}) {
        const auto from = random_codes(2 * groups * channels, 36);
        const std::int64_t step = groups * 64 + 5;
        Guarded<std::uint16_t> got(count(channels / 32 * step));
        std::vector<std::uint16_t> want = got.values();
        table(isa).conv_bf16.pair(from.data(), groups, channels, got.data(), step);
        reference::conv_bf16_pair(from.data(), groups, channels, want.data(), step);
        REQUIRE(got.intact());
        REQUIRE(got.values() == want);
      }
    }
  }
}

TEST_CASE("positions are turned into rows of channels") {
  for (const Isa isa : isas(&Table::conv_bf16)) {
    INFO(name_of(isa));
    for (const std::int64_t channels : {16, 96}) {
      for (const std::int64_t positions : {1, 2, 15, 32, 33, 70}) {
        const auto from = random_codes(positions * channels, 37);
        const std::int64_t row = positions + 5;
        Guarded<std::uint16_t> got(count(channels * row));
        std::vector<std::uint16_t> want = got.values();
        table(isa).conv_bf16.turn(from.data(), positions, channels, got.data(), row);
        reference::conv_bf16_turn(from.data(), positions, channels, want.data(), row);
        REQUIRE(got.intact());
        REQUIRE(got.values() == want);
      }
    }
  }
}
