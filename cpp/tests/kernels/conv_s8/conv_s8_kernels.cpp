// Every instruction set and format of codes against the plain reference: the same codes.
#include <algorithm>
#include <string>

#include "kernels/conv_s8/codes_support.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

TEST_CASE("int8 images: floats become codes, NaN the lowest") {
  for (const std::int64_t width : {1, 3, 16, 33}) {
    for (const std::int64_t channels : {1, 3, 4, 16, 21}) {
      const std::int64_t saved = channels <= 4 ? 4 : (channels + 15) / 16 * 16;
      auto x = normal(count(channels * (width + 5)), 1, 3.0f);
      x[0] = kNan, x[x.size() / 2] = kInf, x[x.size() / 3] = -kInf;
      QuantizeRow q{x.data(), width + 5, width, channels, saved, 31.7f, 117.0f, nullptr};
      Bytes want(count(width * saved));
      q.out = want.data();
      reference::quantize_row(q);
      each_isa([&](const ConvS8Table& k, const GemmS8Table& f) {
        require_codes(want, f, [&](void* out) {
          q.out = out;
          k.quantize_row(q);
        });
      });
    }
  }
}

TEST_CASE("int8 sums become codes, with a residual, a floor and a pool") {
  for (const std::int64_t channels : {16, 48}) {
    for (const std::int64_t pixels : {0, 1, 2, 6, 7}) {
      const std::int64_t row = channels + 16;
      const auto sums = random_sums(2 * pixels * row + 1, 2);
      auto scale = random_scales(channels, 3), offset = normal(count(channels), 4, 60.0f);
      scale[1] = 0.5f, offset[1] = 0.0f;  // halves: rounding to even
      const Bytes residual = random_codes(2 * pixels * row, 5);
      for (const bool joined : {false, true}) {
        for (const float low : {0.0f, 77.0f}) {
          Requantize r;
          r.sums = sums.data(), r.sums_row = row;
          r.pixels = pixels, r.channels = channels;
          r.scale = scale.data(), r.offset = offset.data();
          r.residual = joined ? residual.data() : nullptr, r.residual_scale = 0.37f;
          r.out_row = channels, r.low = low, r.high = low > 0.0f ? 127.0f : 255.0f;
          const auto compare = [&](std::int64_t made, auto reference, auto run) {
            Bytes want(count(made * channels));
            reference(want.data());
            each_isa([&](const ConvS8Table& k, const GemmS8Table& f) {
              const Bytes add = stored(residual, f);
              require_codes(want, f,
                            [&](void* out) { run(k, joined ? add.data() : nullptr, out); });
            });
          };
          CAPTURE(channels, pixels, joined, low);
          compare(
              pixels,
              [&](void* out) {
                r.out = out;
                reference::requantize(r);
              },
              [&](const ConvS8Table& k, const void* add, void* out) {
                Requantize copy = r;
                copy.residual = add, copy.out = out;
                k.requantize(copy);
              });
          RequantizePooled pooled{r, pixels * row, pixels * channels};
          compare(
              pixels / 2,
              [&](void* out) {
                pooled.first.out = out;
                reference::requantize_pooled(pooled);
              },
              [&](const ConvS8Table& k, const void* add, void* out) {
                RequantizePooled copy = pooled;
                copy.first.residual = add, copy.first.out = out;
                k.requantize_pooled(copy);
              });
        }
      }
    }
  }
}

