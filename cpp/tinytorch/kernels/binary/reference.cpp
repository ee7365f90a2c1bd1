#include "tinytorch/kernels/binary/reference.hpp"

#include <cmath>

namespace tt::kernels::reference {
namespace {

// One functor per line of binary.def; a missing one does not compile.
namespace functions {
struct add {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct sub {
  template <class T>
  T operator()(T a, T b) const {
    return a - b;
  }
};
struct mul {
  template <class T>
  T operator()(T a, T b) const {
    return a * b;
  }
};
struct div {
  template <class T>
  T operator()(T a, T b) const {
    return a / b;
  }
};
struct maximum {
  template <class T>
  T operator()(T a, T b) const {
    return std::isnan(a) || std::isnan(b) ? a + b : (a > b ? a : b);
  }
};
struct minimum {
  template <class T>
  T operator()(T a, T b) const {
    return std::isnan(a) || std::isnan(b) ? a + b : (a < b ? a : b);
  }
};
struct pow {
  template <class T>
  T operator()(T a, T b) const {
    return std::pow(a, b);
  }
};
struct eq {
  template <class T>
  bool operator()(T a, T b) const {
    return a == b;
  }
};
struct ne {
  template <class T>
  bool operator()(T a, T b) const {
    return a != b;
  }
};
struct lt {
  template <class T>
  bool operator()(T a, T b) const {
    return a < b;
  }
};
struct le {
  template <class T>
  bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct gt {
  template <class T>
  bool operator()(T a, T b) const {
    return a > b;
  }
};
struct ge {
  template <class T>
  bool operator()(T a, T b) const {
    return a >= b;
  }
};
}  // namespace functions

template <class F, class T, class Y>
void loop(const T* a, std::size_t sa, const T* b, std::size_t sb, Y* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<Y>(F{}(a[i * sa], b[i * sb]));
}

}  // namespace

template <class T>
void binary(Binary f, const T* a, std::size_t sa, const T* b, std::size_t sb, T* y, std::size_t n) {
  switch (f) {
#define TT_BINARY(name, doc) \
  case Binary::name:         \
    return loop<functions::name>(a, sa, b, sb, y, n);
#define TT_COMPARE(name, doc)
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
    case Binary::count:
      return;
  }
}

template <class T>
void compare(Compare f, const T* a, std::size_t sa, const T* b, std::size_t sb, std::uint8_t* y,
             std::size_t n) {
  switch (f) {
#define TT_BINARY(name, doc)
#define TT_COMPARE(name, doc) \
  case Compare::name:         \
    return loop<functions::name>(a, sa, b, sb, y, n);
#include "tinytorch/kernels/binary/binary.def"
#undef TT_BINARY
#undef TT_COMPARE
    case Compare::count:
      return;
  }
}

#define TT_INSTANTIATE(T)                                                                      \
  template void binary(Binary, const T*, std::size_t, const T*, std::size_t, T*, std::size_t); \
  template void compare(Compare, const T*, std::size_t, const T*, std::size_t, std::uint8_t*,  \
                        std::size_t);
TT_INSTANTIATE(float)
TT_INSTANTIATE(double)
#undef TT_INSTANTIATE

}  // namespace tt::kernels::reference
