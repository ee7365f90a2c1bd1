// Batch normalisation. Float32 images go through the kernels, plane by plane or pixel by pixel as
// they lie in memory, other arrays through the elementwise operators.
#include <algorithm>

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/norm.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::ops {
namespace {

constexpr index_t kSmallPlane = 16;  // values that are worth a kernel's call

Dims all_but_channels(const Array& x) {
  Dims axes;
  for (int d = 0; d < x.ndim(); ++d) {
    if (d != 1) axes.push_back(d);
  }
  return axes;
}

// A per-channel vector as (1, C, 1, ...), to broadcast against x.
Array channels(const Array& v, const Array& x) {
  Shape shape(x.ndim(), 1);
  shape[1] = v.size();
  return v.reshape(shape);
}

// The planes of an array (images, channels, ...).
struct Planes {
  explicit Planes(const Array& x)
      : images(x.shape(0)), channels(x.shape(1)), area(x.size() / (images * channels)) {}
  index_t at(index_t image, index_t channel) const { return (image * channels + channel) * area; }
  std::size_t size() const { return static_cast<std::size_t>(area); }
  double count() const { return static_cast<double>(images * area); }
  index_t images, channels, area;
};

bool has_planes(const Array& x) {
  return x.dtype() == DType::f32 && x.is_contiguous() && x.ndim() > 2 && x.size() > 0 &&
         Planes(x).area >= kSmallPlane;
}

template <class Fn>
void each_channel(const Planes& p, Fn fn) {
  kernels::count_call(kernels::Family::norm);
  parallel_for(p.channels, 1, [&](index_t begin, index_t end) {
    for (index_t c = begin; c < end; ++c) fn(c);
  });
}

// Planes have equal counts: the channel's variance is the mean of theirs, plus that of their means.
BatchStats plane_stats(const Array& x) {
  const Planes p(x);
  const BatchStats out{Array::empty({p.channels}), Array::empty({p.channels})};
  const auto moments = kernels::active().batch_norm.moments;
  each_channel(p, [&](index_t c) {
    double sum = 0.0, of_squares = 0.0, within = 0.0;
    for (index_t n = 0; n < p.images; ++n) {
      float mean = 0.0f, squares = 0.0f;
      moments(x.data<float>() + p.at(n, c), p.size(), &mean, &squares);
      const double m = static_cast<double>(mean);
      sum += m;
      of_squares += m * m;
      within += static_cast<double>(squares);
    }
    const double images = static_cast<double>(p.images), mean = sum / images;
    const double between = std::max(0.0, of_squares / images - mean * mean);
    out.mean.data<float>()[c] = static_cast<float>(mean);
    out.variance.data<float>()[c] = static_cast<float>(within / p.count() + between);
  });
  return out;
}

Array scaled_planes(const Array& x, const Array& scale, const Array& shift) {
  const Planes p(x);
  const Array y = Array::empty(x.shape()), a = scale.contiguous(), b = shift.contiguous();
  const auto apply = kernels::active().batch_norm.apply;
  each_channel(p, [&](index_t c) {
    for (index_t n = 0; n < p.images; ++n) {
      apply(x.data<float>() + p.at(n, c), a.data<float>()[c], b.data<float>()[c],
            y.data<float>() + p.at(n, c), p.size());
    }
  });
  return y;
}

// One channel: the sums over its planes, then dx from them. With r = rstd and h = (x - mean) r:
//   dx = gamma r (dy - mean(dy) - h mean(dy h)),  without the means where they are constants.
NormGrads plane_grads(const Array& dy, const Array& x, const Array& mean, const Array& rstd,
                      const Array& gamma, bool training) {
  const Planes p(x);
  const NormGrads out{Array::empty(x.shape()), Array::empty({p.channels}),
                      Array::empty({p.channels})};
  const auto& table = kernels::active().batch_norm;
  const Array weight = gamma.defined() ? gamma.astype(DType::f32).contiguous() : gamma;
  each_channel(p, [&](index_t c) {
    const float center = mean.data<float>()[c];
    const double r = static_cast<double>(rstd.data<float>()[c]);
    double sum = 0.0, product = 0.0;
    for (index_t n = 0; n < p.images; ++n) {
      float s = 0.0f, q = 0.0f;
      table.grad_sums(dy.data<float>() + p.at(n, c), x.data<float>() + p.at(n, c), center, p.size(),
                      &s, &q);
      sum += static_cast<double>(s);
      product += static_cast<double>(q);
    }
    out.dbeta.data<float>()[c] = static_cast<float>(sum);
    out.dgamma.data<float>()[c] = static_cast<float>(product * r);
    const double scale = weight.defined() ? r * static_cast<double>(weight.data<float>()[c]) : r;
    const double part = training ? -scale / p.count() : 0.0;
    const kernels::BatchNormGrad g{center, static_cast<float>(scale),
                                   static_cast<float>(part * product * r * r),
                                   static_cast<float>(part * sum)};
    for (index_t n = 0; n < p.images; ++n) {
      table.grad(dy.data<float>() + p.at(n, c), x.data<float>() + p.at(n, c), g,
                 out.dx.data<float>() + p.at(n, c), p.size());
    }
  });
  return out;
}

// The pixels of images, cut into chunks of rows that stay in the first cache. Each chunk gives two
// values per channel, which are joined in order: equal for any number of threads.
class Pixels {
 public:
  explicit Pixels(const Array& images) : channels(images.shape(1)), rows(images.size() / channels) {
    constexpr index_t kFloats = 8192;
    const index_t most = std::clamp<index_t>(kFloats / channels, 16, 1024);
    chunks = (rows + most - 1) / most;
  }
  index_t first(index_t chunk) const { return rows * chunk / chunks; }
  index_t count(index_t chunk) const { return first(chunk + 1) - first(chunk); }
  double total() const { return static_cast<double>(rows); }

  // fn(chunk, offset of its first value, its rows)
  template <class Fn>
  void each_chunk(Fn fn) const {
    kernels::count_call(kernels::Family::norm);
    parallel_for(chunks, 4, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        fn(i, first(i) * channels, static_cast<std::size_t>(count(i)));
      }
    });
  }

  const index_t channels, rows;
  index_t chunks = 0;
};

