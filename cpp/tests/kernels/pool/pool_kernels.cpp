// Pooling of a plane against window-by-window definitions.
#include "kernels/kernel_support.hpp"
#include "tinytorch/kernels/pool/pool.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

// Few distinct values, so that windows hold ties.
template <class T>
std::vector<T> plane(std::size_t n) {
  std::vector<T> v(n);
  Generator g(81);
  for (T& x : v) x = static_cast<T>(g.below(9)) - 4;
  return v;
}

std::vector<Window2d> windows() {
  std::vector<Window2d> all;
  for (std::int64_t kernel : {1, 2, 3}) {
    for (std::int64_t stride : {1, 2, 3}) {
      for (std::int64_t pad : {0, 1}) {
        for (std::int64_t dilation : {1, 2, 5}) {
          Window2d w;
          w.height = 7, w.width = 10;
          w.kernel_h = w.kernel_w = kernel;
          w.stride_h = stride, w.stride_w = stride == 3 ? 1 : stride;
          w.pad_h = w.pad_w = pad;
          w.dilation_h = dilation, w.dilation_w = dilation == 5 ? 2 : dilation;
          if (w.out_height() > 0 && w.out_width() > 0) all.push_back(w);
        }
      }
    }
  }
  return all;
}

// Calls fn(output, pixel) for every pixel of every window, in row-major order.
template <class Fn>
void for_each_pixel(const Window2d& w, Fn fn) {
  for (std::int64_t o = 0; o < w.out_height() * w.out_width(); ++o) {
    for (std::int64_t u = 0; u < w.kernel_h; ++u) {
      for (std::int64_t v = 0; v < w.kernel_w; ++v) {
        const std::int64_t y = o / w.out_width() * w.stride_h - w.pad_h + u * w.dilation_h;
        const std::int64_t x = o % w.out_width() * w.stride_w - w.pad_w + v * w.dilation_w;
        if (y >= 0 && y < w.height && x >= 0 && x < w.width) {
          fn(static_cast<std::size_t>(o), static_cast<std::size_t>(y * w.width + x));
        }
      }
    }
  }
}

std::int64_t floor_of(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
}
std::int64_t ceil_of(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(a) / static_cast<double>(b)));
}

std::size_t outputs(const Window2d& w) {
  return static_cast<std::size_t>(w.out_height() * w.out_width());
}

}  // namespace

TEMPLATE_TEST_CASE("max pooling takes the first largest value", "", float, double) {
  for (const Window2d& w : windows()) {
    const std::vector<TestType> x = plane<TestType>(70);
    Guarded<TestType> y(outputs(w), 1);
    Guarded<std::int32_t> argmax(outputs(w), 1);
    max_pool(x.data(), w, y.data(), argmax.data());
    std::vector<std::int32_t> where(outputs(w), -1);
    for_each_pixel(w, [&](std::size_t o, std::size_t pixel) {
      if (where[o] < 0 || x[pixel] > x[static_cast<std::size_t>(where[o])]) {
        where[o] = static_cast<std::int32_t>(pixel);
      }
    });
    CHECK(argmax.values() == where);
    bool same = true;
    for (std::size_t o = 0; o < outputs(w); ++o) {
      const TestType want = where[o] < 0 ? -std::numeric_limits<TestType>::infinity()
                                         : x[static_cast<std::size_t>(where[o])];
      same &= y[o] == want;
    }
    CHECK(same);
    CHECK((y.intact() && argmax.intact()));
    std::vector<TestType> dy = plane<TestType>(outputs(w)), dx(70, 2), exact(70, 2);
    max_pool_grad(dy.data(), argmax.data(), static_cast<std::int64_t>(dy.size()), dx.data());
    for (std::size_t o = 0; o < outputs(w); ++o) {
      if (where[o] >= 0) exact[static_cast<std::size_t>(where[o])] += dy[o];
    }
    CHECK(dx == exact);
  }
}

