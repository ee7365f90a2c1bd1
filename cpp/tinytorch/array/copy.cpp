// Array::copy_from and Array::fill: strided copy with conversion between any two element types.
#include <algorithm>
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

// Where one dimension is contiguous in the copy and another in the source, rows of either would
// touch a cache line per element. So square tiles are read line by line and written line by line.
template <class T>
class TurnedCopy {
 public:
  TurnedCopy(T* out, const T* in, const Loop<2>& loop) : out_(out), in_(in), loop_(loop) {
    for (int d = 0; d < loop.shape.size(); ++d) {
      if (loop.strides[0][d] == 1) row_ = d;
      if (loop.strides[1][d] == 1) col_ = d;
    }
  }

  bool fits() const {
    return row_ >= 0 && col_ >= 0 && row_ != col_ && loop_.shape[row_] >= kLeast &&
           loop_.shape[col_] >= kLeast;
  }
  void run() const {
    const index_t cols = loop_.shape[col_], strips = (cols + kTile - 1) / kTile;
    const index_t outer = loop_.outer * loop_.inner / (cols * loop_.shape[row_]);
    const index_t grain = std::max<index_t>(1, kGrain / (kTile * loop_.shape[row_]));
    parallel_for(outer * strips, grain, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) strip(i / strips, i % strips * kTile);
    });
  }

 private:
  static constexpr index_t kTile = 16, kLeast = 8, kGrain = 32768;

  // Columns [col, col + kTile) of the matrix with this number.
  void strip(index_t matrix, index_t col) const {
    T* out = out_ + col * loop_.strides[0][col_];
    const T* in = in_ + col;
    for (int d = loop_.shape.size() - 1; d >= 0; --d) {
      if (d == row_ || d == col_) continue;
      const index_t at = matrix % loop_.shape[d];
      matrix /= loop_.shape[d];
      out += at * loop_.strides[0][d];
      in += at * loop_.strides[1][d];
    }
    const index_t rows = loop_.shape[row_], cols = std::min(kTile, loop_.shape[col_] - col);
    const index_t from_row = loop_.strides[1][row_];
    for (index_t r = 0; r < rows; r += kTile, out += kTile, in += kTile * from_row) {
      if (cols == kTile && rows - r >= kTile) {
        tile(in, out, kTile, kTile);
      } else {
        tile(in, out, std::min(kTile, rows - r), cols);
      }
    }
  }
  [[gnu::always_inline]] void tile(const T* in, T* out, index_t rows, index_t cols) const {
    const index_t from_row = loop_.strides[1][row_], to_col = loop_.strides[0][col_];
    T values[kTile][kTile];
    for (index_t r = 0; r < rows; ++r) {
      for (index_t c = 0; c < cols; ++c) values[r][c] = in[r * from_row + c];
    }
    for (index_t c = 0; c < cols; ++c) {
      for (index_t r = 0; r < rows; ++r) out[c * to_col + r] = values[r][c];
    }
  }

  T* out_;
  const T* in_;
  const Loop<2>& loop_;
  int row_ = -1, col_ = -1;  // the dimensions that are contiguous in the copy, and in the source
};

template <class To, class From>
void copy_rows(const Array& to, const Array& from) {
  To* out = to.data<To>();
  const From* in = from.data<From>();
  const auto loop = make_loop<2>(to.shape(), {&to.strides(), &from.strides()});
  if constexpr (std::is_same_v<To, From>) {
    if (const TurnedCopy<To> turned(out, in, loop); turned.fits()) return turned.run();
  }
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