TEST_CASE("int8 codes are joined, pooled and averaged") {
  const Bytes a = random_codes(6 * 5 * 32, 6), b = random_codes(6 * 5 * 32, 7);
  for (const bool joined : {false, true}) {
    JoinCodes j{a.data(), joined ? b.data() : nullptr, 0.71f,   0.33f,  3.5f,
                20.0f,    joined ? 200.0f : 255.0f,    nullptr, 16 * 60};
    Bytes want(16 * 60);
    j.out = want.data();
    reference::join(j);
    each_isa([&](const ConvS8Table& k, const GemmS8Table& f) {
      const Bytes first = stored(a, f), second = stored(b, f);
      JoinCodes copy = j;
      copy.a = first.data(), copy.b = joined ? second.data() : nullptr;
      require_codes(want, f, [&](void* out) {
        copy.out = out;
        k.join(copy);
      });
    });
  }
  Bytes most(32);
  reference::max_window(a.data(), 5 * 32, 32, 3, 2, most.data());
  std::vector<float> mean(32);
  reference::average(a.data(), 30, 32, 117.0f, 0.013f, mean.data());
  each_isa([&](const ConvS8Table& k, const GemmS8Table& f) {
    const Bytes in = stored(a, f);
    require_codes(most, f, [&](void* out) { k.max_window(in.data(), 5 * 32, 32, 3, 2, out); });
    Guarded<float> got(32);
    k.average(in.data(), 30, 32, 117.0f, 0.013f, got.data());
    REQUIRE(got.intact());
    REQUIRE(same_bits(got.values(), mean));
  });
}

TEST_CASE("int8 sums channel by channel, at borders, with strides and gaps") {
  const std::int64_t height = 6, width = 5, channels = 48;
  const Bytes image = random_codes(height * width * channels, 8);
  for (const std::int64_t kernel : {1, 3, 4}) {
    const auto codes = random_weights(kernel * kernel * channels, 9);
    const std::vector<std::int32_t> weights(codes.begin(), codes.end());
    for (const std::int64_t stride : {1, 2}) {
      for (const std::int64_t dilation : {1, 2}) {
        for (std::int64_t top = -3; top < height; top += 2) {
          DepthwiseSums d{image.data(), height,   width,    channels,       top, -2, kernel, kernel,
                          stride,       dilation, dilation, weights.data(), 117, 4,  nullptr};
          std::vector<std::int32_t> want(count(d.count * channels));
          d.sums = want.data();
          reference::depthwise_sums(d);
          each_isa([&](const ConvS8Table& k, const GemmS8Table& f) {
            const Bytes in = stored(image, f);
            Guarded<std::int32_t> got(want.size());
            DepthwiseSums copy = d;
            copy.image = in.data(), copy.sums = got.data();
            k.depthwise_sums(copy);
            REQUIRE(got.intact());
            REQUIRE(got.values() == want);
          });
        }
      }
    }
  }
}

