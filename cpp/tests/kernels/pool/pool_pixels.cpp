// Pooling with channels innermost against pooling of planes, on every instruction set.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/pool/pool.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

constexpr std::int64_t kWidth = 11;  // odd: the last pixel of a row is in no window

// Few distinct values, so that windows hold ties; some NaN.
std::vector<float> two_rows(std::int64_t channels, std::uint64_t seed) {
  std::vector<float> v(static_cast<std::size_t>(2 * kWidth * channels));
  Generator g(seed);
  for (float& x : v) x = g.below(20) == 0 ? kNan : static_cast<float>(g.below(5)) - 2;
  return v;
}

struct Line {
  std::vector<float> upper, lower;
};
Line channel(const std::vector<float>& x, std::int64_t channels, std::int64_t c) {
  Line line;
  for (std::int64_t i = 0; i < 2 * kWidth; ++i) {
    (i < kWidth ? line.upper : line.lower).push_back(x[static_cast<std::size_t>(i * channels + c)]);
  }
  return line;
}

// Calls fn(kernels, channels, outputs).
template <class Fn>
void each_case(Fn fn) {
  for (const Isa isa : isas(&Table::pool)) {
    for (const std::int64_t channels : {1, 5, 16, 33}) {
      for (const std::int64_t n : {0, 1, 5}) {
        INFO(name_of(isa) << " channels = " << channels << " outputs = " << n);
        fn(table(isa).pool, channels, n);
      }
    }
  }
}

bool equal(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

TEST_CASE("max pooling of pixels is that of each channel's plane, and its gradient goes there") {
  each_case([](const PoolTable& t, std::int64_t channels, std::int64_t n) {
    const std::vector<float> x = two_rows(channels, 91);
    const float* lower = x.data() + kWidth * channels;
    const auto size = static_cast<std::size_t>(n * channels);
    const PoolPixels p{n, channels};
    Guarded<float> y(size, 1), dy(normal(size, 92), 2), dx(x, 1);
    Guarded<std::uint8_t> place(size, 3);
    t.float_pixels.max(x.data(), lower, p, y.data(), place.data());
    t.float_pixels.max_grad(dy.data(), place.data(), p, dx.data(), dx.data() + kWidth * channels);
    for (std::int64_t c = 0; c < channels; ++c) {
      const Line line = channel(x, channels, c), grad = channel(dx.values(), channels, c);
      std::vector<float> want(static_cast<std::size_t>(n));
      std::vector<std::int32_t> argmax(want.size());
      t.max(line.upper.data(), line.lower.data(), 40, static_cast<std::int32_t>(kWidth),
            want.data(), argmax.data(), want.size());
      for (std::size_t j = 0; j < want.size(); ++j) {
        const auto at = j * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c);
        REQUIRE(equal(y[at], want[j]));
        for (std::size_t k = 0; k < 4; ++k) {
          const std::size_t pixel = 2 * j + k % 2;
          const auto here = static_cast<std::int32_t>(40 + pixel + k / 2 * kWidth);
          const float got = k < 2 ? grad.upper[pixel] : grad.lower[pixel];
          REQUIRE((place[at] == k) == (here == argmax[j]));
          REQUIRE(got == (here == argmax[j] ? dy[at] : 0.0f));
        }
      }
      REQUIRE(equal(grad.upper.back(), line.upper.back()));
    }
    REQUIRE((y.intact() && place.intact() && dx.intact()));
  });
}

TEST_CASE("average pooling of pixels is that of each channel's plane") {
  each_case([](const PoolTable& t, std::int64_t channels, std::int64_t n) {
    const std::vector<float> x = two_rows(channels, 93);
    const auto size = static_cast<std::size_t>(n * channels);
    const PoolPixels p{n, channels};
    Guarded<float> y(size, 1), dy(normal(size, 94), 2), dx(x, 1);
    t.float_pixels.average(x.data(), x.data() + kWidth * channels, p, y.data());
    t.float_pixels.average_grad(dy.data(), p, dx.data(), dx.data() + kWidth * channels);
    for (std::int64_t c = 0; c < channels; ++c) {
      const Line line = channel(x, channels, c), grad = channel(dx.values(), channels, c);
      std::vector<float> want(static_cast<std::size_t>(n));
      t.average(line.upper.data(), line.lower.data(), want.data(), want.size());
      for (std::size_t j = 0; j < want.size(); ++j) {
        const auto at = j * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c);
        REQUIRE(equal(y[at], want[j]));
        for (const float got :
             {grad.upper[2 * j], grad.upper[2 * j + 1], grad.lower[2 * j], grad.lower[2 * j + 1]}) {
          REQUIRE(got == dy[at] * 0.25f);
        }
      }
    }
    REQUIRE((y.intact() && dx.intact()));
  });
}

TEST_CASE("pooling of bfloat16 pixels gives what their floats give, rounded") {
  each_case([](const PoolTable& t, std::int64_t channels, std::int64_t n) {
    const std::size_t size = count(n * channels), line = count(kWidth * channels);
    const PoolPixels p{n, channels};
    Guarded<std::uint16_t> x(codes(two_rows(channels, 95)), 1), dy(codes(normal(size, 96)), 2);
    Guarded<std::uint16_t> y(size, 1), mean(size, 2), dx(x.values(), 1);
    Guarded<std::uint8_t> place(size, 1);
    const std::vector<float> wide = widen_codes(x.values()), wide_dy = widen_codes(dy.values());
    std::vector<float> wide_y(size), wide_mean(size), wide_dx = wide;
    std::vector<std::uint8_t> wide_place(size);
    t.bf16_pixels.max(x.data(), x.data() + line, p, y.data(), place.data());
    t.float_pixels.max(wide.data(), wide.data() + line, p, wide_y.data(), wide_place.data());
    CHECK((y.values() == codes(wide_y) && place.values() == wide_place));
    t.bf16_pixels.average(x.data(), x.data() + line, p, mean.data());
    t.float_pixels.average(wide.data(), wide.data() + line, p, wide_mean.data());
    CHECK(mean.values() == codes(wide_mean));
    t.bf16_pixels.max_grad(dy.data(), place.data(), p, dx.data(), dx.data() + line);
    t.float_pixels.max_grad(wide_dy.data(), wide_place.data(), p, wide_dx.data(),
                            wide_dx.data() + line);
    CHECK(dx.values() == codes(wide_dx));
    t.bf16_pixels.average_grad(dy.data(), p, dx.data(), dx.data() + line);
    t.float_pixels.average_grad(wide_dy.data(), p, wide_dx.data(), wide_dx.data() + line);
    CHECK(dx.values() == codes(wide_dx));
    CHECK((y.intact() && mean.intact() && place.intact() && dx.intact()));
  });
}
