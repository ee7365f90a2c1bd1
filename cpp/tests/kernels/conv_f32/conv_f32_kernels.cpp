// Every instruction set of this machine against the plain reference.
#include <algorithm>
#include <string>

#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/conv_f32/reference.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

// Calls fn(the instruction set's kernels) for each that differs.
template <class Fn>
void each_isa(Fn fn) {
  for (const Isa isa : isas(&Table::conv_f32)) {
    CAPTURE(name_of(isa));
    fn(table(isa).conv_f32);
  }
}

void require_close(const std::vector<float>& got, const std::vector<float>& want, float bound) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::fabs(got[i] - want[i]) <= bound) continue;
    CAPTURE(i, got[i], want[i]);
    FAIL("too far from the reference");
  }
}

// Equal, or both NaN. Which of two zeros a maximum gives is the instruction set's choice.
bool equal(const float* a, const float* b, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
  }
  return true;
}

const std::vector<std::int64_t> kChannels = {16, 32, 48, 80};

}  // namespace

TEST_CASE("winograd: patches are transformed, zero outside the image") {
  each_isa([](const ConvF32Table& t) {
    for (const std::int64_t channels : kChannels) {
      for (const std::int64_t size : {1, 3, 6, 9}) {
        const std::int64_t width = size + 1, step = channels + 16;
        const auto image = normal(count(size * width * channels), 3);
        for (std::int64_t top = -2; top < size + 1; ++top) {
          const std::int64_t left = top == 0 ? 0 : 1 - top;
          Guarded<float> got(count(36 * step), 1);
          std::vector<float> want(count(36 * step), got[0]);
          WinogradInput<float, float> w{image.data(), size, width,      channels,
                                        top,          left, got.data(), step};
          t.winograd.input(w);
          w.out = want.data();
          reference::winograd_input(w);
          CAPTURE(channels, size, top, left);
          REQUIRE(got.intact());
          require_close(got.values(), want, 1e-4f);
        }
      }
    }
  });
}

TEST_CASE("winograd: sums become results, whole or in part, with all that is joined to them") {
  each_isa([](const ConvF32Table& t) {
    for (const std::int64_t channels : kChannels) {
      const std::int64_t step = channels + 16, row = 6 * channels;
      const auto sums = normal(count(36 * step), 5), bias = normal(count(channels), 6);
      const auto residual = normal(count(4 * row), 7, 20.0f);
      for (int variant = 0; variant < 8; ++variant) {
        for (const int rows : {1, 2, 3, 4}) {
          WinogradOutput<float> w;
          w.sums = sums.data(), w.step = step, w.channels = channels, w.bias = bias.data();
          w.relu = (variant & 1) != 0, w.pool = (variant & 2) != 0;
          w.residual = (variant & 4) != 0 ? residual.data() : nullptr;
          w.residual_row = w.out_row = row;
          w.rows = rows, w.cols = 5 - rows;
          if (w.pool && rows % 2 != 0) continue;
          if (w.pool) w.cols = rows == 2 ? 4 : 2;
          Guarded<float> got(count(4 * row), 3);
          std::vector<float> want(count(4 * row), got[0]);
          w.out = got.data();
          t.winograd.output(w);
          w.out = want.data();
          reference::winograd_output(w);
          CAPTURE(channels, variant, rows);
          REQUIRE(got.intact());
          require_close(got.values(), want, 1e-4f);
        }
      }
    }
  });
}

TEST_CASE("winograd: the three transforms together are a convolution") {
  const auto image = normal(36 * 16, 8), g = normal(9, 9), bias = normal(16, 10);
  float moved_weights[36];
  reference::winograd_weights({g.data(), 1, 1, moved_weights, 1});
  each_isa([&](const ConvF32Table& t) {
    std::vector<float> moved(36 * 16), out(16 * 16);
    t.winograd.input({image.data(), 6, 6, 16, 0, 0, moved.data(), 16});
    for (std::size_t i = 0; i < moved.size(); ++i) moved[i] *= moved_weights[i / 16];
    WinogradOutput<float> w;
    w.sums = moved.data(), w.step = 16, w.channels = 16, w.bias = bias.data();
    w.out = out.data(), w.out_row = 4 * 16;
    t.winograd.output(w);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t c = i % 16, x = i / 16 % 4, y = i / 64;
      float sum = bias[c];
      for (std::size_t k = 0; k < 9; ++k) {
        sum += image[((y + k / 3) * 6 + x + k % 3) * 16 + c] * g[k];
      }
      REQUIRE(std::fabs(out[i] - sum) < 1e-4f);
    }
  });
}