TEST_CASE("int8 products become codes as their sums would, whole, in part, joined and pooled") {
  for (const std::int64_t columns : {16, 32, 48, 64, 160}) {
    for (const std::int64_t rows : {4, 8, 12, 32, 36, 100}) {
      const std::int64_t k = 70;
      const Bytes a = random_codes(rows * k, 20), residual = random_codes(rows * columns, 21);
      const auto b = random_weights(columns * k, 22);
      const auto scale = random_scales(columns, 23), offset = normal(count(columns), 24, 60.0f);
      std::vector<std::int32_t> sums(count(rows * columns));
      for (std::int64_t i = 0; i < rows * columns; ++i) {
        for (std::int64_t p = 0; p < k; ++p) {
          sums[count(i)] += (a[count(i / columns * k + p)] - 128) * b[count(i % columns * k + p)];
        }
      }
      for (int variant = 0; variant < 3; ++variant) {
        const bool joined = variant == 1, pool = variant == 2;
        Requantize r;
        r.sums = sums.data(), r.sums_row = columns, r.pixels = rows, r.channels = columns;
        r.scale = scale.data(), r.offset = offset.data(), r.out_row = columns, r.low = 9.0f;
        r.residual = joined ? residual.data() : nullptr, r.residual_scale = 0.37f;
        Bytes want(count((pool ? rows / 4 : rows) * columns));
        r.out = want.data();
        if (pool) {  // rows 4i .. 4i + 3 are a square
          RequantizePooled both{r, columns, 0};
          both.first.sums_row = 2 * columns, both.first.pixels = rows / 2;
          reference::requantize_pooled(both);
        } else {
          reference::requantize(r);
        }
        each_isa([&](const ConvS8Table& t, const GemmS8Table& f) {
          const PackedS8 packed = pack_s8(b.data(), columns, k, f);
          if (pool && (!t.pools_products || columns % packed.shape.nr != 0)) return;
          const auto row = count(packed.row_bytes());
          Bytes codes(count(rows) * row);
          for (std::int64_t i = 0; i < rows; ++i) {
            const auto at = a.begin() + i * k;
            const Bytes one = stored(Bytes(at, at + k), f);
            std::copy(one.begin(), one.end(), codes.begin() + i * packed.row_bytes());
          }
          ProductToCodes p{packed.product(0, columns), r, pool};
          p.product.rows = rows;
          p.product.a = reinterpret_cast<const std::byte*>(codes.data());
          const Bytes add = stored(residual, f);
          p.to.residual = joined ? add.data() : nullptr;
          CAPTURE(columns, rows, variant);
          require_codes(want, f, [&](void* out) {
            p.to.out = out;
            // Of three in turn, the second is the first rows alone, for which tiles are set up
            // anew.
            t.multiply_to_codes({3, &p, [](void* context, std::int64_t i) {
                                   ProductToCodes one = *static_cast<ProductToCodes*>(context);
                                   if (i == 1) one.product.rows = 4;
                                   return one;
                                 }});
          });
        });
      }
    }
  }
}

namespace {

// Rows of results of a convolution without padding, `kernel` x `kernel` and `stride` apart.
struct LineCase {
  std::int64_t stored, kernel, stride, columns, rows, width;
  std::int64_t line() const { return ((width - 1) * stride + kernel) * stored; }  // codes
  std::int64_t lines() const { return (rows - 1) * stride + kernel; }
  std::int64_t depth() const { return kernel * kernel * stored; }

  std::vector<std::int32_t> sums(const Bytes& image, const std::vector<std::int8_t>& b) const {
    std::vector<std::int32_t> out(count(rows * width * columns));
    for (std::int64_t i = 0; i < rows * width * columns; ++i) {
      const std::int64_t c = i % columns, x = i / columns % width, y = i / columns / width;
      for (std::int64_t k = 0; k < depth(); ++k) {
        const std::int64_t run = kernel * stored;
        const std::int64_t at = (y * stride + k / run) * line() + x * stride * stored + k % run;
        out[count(i)] += (image[count(at)] - 128) * b[count(c * depth() + k)];
      }
    }
    return out;
  }
};

void check_lines(const LineCase& c, int variant) {
  const Bytes image = random_codes(c.lines() * c.line(), 30);
  const Bytes residual = random_codes(c.rows * c.width * c.columns, 31);
  const auto b = random_weights(c.columns * c.depth(), 32);
  const auto scale = random_scales(c.columns, 33), offset = normal(count(c.columns), 34, 60.0f);
  const auto sums = c.sums(image, b);
  const bool joined = variant == 1, pool = variant == 2;
  Requantize r;
  r.sums = sums.data(), r.sums_row = c.columns, r.channels = c.columns;
  r.pixels = pool ? c.width : c.rows * c.width;
  r.scale = scale.data(), r.offset = offset.data(), r.out_row = c.columns, r.low = 9.0f;
  r.residual = joined ? residual.data() : nullptr, r.residual_scale = 0.37f;
  Bytes want(count(c.rows * c.width * c.columns / (pool ? 4 : 1)));
  r.out = want.data();
  if (!pool) reference::requantize(r);
  for (std::int64_t i = 0; pool && i < c.rows; i += 2) {
    const std::int64_t line = c.width * c.columns;
    reference::requantize_pooled({r, line, 0});
    r.sums += 2 * line;
    r.out = static_cast<std::uint8_t*>(r.out) + line / 2;
  }
  each_isa([&](const ConvS8Table& t, const GemmS8Table& f) {
    if (t.convolve_lines == nullptr || c.kernel * c.stored % t.line_shape.k_step != 0) return;
    const PackedS8 packed = pack_s8(b.data(), c.columns, c.depth(), f, t.line_shape);
    const Bytes codes = stored(image, f), add = stored(residual, f);
    const auto* first = reinterpret_cast<const std::byte*>(codes.data());
    const std::int64_t code = f.shape.code_bytes;
    std::vector<const std::byte*> starts;
    for (std::int64_t i = 0; i < c.rows; ++i) {
      starts.push_back(first + i * c.stride * c.line() * code);
    }
    LinesToCodes l;
    l.product = packed.product(0, c.columns), l.product.rows = c.rows;
    l.starts = starts.data();
    l.line = c.line() * code, l.pixel = c.stride * c.stored * code;
    l.kernel_h = c.kernel, l.run_groups = l.product.groups / c.kernel;
    l.width = c.width, l.to = r, l.pool = pool;
    l.to.residual = joined ? add.data() : nullptr;
    CAPTURE(c.stored, c.kernel, c.stride, c.columns, c.rows, c.width, variant);
    require_codes(want, f, [&](void* out) {
      l.to.out = out;
      t.convolve_lines(l);
    });
  });
}

}  // namespace

