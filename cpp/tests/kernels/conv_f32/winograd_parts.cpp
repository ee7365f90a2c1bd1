// The transforms of weights and gradients on every instruction set of this machine.
#include <algorithm>
#include <bit>

#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/conv_f32/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

// Calls fn(kernels, channels, floats between positions) for each set of kernels and some channels.
template <class Fn>
void each_case(Fn fn) {
  for (const Isa isa : isas(&Table::conv_f32)) {
    for (const std::int64_t channels : {16, 48, 80}) {
      CAPTURE(name_of(isa), channels);
      fn(table(isa).conv_f32, channels, channels + 16);
    }
  }
}

void require_close(Guarded<float>& got, const std::vector<float>& want) {
  REQUIRE(got.intact());
  const std::vector<float> values = got.values();
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i, values[i], want[i]);
    REQUIRE(std::fabs(values[i] - want[i]) <= 2e-5f * (1.0f + std::fabs(want[i])));
  }
}

}  // namespace

TEST_CASE("winograd: weights are transformed, and gradients of weights back") {
  each_case([](const ConvF32Table& t, std::int64_t channels, std::int64_t step) {
    const auto taps = normal(count(9 * step), 21), sums = normal(count(36 * step), 22);
    Guarded<float> moved(count(36 * step), 1), grad(count(9 * step), 2);
    std::vector<float> want(count(36 * step), moved[0]), want_grad(count(9 * step), grad[0]);
    t.winograd_weights({taps.data(), step, channels, moved.data(), step});
    reference::winograd_weights({taps.data(), step, channels, want.data(), step});
    require_close(moved, want);
    t.winograd_weights_grad({sums.data(), step, channels, grad.data(), step});
    reference::winograd_weights_grad({sums.data(), step, channels, want_grad.data(), step});
    require_close(grad, want_grad);
  });
}

TEST_CASE("winograd: gradients of whole and cut tiles are transformed") {
  each_case([](const ConvF32Table& t, std::int64_t channels, std::int64_t step) {
    for (const int rows : {1, 2, 3, 4}) {
      for (const int cols : {1, 3, 4}) {
        const std::int64_t row = (cols + 1) * channels;
        const auto dy = normal(count((rows - 1) * row + cols * channels), 23);
        Guarded<float> moved(count(36 * step), 3);
        std::vector<float> want(count(36 * step), moved[0]);
        WinogradOutputGrad<float, float> w{dy.data(), row,          channels, rows,
                                           cols,      moved.data(), step};
        t.winograd.output_grad(w);
        w.out = want.data();
        reference::winograd_output_grad(w);
        require_close(moved, want);
      }
    }
  });
}

// <A^T m A, y> = <m, A y A^T> for all m and y, and so for G: what gradients mean.
TEST_CASE("winograd: the gradients' transforms are the transposes of the results'") {
  const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    }
    return sum;
  };
  each_case([&](const ConvF32Table& t, std::int64_t channels, std::int64_t) {
    const auto m = normal(count(36 * channels), 24), y = normal(count(16 * channels), 25);
    const std::vector<float> bias(count(channels), 0.0f);
    std::vector<float> results(y.size()), moved(m.size());
    WinogradOutput<float> w;
    w.sums = m.data(), w.step = w.channels = channels, w.bias = bias.data();
    w.out = results.data(), w.out_row = 4 * channels;
    t.winograd.output(w);
    t.winograd.output_grad({y.data(), 4 * channels, channels, 4, 4, moved.data(), channels});
    REQUIRE(std::fabs(dot(results, y) - dot(m, moved)) < 1e-2);
    const auto g = normal(count(9 * channels), 26);
    std::vector<float> weights(m.size()), back(g.size());
    t.winograd_weights({g.data(), channels, channels, weights.data(), channels});
    t.winograd_weights_grad({m.data(), channels, channels, back.data(), channels});
    REQUIRE(std::fabs(dot(weights, m) - dot(g, back)) < 1e-2);
  });
}

TEST_CASE("winograd: codes give what their floats give, and what is made of them is rounded") {
  const auto floats_of = [](const std::vector<std::uint16_t>& codes) {
    std::vector<float> x(codes.size());
    std::transform(codes.begin(), codes.end(), x.begin(),
                   [](std::uint16_t v) { return std::bit_cast<float>(std::uint32_t{v} << 16); });
    return x;
  };
  each_case([&](const ConvF32Table& t, std::int64_t channels, std::int64_t step) {
    const auto codes = codes_of(normal(count(49 * channels), 27));
    const auto floats = floats_of(codes);
    std::vector<float> moved(count(36 * step)), want(moved.size());
    std::vector<std::uint16_t> rounded(moved.size());
    for (const std::int64_t top : {-1, 0, 2}) {
      t.winograd_codes.input({codes.data(), 7, 7, channels, top, -top, moved.data(), step});
      t.winograd.input({floats.data(), 7, 7, channels, top, -top, want.data(), step});
      REQUIRE(moved == want);
      t.winograd_codes.input_to_codes(
          {codes.data(), 7, 7, channels, top, -top, rounded.data(), step});
      REQUIRE(rounded == codes_of(want));
      t.winograd.input_to_codes({floats.data(), 7, 7, channels, top, -top, rounded.data(), step});
      REQUIRE(rounded == codes_of(want));
    }
    t.winograd_codes.output_grad({codes.data(), 7 * channels, channels, 4, 3, moved.data(), step});
    t.winograd.output_grad({floats.data(), 7 * channels, channels, 4, 3, want.data(), step});
    REQUIRE(moved == want);
    t.winograd_codes.output_grad_to_codes(
        {codes.data(), 7 * channels, channels, 4, 3, rounded.data(), step});
    REQUIRE(rounded == codes_of(want));
    t.winograd.output_grad_to_codes(
        {floats.data(), 7 * channels, channels, 4, 3, rounded.data(), step});
    REQUIRE(rounded == codes_of(want));

    const auto sums = normal(count(36 * step), 28), bias = normal(count(channels), 29);
    Guarded<std::uint16_t> out(count(16 * channels), 4);
    std::vector<float> exact(count(16 * channels));
    t.winograd_codes.output(
        {sums.data(), step, channels, bias.data(), nullptr, 0, out.data(), 4 * channels});
    t.winograd.output(
        {sums.data(), step, channels, bias.data(), nullptr, 0, exact.data(), 4 * channels});
    REQUIRE(out.intact());
    REQUIRE(out.values() == codes_of(exact));
  });
}
