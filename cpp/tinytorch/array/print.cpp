#include "tinytorch/array/print.hpp"

#include <ostream>

#include "tinytorch/array/xt_bridge.hpp"

namespace tt {

std::ostream& operator<<(std::ostream& out, const Array& array) {
  if (!array.defined()) return out << "undefined";
  const bool whole = !is_float(array.dtype());
  const Array values = array.astype(whole ? DType::i64 : DType::f64).contiguous();
  if (whole) {
    out << xt_adapt<std::int64_t>(values);
  } else {
    out << xt_adapt<double>(values);
  }
  return out << ' ' << name_of(array.dtype()) << ' ' << to_string(array.shape());
}

}  // namespace tt