TEMPLATE_TEST_CASE("average pooling counts padding as zeros", "", float, double) {
  for (const Window2d& w : windows()) {
    const std::vector<TestType> x = plane<TestType>(70), dy = plane<TestType>(outputs(w));
    Guarded<TestType> y(outputs(w), 1), dx(std::vector<TestType>(70, 3), 1);
    avg_pool(x.data(), w, y.data());
    avg_pool_grad(dy.data(), w, dx.data());
    const double area = static_cast<double>(w.kernel_h * w.kernel_w);
    std::vector<double> sum(outputs(w)), gradient(70, 3);
    for_each_pixel(w, [&](std::size_t o, std::size_t pixel) {
      sum[o] += static_cast<double>(x[pixel]);
      gradient[pixel] += static_cast<double>(dy[o]) / area;
    });
    for (std::size_t o = 0; o < outputs(w); ++o) {
      CHECK(static_cast<double>(y[o]) == Approx(sum[o] / area).margin(1e-6));
    }
    for (std::size_t i = 0; i < 70; ++i) {
      CHECK(static_cast<double>(dx[i]) == Approx(gradient[i]).margin(1e-5));
    }
    CHECK((y.intact() && dx.intact()));
  }
}

TEST_CASE("NaN wins a max pooling window, -inf has a place") {
  Window2d w;
  w.height = 1, w.width = 4, w.kernel_w = 4;
  const float nan[] = {1.0f, kNan, 5.0f, kNan}, low[] = {-kInf, -kInf, -kInf, -kInf};
  float y = 0;
  std::int32_t argmax = 0;
  max_pool(nan, w, &y, &argmax);
  CHECK(std::isnan(y));
  CHECK(argmax == 1);
  max_pool(low, w, &y, &argmax);
  CHECK(y == -kInf);
  CHECK(argmax == 0);
}

TEMPLATE_TEST_CASE("adaptive pooling covers the plane", "", float, double) {
  const std::vector<TestType> x = plane<TestType>(70);
  for (std::int64_t out_h : {1, 2, 3, 7, 9}) {
    for (std::int64_t out_w : {1, 3, 4, 10}) {
      const AdaptivePool p{7, 10, out_h, out_w};
      const auto n = static_cast<std::size_t>(out_h * out_w);
      Guarded<TestType> largest(n, 1), mean(n, 1);
      Guarded<std::int32_t> argmax(n, 1);
      adaptive_max_pool(x.data(), p, largest.data(), argmax.data());
      adaptive_avg_pool(x.data(), p, mean.data());
      const std::vector<TestType> dy = plane<TestType>(n);
      std::vector<TestType> dx(70, 0);
      std::vector<double> gradient(70, 0);
      adaptive_avg_pool_grad(dy.data(), p, dx.data());
      for (std::size_t o = 0; o < n; ++o) {
        const auto i = static_cast<std::int64_t>(o) / out_w,
                   j = static_cast<std::int64_t>(o) % out_w;
        const std::int64_t top = floor_of(i * 7, out_h), bottom = ceil_of((i + 1) * 7, out_h);
        const std::int64_t left = floor_of(j * 10, out_w), right = ceil_of((j + 1) * 10, out_w);
        double sum = 0, best = -1e9;
        const double area = static_cast<double>((bottom - top) * (right - left));
        for (std::int64_t r = top; r < bottom; ++r) {
          for (std::int64_t c = left; c < right; ++c) {
            const auto pixel = static_cast<std::size_t>(r * 10 + c);
            sum += static_cast<double>(x[pixel]);
            best = std::max(best, static_cast<double>(x[pixel]));
            gradient[pixel] += static_cast<double>(dy[o]) / area;
          }
        }
        CHECK(static_cast<double>(mean[o]) == Approx(sum / area).margin(1e-6));
        CHECK(static_cast<double>(largest[o]) == best);
        CHECK(x[static_cast<std::size_t>(argmax[o])] == largest[o]);
      }
      for (std::size_t i = 0; i < 70; ++i) {
        CHECK(static_cast<double>(dx[i]) == Approx(gradient[i]).margin(1e-5));
      }
      CHECK((largest.intact() && mean.intact() && argmax.intact()));
    }
  }
}