TEST_CASE("int8 lines are convolved as their windows would be, whole, in part, joined and pooled") {
  for (const std::int64_t stored : {4, 16, 48}) {
    for (const std::int64_t kernel : {1, 3}) {
      for (const std::int64_t columns : {16, 32, 80}) {
        for (const std::int64_t width : {1, 2, 4, 6, 7, 8, 16, 29}) {
          for (int variant = 0; variant < 3; ++variant) {
            if (variant == 2 && width % 2 != 0) continue;
            check_lines({stored, kernel, 1 + width % 2, columns, 4, width}, variant);
            if (variant < 2) check_lines({stored, kernel, 1, columns, 3, width}, variant);
          }
        }
      }
    }
  }
}

TEST_CASE("int8 windows are copied, blank outside") {
  each_isa([](const ConvS8Table& t, const GemmS8Table&) {
    for (const std::int64_t pixel : {1, 4, 16, 32, 80}) {
      for (const std::int64_t kernel : {1, 3, 4}) {
        for (const std::int64_t stride : {1, 2}) {
          for (const std::int64_t dilation : {1, 2}) {
            WindowBytes w;
            w.height = 3, w.width = 6, w.pixel = pixel,
            w.pixel_step = pixel + (stride == 2 ? 4 : 0);
            w.line = w.width * w.pixel_step;
            w.left = -1, w.kernel_h = kernel, w.kernel_w = kernel;
            w.stride = stride, w.dilation_h = w.dilation_w = dilation, w.count = 4;
            const Bytes image = random_codes(w.height * w.line + WindowBytes::kOverrun, 8);
            const Bytes blank = random_codes(kernel * pixel + WindowBytes::kOverrun, 9);
            const Bytes same(blank.size(), blank[0]);
            w.image = reinterpret_cast<const std::byte*>(image.data());
            w.blank = reinterpret_cast<const std::byte*>(same.data());
            w.out_row = kernel * kernel * pixel;
            for (w.top = -2; w.top < 3; ++w.top) {
              const std::int64_t size = w.count * w.out_row;
              Bytes got(count(size + WindowBytes::kOverrun)), want(count(size));
              w.out = reinterpret_cast<std::byte*>(got.data());
              t.copy_windows(w);
              w.out = reinterpret_cast<std::byte*>(want.data());
              reference::copy_windows(w);
              got.resize(want.size());
              CAPTURE(pixel, kernel, stride, dilation, w.top);
              REQUIRE(got == want);
            }
          }
        }
      }
    }
  });
}
