// Batch normalisation over pixels on every instruction set, against float64 loops.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/batch_norm/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

// Calls fn(kernels, rows, channels).
template <class Fn>
void each_case(Fn fn) {
  for (const Isa isa : isas(&Table::batch_norm)) {
    for (const std::size_t rows : {1, 2, 5, 64}) {
      for (const std::size_t channels : {1, 3, 16, 17, 48}) {
        INFO(name_of(isa) << " rows = " << rows << " channels = " << channels);
        fn(table(isa).batch_norm, rows, channels);
      }
    }
  }
}

std::vector<double> column(const std::vector<float>& x, std::size_t channels, std::size_t c) {
  std::vector<double> out;
  for (std::size_t i = c; i < x.size(); i += channels) out.push_back(static_cast<double>(x[i]));
  return out;
}

struct Parameters {
  explicit Parameters(std::size_t n)
      : scale(normal(n, 41)),
        shift(normal(n, 42)),
        mean(normal(n, 43)),
        slope(normal(n, 44)),
        offset(normal(n, 45)) {}
  std::vector<float> scale, shift, mean, slope, offset;
  BatchNormPixels of(std::size_t rows, bool relu) const {
    return {rows,        scale.size(), scale.data(),  shift.data(),
            mean.data(), slope.data(), offset.data(), relu};
  }
};

bool passes(const BatchNormPixels& p, float x, std::size_t c) {
  return !p.relu || std::fma(x, p.scale[c], p.shift[c]) > 0.0f;
}

}  // namespace

TEST_CASE("moments of pixels follow float64, channel by channel") {
  each_case([](const BatchNormTable& t, std::size_t rows, std::size_t channels) {
    Guarded<float> x(normal(rows * channels, 46, 3.0f), 1), mean(channels, 2), squares(channels, 3);
    t.float_pixels.moments(x.data(), rows, channels, mean.data(), squares.data());
    for (std::size_t c = 0; c < channels; ++c) {
      double m = 0, s = 0;
      reference::moments(column(x.values(), channels, c).data(), rows, &m, &s);
      CHECK(std::fabs(mean[c] - m) <= 64 * kEpsilon);
      CHECK(std::fabs(squares[c] - s) <= 64 * kEpsilon * (1 + s));
    }
    CHECK((x.intact() && mean.intact() && squares.intact()));
  });
}

TEST_CASE("pixels are scaled, with relu cut at zero") {
  each_case([](const BatchNormTable& t, std::size_t rows, std::size_t channels) {
    const Parameters parameters(channels);
    for (const bool relu : {false, true}) {
      Guarded<float> x(normal(rows * channels, 47), 1), y(rows * channels, 3);
      t.float_pixels.apply(x.data(), parameters.of(rows, relu), y.data());
      for (std::size_t i = 0; i < rows * channels; ++i) {
        const std::size_t c = i % channels;
        const double v = static_cast<double>(x[i]) * static_cast<double>(parameters.scale[c]) +
                         static_cast<double>(parameters.shift[c]);
        CHECK(close(y[i], relu ? std::max(v, 0.0) : v, 4, 8 * kEpsilon));
      }
      CHECK((x.intact() && y.intact()));
    }
  });
}

TEST_CASE("gradients of pixels follow float64 and go through the relu") {
  each_case([](const BatchNormTable& t, std::size_t rows, std::size_t channels) {
    const Parameters parameters(channels);
    for (const bool relu : {false, true}) {
      const BatchNormPixels p = parameters.of(rows, relu);
      Guarded<float> x(normal(rows * channels, 48), 1), dy(normal(rows * channels, 49), 2);
      Guarded<float> dx(rows * channels, 1), sum(channels, 1), product(channels, 2);
      t.float_pixels.grad_sums(dy.data(), x.data(), p, sum.data(), product.data());
      t.float_pixels.grad(dy.data(), x.data(), p, dx.data());
      std::vector<float> cut = dy.values();
      for (std::size_t i = 0; i < cut.size(); ++i) {
        const std::size_t c = i % channels;
        if (!passes(p, x[i], c)) cut[i] = 0.0f;
        const double from = static_cast<double>(x[i]) - static_cast<double>(p.mean[c]);
        const double want = static_cast<double>(cut[i]) * static_cast<double>(p.scale[c]) +
                            from * static_cast<double>(p.slope[c]) +
                            static_cast<double>(p.offset[c]);
        CHECK(close(dx[i], want, 8, 32 * kEpsilon));
      }
      for (std::size_t c = 0; c < channels; ++c) {
        double s = 0, q = 0;
        reference::batch_norm_grad_sums(column(cut, channels, c).data(),
                                        column(x.values(), channels, c).data(),
                                        static_cast<double>(p.mean[c]), rows, &s, &q);
        CHECK(std::fabs(sum[c] - s) <= 256 * kEpsilon);
        CHECK(std::fabs(product[c] - q) <= 1024 * kEpsilon);
      }
      std::vector<float> same = dy.values();
      t.float_pixels.grad(same.data(), x.data(), p, same.data());
      CHECK(same_bits(same, dx.values()));
      CHECK((x.intact() && dy.intact() && dx.intact() && sum.intact() && product.intact()));
    }
  });
}

TEST_CASE("pixels of bfloat16 give what their floats give, rounded") {
  each_case([](const BatchNormTable& t, std::size_t rows, std::size_t channels) {
    const Parameters parameters(channels);
    const std::size_t n = rows * channels;
    Guarded<std::uint16_t> x(codes(normal(n, 50)), 1), dy(codes(normal(n, 51)), 2), y(n, 1),
        dx(n, 3);
    const std::vector<float> wide_x = widen_codes(x.values()), wide_dy = widen_codes(dy.values());
    const auto equal_sums = [&](auto run_codes, auto run_floats) {
      std::vector<float> a(channels), b(channels), c(channels), d(channels);
      run_codes(a.data(), b.data());
      run_floats(c.data(), d.data());
      CHECK((same_bits(a, c) && same_bits(b, d)));
    };
    equal_sums(
        [&](float* m, float* s) { t.bf16_pixels.moments(x.data(), rows, channels, m, s); },
        [&](float* m, float* s) { t.float_pixels.moments(wide_x.data(), rows, channels, m, s); });
    for (const bool relu : {false, true}) {
      const BatchNormPixels p = parameters.of(rows, relu);
      std::vector<float> wide_y(n), wide_dx(n);
      t.bf16_pixels.apply(x.data(), p, y.data());
      t.float_pixels.apply(wide_x.data(), p, wide_y.data());
      CHECK(y.values() == codes(wide_y));
      t.bf16_pixels.grad(dy.data(), x.data(), p, dx.data());
      t.float_pixels.grad(wide_dy.data(), wide_x.data(), p, wide_dx.data());
      CHECK(dx.values() == codes(wide_dx));
      equal_sums([&](float* s, float* q) { t.bf16_pixels.grad_sums(dy.data(), x.data(), p, s, q); },
                 [&](float* s, float* q) {
                   t.float_pixels.grad_sums(wide_dy.data(), wide_x.data(), p, s, q);
                 });
    }
    CHECK((x.intact() && dy.intact() && y.intact() && dx.intact()));
  });
}
