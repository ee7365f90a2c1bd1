// Shapes and strides: up to kMaxDims integers stored inline, so that an Array costs no heap.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>

#include "tinytorch/base/error.hpp"

namespace tt {

using index_t = std::int64_t;
inline constexpr int kMaxDims = 12;

class Dims {
 public:
  Dims() = default;
  explicit Dims(int count, index_t value = 0) { assign(count, value); }
  Dims(std::initializer_list<index_t> values) : Dims(values.begin(), values.end()) {}
  template <std::input_iterator It>
  Dims(It first, It last) {
    for (; first != last; ++first) push_back(static_cast<index_t>(*first));
  }

  int size() const { return count_; }
  bool empty() const { return count_ == 0; }
  index_t& operator[](int i) { return values_[i]; }
  index_t operator[](int i) const { return values_[i]; }
  index_t back() const { return values_[count_ - 1]; }
  const index_t* begin() const { return values_; }
  const index_t* end() const { return values_ + count_; }
  index_t* begin() { return values_; }
  index_t* end() { return values_ + count_; }

  void push_back(index_t v) {
    check(count_ + 1);
    values_[count_++] = v;
  }
  void insert(int at, index_t v) {
    check(count_ + 1);
    std::copy_backward(begin() + at, end(), end() + 1);
    values_[at] = v;
    ++count_;
  }
  void erase(int at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --count_;
  }
  void assign(int count, index_t value) {
    check(count);
    count_ = count;
    std::fill_n(values_, count, value);
  }

  friend bool operator==(const Dims& a, const Dims& b) {
    return a.count_ == b.count_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  static void check(int count) {
    if (count > kMaxDims) {
      fail<ShapeError>("arrays have at most ", kMaxDims, " dimensions, got ", count);
    }
  }
  index_t values_[kMaxDims];
  int count_ = 0;
};

using Shape = Dims;
using Strides = Dims;

index_t numel(const Shape& shape);  // product; throws ShapeError on overflow or a negative size
Strides contiguous_strides(const Shape& shape);  // row-major, in elements
std::string to_string(const Shape& shape);       // "(2, 3)", "(4,)", "()"

// `axis` in [-ndim, ndim) to [0, ndim); IndexError otherwise, naming `what`.
int normalize_axis(index_t axis, int ndim, const char* what = "axis");

// NumPy broadcasting of two shapes; ShapeError containing the word "broadcast" when impossible.
Shape broadcast_shapes(const Shape& a, const Shape& b);

}  // namespace tt
