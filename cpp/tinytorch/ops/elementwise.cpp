#include "tinytorch/ops/elementwise.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "tinytorch/array/channels_last.hpp"
#include "tinytorch/array/iterate.hpp"
#include "tinytorch/kernels/binary/reference.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/streaming.hpp"
#include "tinytorch/kernels/unary/reference.hpp"
#include "tinytorch/ops/relu_codes.hpp"

namespace tt::ops {
namespace {

constexpr index_t kUnaryGrain = 8192;  // transcendental functions: some ten cycles an element

// run(begin, end) over [0, n) for a unary kernel.
template <class Run>
void in_pieces(index_t n, bool streamed, Run run) {
  parallel_for(n, streamed ? 8 * kUnaryGrain : kUnaryGrain, [=](index_t begin, index_t end) {
    run(begin, end);
    if (streamed) kernels::finish_streamed();
  });
}

std::size_t count(index_t n) { return static_cast<std::size_t>(n); }

// The operand as rows of step 0 or 1, which is what the kernels take.
Array unit_steps(const Array& x, const Shape& shape) {
  const Array wide = x.expand(shape);
  for (int d = shape.size() - 1; d >= 0; --d) {
    if (shape[d] == 1) continue;
    const index_t step = wide.strides()[d];
    return step == 0 || step == 1 ? wide : x.contiguous().expand(shape);
  }
  return wide;
}

// run(pa, sa, pb, sb, py, n) for each row of the broadcast operands.
template <class In, class Out, class Run>
void binary_rows(const Array& a, const Array& b, const Array& y, Run run) {
  const Array wa = unit_steps(a, y.shape()), wb = unit_steps(b, y.shape());
  const In* pa = wa.data<In>();
  const In* pb = wb.data<In>();
  Out* py = y.data<Out>();
  const auto loop = make_loop<3>(y.shape(), {&wa.strides(), &wb.strides(), &y.strides()});
  for_each_row(loop, [=](const auto& offset, const auto& step, index_t n) {
    run(pa + offset[0], count(step[0]), pb + offset[1], count(step[1]), py + offset[2], count(n));
  });
}

// Where the result is large, rows long enough to pay for waiting for their stores are streamed.
void binary_f32(Binary f, const Array& a, const Array& b, const Array& y) {
  constexpr std::size_t kLongRow = 8192;
  const auto& table = kernels::active().binary;
  const auto plain = table.arithmetic[static_cast<int>(f)];
  if (!kernels::streams(y.nbytes())) return binary_rows<float, float>(a, b, y, plain);
  const auto streamed = table.arithmetic_streamed[static_cast<int>(f)];
  binary_rows<float, float>(a, b, y,
                            [=](const float* pa, std::size_t sa, const float* pb, std::size_t sb,
                                float* py, std::size_t n) {
                              if (n < kLongRow) return plain(pa, sa, pb, sb, py, n);
                              streamed(pa, sa, pb, sb, py, n);
                              kernels::finish_streamed();
                            });
}

std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : (base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0);
  std::uint64_t result = 1, b = static_cast<std::uint64_t>(base);
  for (std::int64_t e = exponent; e > 0; e >>= 1, b *= b) {
    if (e & 1) result *= b;
  }
  return static_cast<std::int64_t>(result);
}

// Wraps around like NumPy: unsigned arithmetic has no overflow to be undefined.
std::int64_t integer_value(Binary f, std::int64_t a, std::int64_t b) {
  const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
  switch (f) {
    case Binary::add:
      return static_cast<std::int64_t>(ua + ub);
    case Binary::sub:
      return static_cast<std::int64_t>(ua - ub);
    case Binary::mul:
      return static_cast<std::int64_t>(ua * ub);
    case Binary::maximum:
      return a > b ? a : b;
    case Binary::minimum:
      return a < b ? a : b;
    default:
      return integer_power(a, b);
  }
}

Array integer_binary(Binary f, const Array& a, const Array& b, DType result) {
  const Array y = Array::empty(broadcast_shapes(a.shape(), b.shape()), DType::i64);
  using T = std::int64_t;
  binary_rows<T, T>(
      a.astype(DType::i64), b.astype(DType::i64), y,
      [f](const T* pa, std::size_t sa, const T* pb, std::size_t sb, T* py, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
          py[i] = integer_value(f, pa[i * sa], pb[i * sb]);
        }
      });
  return y.astype(result == DType::boolean ? DType::i64 : result);
}

