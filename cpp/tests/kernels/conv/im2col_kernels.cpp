// im2col against its definition, and col2im as its adjoint.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/conv/im2col.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

std::vector<Window2d> windows() {
  std::vector<Window2d> all;
  for (std::int64_t size : {1, 4, 7, 8}) {
    for (std::int64_t kernel : {1, 2, 3, 5}) {
      for (std::int64_t stride : {1, 2, 3}) {
        for (std::int64_t pad : {0, 1, 2, 6}) {
          for (std::int64_t dilation : {1, 2, 3}) {
            Window2d w;
            w.height = size, w.width = size + 3;
            w.kernel_h = kernel, w.kernel_w = kernel == 1 ? 1 : kernel - 1;
            w.stride_h = stride, w.stride_w = stride == 3 ? 1 : stride;
            w.pad_h = pad, w.pad_w = pad == 0 ? 0 : pad - 1;
            w.dilation_h = dilation, w.dilation_w = dilation == 3 ? 1 : dilation;
            if (w.out_height() > 0 && w.out_width() > 0) all.push_back(w);
          }
        }
      }
    }
  }
  for (std::int64_t height : {1, 2, 7, 16}) {  // as large as the plane
    for (std::int64_t kernel : {3, 5}) {
      for (std::int64_t dilation : {1, 2, 4}) {
        Window2d w;
        w.height = height, w.width = height == 7 ? 3 : 9;
        w.kernel_h = kernel, w.kernel_w = 8 - kernel;
        w.dilation_h = dilation, w.dilation_w = dilation;
        w.pad_h = w.kernel_h / 2 * dilation, w.pad_w = w.kernel_w / 2 * dilation;
        all.push_back(w);
      }
    }
  }
  return all;
}

constexpr std::int64_t kChannels = 3;

std::size_t column_count(const Window2d& w) {
  return static_cast<std::size_t>(kChannels * w.kernel_h * w.kernel_w * w.out_height() *
                                  w.out_width());
}
std::size_t pixel_count(const Window2d& w) {
  return static_cast<std::size_t>(kChannels * w.height * w.width);
}

// Index of the pixel that column value `index` reads, or -1 in the padding.
std::int64_t pixel_of(const Window2d& w, std::int64_t index) {
  const std::int64_t out_w = w.out_width(), out_h = w.out_height();
  const std::int64_t j = index % out_w, i = index / out_w % out_h;
  const std::int64_t tap = index / (out_w * out_h);
  const std::int64_t v = tap % w.kernel_w, u = tap / w.kernel_w % w.kernel_h;
  const std::int64_t c = tap / (w.kernel_w * w.kernel_h);
  const std::int64_t y = i * w.stride_h - w.pad_h + u * w.dilation_h;
  const std::int64_t x = j * w.stride_w - w.pad_w + v * w.dilation_w;
  const bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
  return inside ? (c * w.height + y) * w.width + x : -1;
}

}  // namespace

TEST_CASE("the number of window positions") {
  Window2d w;
  w.height = 5, w.width = 7, w.kernel_h = 3, w.kernel_w = 2, w.stride_w = 2;
  CHECK(w.out_height() == 3);
  CHECK(w.out_width() == 3);
  w.kernel_h = 6;
  CHECK(w.out_height() == 0);
  w.pad_h = 1;
  CHECK(w.out_height() == 2);
  w.dilation_h = 2;
  CHECK(w.out_height() == 0);
}

TEMPLATE_TEST_CASE("im2col follows its definition", "", float, double) {
  for (const Window2d& w : windows()) {
    const std::vector<float> source = normal(pixel_count(w), 71);
    const std::vector<TestType> image(source.begin(), source.end());
    Guarded<TestType> columns(column_count(w), 1);
    im2col(image.data(), w, 0, 1, columns.data(), w.out_height() * w.out_width());
    im2col(image.data(), w, 1, kChannels, columns.data(), w.out_height() * w.out_width());
    bool same = true;
    for (std::size_t i = 0; i < column_count(w); ++i) {
      const std::int64_t pixel = pixel_of(w, static_cast<std::int64_t>(i));
      same &= columns[i] == (pixel < 0 ? TestType(0) : image[static_cast<std::size_t>(pixel)]);
    }
    INFO(w.height << "x" << w.width << " kernel " << w.kernel_h << " stride " << w.stride_h
                  << " pad " << w.pad_h << " dilation " << w.dilation_h);
    CHECK(same);
    CHECK(columns.intact());
  }
}

TEMPLATE_TEST_CASE("col2im adds every column value to its pixel", "", float, double) {
  for (const Window2d& w : windows()) {
    // Small integers: sums are exact in any order.
    std::vector<TestType> columns(column_count(w));
    Generator g(72);
    for (TestType& v : columns) v = static_cast<TestType>(g.below(17)) - 8;
    Guarded<TestType> image(std::vector<TestType>(pixel_count(w), TestType(1)), 3);
    std::vector<TestType> exact(pixel_count(w), TestType(1));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::int64_t pixel = pixel_of(w, static_cast<std::int64_t>(i));
      if (pixel >= 0) exact[static_cast<std::size_t>(pixel)] += columns[i];
    }
    col2im(columns.data(), w.out_height() * w.out_width(), w, 0, 2, image.data());
    col2im(columns.data(), w.out_height() * w.out_width(), w, 2, kChannels, image.data());
    CHECK(image.values() == exact);
    CHECK(image.intact());
  }
}
