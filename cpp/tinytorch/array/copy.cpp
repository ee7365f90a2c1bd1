// Array::copy_from and Array::fill: strided copy with conversion between any two element types.
#include <cstring>
#include <type_traits>

#include "tinytorch/array/array.hpp"
#include "tinytorch/array/iterate.hpp"

namespace tt {
namespace {

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, bf16> || std::is_same_v<From, f16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bf16> || std::is_same_v<To, f16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Out of range and NaN are undefined in C++; go through int64 with a saturating step.
    if (!(value == value)) return To{};
    constexpr From limit = static_cast<From>(9.2e18);
    const From clamped = value > limit ? limit : (value < -limit ? -limit : value);
    return static_cast<To>(static_cast<std::int64_t>(clamped));
  } else {
    return static_cast<To>(value);
  }
}

template <class To, class From>
void copy_rows(const Array& to, const Array& from) {
  To* out = to.data<To>();
  const From* in = from.data<From>();
  const auto loop = make_loop<2>(to.shape(), {&to.strides(), &from.strides()});
  for_each_row(loop, [=](const auto& offset, const auto& step, index_t n) {
    To* o = out + offset[0];
    const From* i = in + offset[1];
    if (std::is_same_v<To, From> && step[0] == 1 && step[1] == 1) {
      std::memcpy(static_cast<void*>(o), i, static_cast<std::size_t>(n) * sizeof(To));
    } else if (step[0] == 1 && step[1] == 1) {
      for (index_t j = 0; j < n; ++j) o[j] = convert<To>(i[j]);
    } else {
      for (index_t j = 0; j < n; ++j) o[j * step[0]] = convert<To>(i[j * step[1]]);
    }
  });
}

}  // namespace

void Array::copy_from(const Array& source) const {
  const Array from = source.expand(shape_);
  visit_dtype(dtype_, [&](auto to_tag) {
    using To = typename decltype(to_tag)::type;
    visit_dtype(from.dtype(), [&](auto from_tag) {
      copy_rows<To, typename decltype(from_tag)::type>(*this, from);
    });
  });
}

void Array::fill(double value) const {
  visit_dtype(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T element = convert<T>(value);
    T* out = data<T>();
    const auto loop = make_loop<1>(shape_, {&strides_});
    for_each_row(loop, [=](const auto& offset, const auto& step, index_t n) {
      T* o = out + offset[0];
      for (index_t j = 0; j < n; ++j) o[j * step[0]] = element;
    });
  });
}

}  // namespace tt