Array integer_compare(Compare f, const Array& a, const Array& b) {
  const Array y = Array::empty(broadcast_shapes(a.shape(), b.shape()), DType::boolean);
  using T = std::int64_t;
  binary_rows<T, std::uint8_t>(a.astype(DType::i64), b.astype(DType::i64), y,
                               [f](const T* pa, std::size_t sa, const T* pb, std::size_t sb,
                                   std::uint8_t* py, std::size_t n) {
                                 for (std::size_t i = 0; i < n; ++i) {
                                   const T u = pa[i * sa], v = pb[i * sb];
                                   const bool truth[] = {u == v, u != v, u<v, u <= v, u> v, u >= v};
                                   py[i] = truth[static_cast<int>(f)];
                                 }
                               });
  return y;
}

// The float type that two operands compute in: float64 if either is, else float32.
DType compute_type(const Array& a, const Array& b) {
  return a.dtype() == DType::f64 || b.dtype() == DType::f64 ? DType::f64 : DType::f32;
}

}  // namespace

Array cast(const Array& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  if (is_channels_last(x)) return images_of(cast(pixels_of(x), dtype));
  const bool widens = x.dtype() == DType::bf16 && dtype == DType::f32;
  const bool narrows = x.dtype() == DType::f32 && dtype == DType::bf16;
  if (!x.is_contiguous() || !(widens || narrows)) return x.astype(dtype);
  const Array y = Array::empty(x.shape(), dtype);
  const auto& table = kernels::active().half;
  in_pieces(x.size(), false, [&](index_t begin, index_t end) {
    if (widens) {
      table.widen_bf16(x.data<std::uint16_t>() + begin, y.data<float>() + begin,
                       count(end - begin));
    } else {
      table.narrow_bf16(x.data<float>() + begin, y.data<std::uint16_t>() + begin,
                        count(end - begin));
    }
  });
  return y;
}

Array to_compute(const Array& x) { return cast(x, compute_type(x.dtype())); }

namespace {

// Of contiguous bfloat16 arrays of one size: y = f(operands) by run(floats of each, result floats,
// n), a piece at a time, so that the floats stay in the first cache.
template <std::size_t operands, class Run>
Array in_widened_pieces(const std::array<const Array*, operands>& x, Run run) {
  constexpr index_t kPiece = 2048;
  const Array y = Array::empty(x[0]->shape(), DType::bf16);
  const auto& table = kernels::active().half;
  parallel_for(y.size(), 4 * kPiece, [&](index_t begin, index_t end) {
    alignas(64) float values[operands][kPiece];
    std::array<const float*, operands> at;
    for (std::size_t i = 0; i < operands; ++i) at[i] = values[i];
    for (; begin < end; begin += kPiece) {
      const std::size_t n = count(std::min(kPiece, end - begin));
      for (std::size_t i = 0; i < operands; ++i) {
        table.widen_bf16(x[i]->template data<std::uint16_t>() + begin, values[i], n);
      }
      run(at, values[0], n);
      table.narrow_bf16(values[0], y.data<std::uint16_t>() + begin, n);
    }
  });
  return y;
}

// y by run(first, n, results) on the codes themselves.
template <class Run>
Array in_code_pieces(const Array& like, Run run) {
  const Array y = Array::empty(like.shape(), DType::bf16);
  in_pieces(y.size(), false, [&](index_t begin, index_t end) {
    run(begin, count(end - begin), y.data<std::uint16_t>() + begin);
  });
  return y;
}

bool is_dense_bf16(const Array& x) { return x.dtype() == DType::bf16 && x.is_contiguous(); }

// The functions under which integers are closed.
bool exact_for_integers(Unary f) {
  return f == Unary::neg || f == Unary::abs || f == Unary::sign || f == Unary::square ||
         f == Unary::relu;
}

std::int64_t integer_value(Unary f, std::int64_t x) {
  const auto u = static_cast<std::uint64_t>(x);
  switch (f) {
    case Unary::neg:
      return static_cast<std::int64_t>(0 - u);
    case Unary::abs:
      return x < 0 ? static_cast<std::int64_t>(0 - u) : x;
    case Unary::sign:
      return (x > 0) - (x < 0);
    case Unary::square:
      return static_cast<std::int64_t>(u * u);
    default:
      return x > 0 ? x : 0;  // relu
  }
}

Array integer_unary(Unary f, const Array& x) {
  const Array in = x.astype(DType::i64).contiguous();
  const Array out = Array::empty(in.shape(), DType::i64);
  const std::int64_t* px = in.data<std::int64_t>();
  std::int64_t* py = out.data<std::int64_t>();
  parallel_for(in.size(), kUnaryGrain, [=](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) py[i] = integer_value(f, px[i]);
  });
  return x.dtype() == DType::boolean ? out : out.astype(x.dtype());
}