TEST_CASE("finishing adds, cuts below zero and pools; NaN stays") {
  auto in = normal(16 * 6 * 8, 11), residual = normal(in.size(), 12);
  for (std::size_t i = 0; i < special_values().size(); ++i) in[i * 7] = special_values()[i];
  in[0] = in[49] = in[96] = in[145] = kNan;
  each_isa([&](const ConvF32Table& t) {
    for (int variant = 0; variant < 4; ++variant) {
      const bool relu = (variant & 1) != 0;
      const float* add = (variant & 2) != 0 ? residual.data() : nullptr;
      for (const std::int64_t size : {std::int64_t{0}, std::int64_t{16}, std::int64_t{16 * 48}}) {
        Guarded<float> got(count(size), 2);
        std::vector<float> want(count(size));
        t.finish({in.data(), add, got.data(), size, relu});
        reference::finish({in.data(), add, want.data(), size, relu});
        REQUIRE(got.intact());
        REQUIRE(equal(got.data(), want.data(), want.size()));
      }
      Guarded<float> got(16 * 3 * 2);
      std::vector<float> want(16 * 3 * 2);
      FinishPooled f{in.data(), 6 * 32, add, 6 * 32, got.data(), 6, 32, relu};
      f.out = got.data();
      t.finish_pooled(f);
      f.out = want.data();
      reference::finish_pooled(f);
      REQUIRE(got.intact());
      REQUIRE(equal(got.data(), want.data(), want.size()));
    }
    for (const int size : {1, 2, 3}) {
      Guarded<float> got(32);
      std::vector<float> want(32);
      t.max_window({in.data(), 6 * 32, 32, size, size + 1, got.data()});
      reference::max_window({in.data(), 6 * 32, 32, size, size + 1, want.data()});
      REQUIRE(got.intact());
      REQUIRE(equal(got.data(), want.data(), want.size()));
    }
  });
}

TEST_CASE("averages are sums in order") {
  each_isa([](const ConvF32Table& t) {
    for (const std::int64_t pixels : {1, 5, 64}) {
      const auto in = normal(count(pixels * 48), 13);
      Guarded<float> got(48);
      std::vector<float> want(48);
      t.average(in.data(), pixels, 48, 0.25f, got.data());
      reference::average(in.data(), pixels, 48, 0.25f, want.data());
      REQUIRE(got.intact());
      REQUIRE(same_bits(got.values(), want));
    }
  });
}

TEST_CASE("depthwise rows, at borders, with strides and gaps") {
  each_isa([](const ConvF32Table& t) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const std::int64_t dilation : {1, 2}) {
        for (const std::int64_t kernel : {1, 3, 5}) {
          for (const std::int64_t width : {1, 4, 17}) {
            const std::int64_t height = 3, channels = 32, pad = kernel / 2 * dilation;
            const std::int64_t results =
                (width + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
            const auto image = normal(count(height * width * channels), 14);
            const auto weights = normal(count(kernel * kernel * channels), 15);
            const auto bias = normal(count(channels), 16);
            for (std::int64_t top = -pad; top < height; ++top) {
              Guarded<float> got(count(results * channels));
              std::vector<float> want(count(results * channels));
              DepthwiseRow d{image.data(), height,         width,       channels,   top,
                             -pad,         kernel,         kernel,      stride,     dilation,
                             dilation,     weights.data(), bias.data(), got.data(), results};
              t.depthwise_row(d);
              d.out = want.data();
              reference::depthwise_row(d);
              CAPTURE(stride, dilation, kernel, width, top);
              REQUIRE(got.intact());
              require_close(got.values(), want, 1e-4f);
            }
          }
        }
      }
    }
  });
}

TEST_CASE("depthwise gradients of lines, at borders, with strides and gaps") {
  each_isa([](const ConvF32Table& t) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const std::int64_t dilation : {1, 2}) {
        for (const std::int64_t kernel : {1, 2, 3, 5, 7}) {
          for (const std::int64_t width : {1, 4, 17}) {
            for (const std::int64_t channels : {16, 48}) {
              const std::int64_t pad = kernel - 1, span = dilation * (kernel - 1) + 1;
              if (width + 2 * pad < span) continue;
              DepthwiseLine d{width,
                              channels,
                              -pad,
                              kernel,
                              stride,
                              dilation,
                              (width + 2 * pad - span) / stride + 1};
              CAPTURE(stride, dilation, kernel, width, channels);
              const auto results = normal(count(d.count * channels), 17);
              const auto image = normal(count(width * channels), 18);
              const auto taps = normal(count(kernel * channels), 19);
              // Added to what is there.
              Guarded<float> got_image(count(width * channels)), got_taps(count(kernel * channels));
              std::copy(image.begin(), image.end(), got_image.data());
              std::copy(taps.begin(), taps.end(), got_taps.data());
              std::vector<float> want_image = image, want_taps = taps;
              t.depthwise_image_grad(d, results.data(), taps.data(), got_image.data());
              reference::depthwise_image_grad(d, results.data(), taps.data(), want_image.data());
              t.depthwise_taps_grad(d, results.data(), image.data(), got_taps.data());
              reference::depthwise_taps_grad(d, results.data(), image.data(), want_taps.data());
              REQUIRE(got_image.intact());
              REQUIRE(got_taps.intact());
              require_close(got_image.values(), want_image, 1e-4f);
              require_close(got_taps.values(), want_taps, 1e-4f);
            }
          }
        }
      }
    }
  });
}