BatchStats pixel_stats(const Array& x) {
  const Pixels p(x);
  const Array parts = Array::empty({p.chunks, 2, p.channels});
  visit_pixels(x, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto moments = kernels::active().batch_norm.pixels<T>().moments;
    p.each_chunk([&](index_t i, index_t at, std::size_t rows) {
      float* mean = parts.data<float>() + i * 2 * p.channels;
      moments(x.data<T>() + at, rows, static_cast<std::size_t>(p.channels), mean,
              mean + p.channels);
    });
  });
  const BatchStats out{Array::empty({p.channels}), Array::empty({p.channels})};
  for (index_t c = 0; c < p.channels; ++c) {
    const float* part = parts.data<float>() + c;
    double sum = 0.0, of_squares = 0.0, within = 0.0;
    for (index_t i = 0; i < p.chunks; ++i, part += 2 * p.channels) {
      const double mean = static_cast<double>(part[0]), rows = static_cast<double>(p.count(i));
      sum += mean * rows;
      of_squares += mean * mean * rows;
      within += static_cast<double>(part[p.channels]);
    }
    const double mean = sum / p.total();
    const double between = std::max(0.0, of_squares / p.total() - mean * mean);
    out.mean.data<float>()[c] = static_cast<float>(mean);
    out.variance.data<float>()[c] = static_cast<float>(within / p.total() + between);
  }
  return out;
}

// y = x scale + shift, per channel
struct Affine {
  Array scale, shift;
};
Affine affine_of(const Array& mean, const Array& rstd, const Array& gamma, const Array& beta) {
  const Array scale = gamma.defined() ? mul(rstd, gamma) : rstd;
  const Array centered = unary(Unary::neg, mul(mean, scale));
  return {scale.contiguous(), beta.defined() ? add(centered, beta).contiguous() : centered};
}

kernels::BatchNormPixels pixel_parameters(const Affine& a, bool relu) {
  kernels::BatchNormPixels k;
  k.channels = static_cast<std::size_t>(a.scale.size());
  k.scale = a.scale.data<float>(), k.shift = a.shift.data<float>();
  k.relu = relu;
  return k;
}

Array scaled_pixels(const Array& x, const Affine& affine, bool relu) {
  const Pixels p(x);
  const Array y = empty_channels_last(x.shape(), x.dtype());
  visit_pixels(x, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto apply = kernels::active().batch_norm.pixels<T>().apply;
    p.each_chunk([&](index_t, index_t at, std::size_t rows) {
      kernels::BatchNormPixels k = pixel_parameters(affine, relu);
      k.rows = rows;
      apply(x.data<T>() + at, k, y.data<T>() + at);
    });
  });
  return y;
}

// Of each chunk, the sums of dy and of dy (x - mean).
Array pixel_grad_sums(const Array& dy, const Array& x, const Pixels& p,
                      const kernels::BatchNormPixels& k) {
  const Array parts = Array::empty({p.chunks, 2, p.channels});
  visit_pixels(x, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto sums_of = kernels::active().batch_norm.pixels<T>().grad_sums;
    p.each_chunk([&](index_t i, index_t at, std::size_t rows) {
      kernels::BatchNormPixels part = k;
      part.rows = rows;
      float* sums = parts.data<float>() + i * 2 * p.channels;
      sums_of(dy.data<T>() + at, x.data<T>() + at, part, sums, sums + p.channels);
    });
  });
  return parts;
}