bool is_integer(double v) { return std::abs(v) < 0x1p62 && v == std::floor(v); }

// Whether integers limited to whole-number bounds stay integers of their own type.
bool keeps_integers(const Array& x, std::optional<double> low, std::optional<double> high) {
  const auto fits = [&](std::optional<double> bound) {
    return !bound || (is_integer(*bound) && Array::scalar(*bound, x.dtype()).item() == *bound);
  };
  return !is_float(x.dtype()) && fits(low) && fits(high);
}

}  // namespace

Array unary(Unary f, const Array& x, double a) {
  if (is_channels_last(x)) return images_of(unary(f, pixels_of(x), a));
  kernels::count_call(kernels::Family::unary);
  if (!is_float(x.dtype()) && exact_for_integers(f)) return integer_unary(f, x);
  if (is_dense_bf16(x) && f == Unary::relu) {
    return in_code_pieces(x, [&](index_t first, std::size_t n, std::uint16_t* y) {
      relu_codes(x.data<std::uint16_t>() + first, y, n);
    });
  }
  if (is_dense_bf16(x)) {
    const auto kernel = kernels::active().unary.forward[static_cast<int>(f)];
    return in_widened_pieces<1>({&x}, [=](const auto& in, float* y, std::size_t n) {
      kernel(in[0], y, n, static_cast<float>(a));
    });
  }
  const bool ready = x.dtype() == DType::f32 && x.is_contiguous();
  const Array made = ready ? Array() : to_compute(x).contiguous();
  const Array& in = ready ? x : made;
  const Array out = Array::empty(in.shape(), in.dtype());
  if (in.dtype() == DType::f64) {
    kernels::reference::unary_forward(f, in.data<double>(), out.data<double>(), count(in.size()),
                                      a);
    return out;
  }
  const auto& table = kernels::active().unary;
  const bool streamed = kernels::streams(out.nbytes());
  const auto kernel = (streamed ? table.forward_streamed : table.forward)[static_cast<int>(f)];
  const float* px = in.data<float>();
  float* py = out.data<float>();
  in_pieces(in.size(), streamed, [=](index_t begin, index_t end) {
    kernel(px + begin, py + begin, count(end - begin), static_cast<float>(a));
  });
  return from_compute(out, x.dtype());
}

Array unary_grad(Unary f, const Array& dy, const Array& saved, double a) {
  if (is_channels_last(saved)) {
    return images_of(unary_grad(f, pixels_of(dy), pixels_of(saved), a));
  }
  kernels::count_call(kernels::Family::unary);
  if (is_dense_bf16(saved) && is_dense_bf16(dy) && f == Unary::relu) {
    return in_code_pieces(saved, [&](index_t first, std::size_t n, std::uint16_t* dx) {
      relu_grad_codes(dy.data<std::uint16_t>() + first, saved.data<std::uint16_t>() + first, dx, n);
    });
  }
  if (is_dense_bf16(saved) && is_dense_bf16(dy)) {
    const auto kernel = kernels::active().unary.backward[static_cast<int>(f)];
    return in_widened_pieces<2>({&dy, &saved}, [=](const auto& in, float* y, std::size_t n) {
      kernel(in[0], in[1], y, n, static_cast<float>(a));
    });
  }
  const Array s = to_compute(saved).contiguous();
  const Array g = dy.astype(s.dtype()).contiguous();
  const Array out = Array::empty(s.shape(), s.dtype());
  if (s.dtype() == DType::f64) {
    kernels::reference::unary_backward(f, g.data<double>(), s.data<double>(), out.data<double>(),
                                       count(s.size()), a);
    return out;
  }
  const auto& table = kernels::active().unary;
  const bool streamed = kernels::streams(out.nbytes());
  const auto kernel = (streamed ? table.backward_streamed : table.backward)[static_cast<int>(f)];
  const float* pg = g.data<float>();
  const float* ps = s.data<float>();
  float* po = out.data<float>();
  in_pieces(s.size(), streamed, [=](index_t begin, index_t end) {
    kernel(pg + begin, ps + begin, po + begin, count(end - begin), static_cast<float>(a));
  });
  return out;
}

