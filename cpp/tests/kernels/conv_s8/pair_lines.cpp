// Convolutions of mirror pairs: lines of sums and differences, and what becomes of their products.
#include <algorithm>

#include "kernels/conv_s8/codes_support.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

TEST_CASE("int8 mirror pairs: lines of sums and differences, blank outside") {
  for (const std::int64_t channels : {16, 32, 48, 64, 80, 96, 112}) {
    for (const std::int64_t kernel : {1, 2, 3, 5}) {
      for (const std::int64_t left : {-3, -1, 0, 2}) {
        constexpr std::int64_t kPixels = 6, kWidth = 7;
        const Bytes image = random_codes(kPixels * channels, 60, 128);
        const Bytes blank = random_codes(channels, 61, 128);
        each_isa([&](const ConvS8Table& t, const GemmS8Table& f) {
          PairLine l{image.data(), blank.data(), kPixels, channels, left, kernel, kWidth, nullptr};
          Bytes want(count(kWidth * kernel * channels));
          l.out = want.data();
          reference::pair_line(l, f.shape.k_step);
          const Bytes codes = stored(image, f), outside = stored(blank, f);
          l.image = codes.data(), l.blank = outside.data();
          CAPTURE(channels, kernel, left);
          require_codes(want, f, [&](void* out) {
            l.out = out;
            t.pair_line(l);
          });
        });
      }
    }
  }
}

namespace {

struct PairCase {
  std::int64_t channels, kernel, outputs, rows, width;
  bool joined, pool;

  std::int64_t lines() const { return rows + kernel - 1; }
  std::int64_t line() const { return width * kernel * channels; }  // codes of P and Q
  std::int64_t run() const { return kernel * channels / 2; }
  std::int64_t depth() const { return kernel * run(); }

  // Of lines as `pair_line` makes them: P for even columns, Q for odd ones.
  std::vector<std::int32_t> sums(const Bytes& codes, const std::vector<std::int8_t>& w,
                                 std::int64_t k_step) const {
    std::vector<std::int32_t> out(count(rows * width * outputs));
    for (std::int64_t i = 0; i < rows * width * outputs; ++i) {
      const std::int64_t c = i % outputs, x = i / outputs % width, y = i / outputs / width;
      for (std::int64_t k = 0; k < depth(); ++k) {
        const std::int64_t in_run = k % run();
        const std::int64_t at = (y + k / run()) * line() + x * kernel * channels +
                                in_run / k_step * 2 * k_step + in_run % k_step + c % 2 * k_step;
        out[count(i)] += (codes[count(at)] - 128) * w[count(c * depth() + k)];
      }
    }
    return out;
  }
};

void check_pairs(const PairCase& c) {
  const Bytes codes = random_codes(c.lines() * c.line(), 62);
  const Bytes residual = random_codes(c.rows * c.width * c.outputs, 63);
  const auto w = random_weights(c.outputs * c.depth(), 64);
  const auto scale = random_scales(c.outputs, 65);
  auto offset = normal(count(c.outputs), 66, 60.0f);
  offset[3] = kNan;  // the lowest code
  each_isa([&](const ConvS8Table& t, const GemmS8Table& f) {
    const auto sums = c.sums(codes, w, f.shape.k_step);
    Requantize r;
    r.sums = sums.data(), r.sums_row = c.outputs, r.channels = c.outputs;
    r.pixels = c.rows * c.width;
    r.scale = scale.data(), r.offset = offset.data(), r.out_row = c.outputs;
    r.low = 9.0f, r.high = 127.0f;
    r.residual = c.joined ? residual.data() : nullptr, r.residual_scale = 0.37f;
    Bytes want(count(r.pixels * c.outputs / (c.pool ? 4 : 1)));
    r.out = want.data();
    reference::requantize_pairs(r, c.outputs / 2, c.width, c.pool);

    const PackedS8 packed = pack_s8(w.data(), c.outputs, c.depth(), f, t.line_shape);
    const Bytes lines = stored(codes, f), add = stored(residual, f);
    const std::int64_t code = f.shape.code_bytes;
    std::vector<const std::byte*> starts;
    for (std::int64_t i = 0; i < c.rows; ++i) {
      starts.push_back(reinterpret_cast<const std::byte*>(lines.data()) + i * c.line() * code);
    }
    PairLinesToCodes l;
    l.half = c.outputs / 2;
    l.lines.product = packed.product(0, c.outputs), l.lines.product.rows = c.rows;
    l.lines.starts = starts.data();
    l.lines.line = c.line() * code, l.lines.pixel = c.kernel * c.channels * code;
    l.lines.kernel_h = c.kernel, l.lines.run_groups = l.lines.product.groups / c.kernel;
    l.lines.width = c.width, l.lines.to = r, l.lines.pool = c.pool;
    l.lines.to.residual = c.joined ? add.data() : nullptr;
    CAPTURE(c.channels, c.kernel, c.outputs, c.rows, c.width, c.joined, c.pool);
    require_codes(want, f, [&](void* out) {
      l.lines.to.out = out;
      t.convolve_pairs(l);
    });
  });
}

}  // namespace

TEST_CASE("int8 mirror pairs: sums become codes of both filters, joined and pooled") {
  for (const std::int64_t channels : {16, 48}) {
    for (const std::int64_t kernel : {1, 3}) {
      for (const std::int64_t outputs : {16, 32, 80}) {
        for (const std::int64_t width : {1, 2, 4, 6, 7, 8, 16, 29}) {
          for (const bool joined : {false, true}) {
            check_pairs({channels, kernel, outputs, 3, width, joined, false});
            if (width % 2 == 0) check_pairs({channels, kernel, outputs, 4, width, joined, true});
          }
        }
      }
    }
  }
}