Array pixel_grad(const Array& dy, const Array& x, const Pixels& p,
                 const kernels::BatchNormPixels& k) {
  const Array dx = empty_channels_last(x.shape(), x.dtype());
  visit_pixels(x, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto grad = kernels::active().batch_norm.pixels<T>().grad;
    p.each_chunk([&](index_t, index_t at, std::size_t rows) {
      kernels::BatchNormPixels part = k;
      part.rows = rows;
      grad(dy.data<T>() + at, x.data<T>() + at, part, dx.data<T>() + at);
    });
  });
  return dx;
}

// As plane_grads.
NormGrads pixel_grads(const Array& grad, const Array& x, const Array& mean, const Array& rstd,
                      const Affine& affine, bool training, bool relu) {
  const Pixels p(x);
  NormGrads out{Array(), Array::empty({p.channels}), Array::empty({p.channels})};
  const Array dy = cast(to_channels_last(grad), x.dtype());
  kernels::BatchNormPixels k = pixel_parameters(affine, relu);
  k.mean = mean.data<float>();
  const Array parts = pixel_grad_sums(dy, x, p, k);
  const Array slope = Array::empty({p.channels}), offset = Array::empty({p.channels});
  for (index_t c = 0; c < p.channels; ++c) {
    const float* part = parts.data<float>() + c;
    double sum = 0.0, product = 0.0;
    for (index_t i = 0; i < p.chunks; ++i, part += 2 * p.channels) {
      sum += static_cast<double>(part[0]);
      product += static_cast<double>(part[p.channels]);
    }
    const double r = static_cast<double>(rstd.data<float>()[c]);
    const double share = training ? -static_cast<double>(k.scale[c]) / p.total() : 0.0;
    out.dbeta.data<float>()[c] = static_cast<float>(sum);
    out.dgamma.data<float>()[c] = static_cast<float>(product * r);
    slope.data<float>()[c] = static_cast<float>(share * product * r * r);
    offset.data<float>()[c] = static_cast<float>(share * sum);
  }
  k.slope = slope.data<float>(), k.offset = offset.data<float>();
  out.dx = pixel_grad(dy, x, p, k);
  return out;
}

}  // namespace

BatchStats batch_stats(const Array& input) {
  if (has_pixels(input)) return pixel_stats(input);
  const Array x = to_compute(input);
  if (has_planes(x)) return plane_stats(x);
  const Dims axes = all_but_channels(x);
  return {mean(x, axes), variance(x, axes, 0.0, false)};
}

Array batch_norm(const Array& input, const Array& mean, const Array& rstd, const Array& gamma,
                 const Array& beta, bool relu) {
  const Affine a = affine_of(mean, rstd, gamma, beta);
  if (has_pixels(input)) return scaled_pixels(input, a, relu);
  const Array x = to_compute(input);
  const Array y = has_planes(x) ? scaled_planes(x, a.scale, a.shift)
                                : add(mul(x, channels(a.scale, x)), channels(a.shift, x));
  return from_compute(relu ? unary(Unary::relu, y) : y, input.dtype());
}

NormGrads batch_norm_grad(const Array& given, const Array& input, const Array& mean,
                          const Array& rstd, const Array& gamma, const Array& beta, bool training,
                          bool relu) {
  if (has_pixels(input) && given.dtype() != DType::f64) {
    const Affine a = affine_of(mean, rstd, gamma, beta);
    return pixel_grads(given, input, mean, rstd, a, training, relu);
  }
  const Array x = to_compute(input), grad = to_compute(given);
  const Array dy =
      relu ? unary_grad(Unary::relu, grad, batch_norm(x, mean, rstd, gamma, beta, true)) : grad;
  if (has_planes(x) && dy.dtype() == DType::f32) {
    return plane_grads(dy.contiguous(), x, mean, rstd, gamma, training);
  }
  const Dims axes = all_but_channels(x);
  const Array normal = mul(sub(x, channels(mean, x)), channels(rstd, x));
  NormGrads out;
  out.dgamma = sum(mul(dy, normal), axes);
  out.dbeta = sum(dy, axes);
  const Array scale = channels(gamma.defined() ? mul(rstd, gamma) : rstd, x);
  if (!training) {
    out.dx = mul(dy, scale);
    return out;
  }
  const double n = static_cast<double>(reduced_count(x.shape(), axes));
  const Array mean_dy = channels(mul(out.dbeta, 1.0 / n), x);
  const Array mean_dyh = channels(mul(out.dgamma, 1.0 / n), x);
  out.dx = mul(sub(sub(dy, mean_dy), mul(normal, mean_dyh)), scale);
  return out;
}

}  // namespace tt::ops