// One value beside an array of any shape that its own shape does not widen.
bool single_beside(const Array& one, const Array& other) {
  return one.size() == 1 && one.ndim() <= other.ndim();
}

// What most small operations are, where working out the broadcasting would take longer than the
// arithmetic. The other case is an undefined array.
Array small_binary(Binary f, const Array& a, const Array& b) {
  constexpr index_t kSmall = 32768;
  if (a.dtype() != DType::f32 || b.dtype() != DType::f32) return {};
  if (!a.is_contiguous() || !b.is_contiguous()) return {};
  const bool same = a.shape() == b.shape(), a_wide = same || single_beside(b, a);
  if (!a_wide && !single_beside(a, b)) return {};
  const Array& wide = a_wide ? a : b;
  if (wide.size() > kSmall) return {};
  Array out = Array::empty(wide.shape());
  kernels::active().binary.arithmetic[static_cast<int>(f)](a.data<float>(), a_wide ? 1 : 0,
                                                           b.data<float>(), same || !a_wide ? 1 : 0,
                                                           out.data<float>(), count(out.size()));
  return out;
}

// Of operands that lie as channels-last images do, if the result has that shape: f(pixels of a,
// pixels of b), an array of (N, H, W, C).
bool makes_images(const Array& a, const Array& b) {
  if (!is_channels_last(a)) return false;
  return a.shape() == b.shape() || broadcast_shapes(a.shape(), b.shape()) == a.shape();
}

namespace {

// a to the power 2 is a product, and to the power 1, as in the former's gradient, a. Undefined for
// other powers.
Array simple_power(const Array& a, const Array& b) {
  if (b.size() != 1 || b.ndim() > a.ndim() || !is_float(a.dtype()) ||
      promote(a.dtype(), b.dtype()) != a.dtype()) {
    return {};
  }
  const double power = b.item();
  return power == 2.0 ? binary(Binary::mul, a, a) : power == 1.0 ? a.copy() : Array();
}

}  // namespace

Array binary(Binary f, const Array& a, const Array& b) {
  if (f == Binary::pow) {
    if (Array out = simple_power(a, b); out.defined()) return out;
  }
  if (Array out = small_binary(f, a, b); out.defined()) {
    kernels::count_call(kernels::Family::binary);
    return out;
  }
  if (makes_images(a, b) || makes_images(b, a)) {
    const Shape& shape = is_channels_last(a) ? a.shape() : b.shape();
    return images_of(binary(f, pixels_of(a.expand(shape)), pixels_of(b.expand(shape))));
  }
  kernels::count_call(kernels::Family::binary);
  if (is_dense_bf16(a) && is_dense_bf16(b) && a.shape() == b.shape()) {
    const auto kernel = kernels::active().binary.arithmetic[static_cast<int>(f)];
    return in_widened_pieces<2>({&a, &b}, [=](const auto& in, float* y, std::size_t n) {
      kernel(in[0], 1, in[1], 1, y, n);
    });
  }
  const DType result = promote(a.dtype(), b.dtype());
  if (!is_float(result) && f != Binary::div) return integer_binary(f, a, b, result);
  const DType type = compute_type(a, b);
  const Array x = a.astype(type), y = b.astype(type);
  const Array out = Array::empty(broadcast_shapes(a.shape(), b.shape()), type);
  if (type == DType::f64) {
    binary_rows<double, double>(
        x, y, out,
        [f](const double* pa, std::size_t sa, const double* pb, std::size_t sb, double* py,
            std::size_t n) { kernels::reference::binary(f, pa, sa, pb, sb, py, n); });
    return out;
  }
  binary_f32(f, x, y, out);
  return from_compute(out, result);
}

Array compare(Compare f, const Array& a, const Array& b) {
  kernels::count_call(kernels::Family::binary);
  if (!is_float(a.dtype()) && !is_float(b.dtype())) return integer_compare(f, a, b);
  const DType type = compute_type(a, b);
  const Array x = a.astype(type), y = b.astype(type);
  const Array out = Array::empty(broadcast_shapes(a.shape(), b.shape()), DType::boolean);
  if (type == DType::f64) {
    binary_rows<double, std::uint8_t>(
        x, y, out,
        [f](const double* pa, std::size_t sa, const double* pb, std::size_t sb, std::uint8_t* py,
            std::size_t n) { kernels::reference::compare(f, pa, sa, pb, sb, py, n); });
    return out;
  }
  binary_rows<float, std::uint8_t>(x, y, out,
                                   kernels::active().binary.compare[static_cast<int>(f)]);
  return out;
}

Array mul(const Array& a, double b) { return mul(a, Array::scalar(b, to_compute(a).dtype())); }
Array add(const Array& a, double b) { return add(a, Array::scalar(b, to_compute(a).dtype())); }

Array where(const Array& condition, const Array& a, const Array& b) {
  kernels::count_call(kernels::Family::binary);
  const DType type = promote(a.dtype(), b.dtype());
  const Shape shape = broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape()));
  const Array c = condition.astype(DType::boolean).expand(shape);
  const Array x = a.astype(type).expand(shape), y = b.astype(type).expand(shape);
  const Array out = Array::empty(shape, type);
  visit_dtype(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool* pc = c.data<bool>();
    const T* px = x.data<T>();
    const T* py = y.data<T>();
    T* po = out.data<T>();
    const auto loop =
        make_loop<4>(shape, {&c.strides(), &x.strides(), &y.strides(), &out.strides()});
    for_each_row(loop, [=](const auto& o, const auto& s, index_t n) {
      for (index_t i = 0; i < n; ++i) {
        po[o[3] + i * s[3]] = pc[o[0] + i * s[0]] ? px[o[1] + i * s[1]] : py[o[2] + i * s[2]];
      }
    });
  });
  return out;
}

namespace {

// Both bounds while a piece is in the first cache.
Array clip_f32(const Array& x, float low, float high) {
  constexpr index_t kPiece = 4096;
  const Array out = Array::empty(x.shape());
  const float* from = x.data<float>();
  float* to = out.data<float>();
  const auto& kernel = kernels::active().binary.arithmetic;
  parallel_for(x.size(), 4 * kPiece, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; i += kPiece) {
      const auto n = static_cast<std::size_t>(std::min(kPiece, end - i));
      kernel[static_cast<int>(Binary::maximum)](from + i, 1, &low, 0, to + i, n);
      kernel[static_cast<int>(Binary::minimum)](to + i, 1, &high, 0, to + i, n);
    }
  });
  return out;
}

}  // namespace

Array clip(const Array& x, std::optional<double> low, std::optional<double> high) {
  if (low && high && x.dtype() == DType::f32 && x.is_contiguous()) {
    kernels::count_call(kernels::Family::binary);
    return clip_f32(x, static_cast<float>(*low), static_cast<float>(*high));
  }
  Array out = keeps_integers(x, low, high) ? x : to_compute(x);
  if (low) out = binary(Binary::maximum, out, Array::scalar(*low, out.dtype()));
  if (high) out = binary(Binary::minimum, out, Array::scalar(*high, out.dtype()));
  return from_compute(out, x.dtype());
}

void add_in_place(const Array& target, const Array& other) {
  if (is_channels_last(target)) {
    return add_in_place(pixels_of(target), pixels_of(other.expand(target.shape())));
  }
  kernels::count_call(kernels::Family::binary);
  const Array addend = other.astype(target.dtype());
  addend.expand(target.shape());  // ShapeError before anything is written
  if (target.dtype() == DType::f32 && target.is_contiguous()) {
    binary_rows<float, float>(target, addend, target,
                              kernels::active().binary.arithmetic[static_cast<int>(Binary::add)]);
  } else {
    target.copy_from(add(target, addend));
  }
  target.storage()->bump_version();
}

}  // namespace tt::ops
