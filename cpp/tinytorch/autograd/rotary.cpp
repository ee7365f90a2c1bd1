// Gradients of rotary positions.
#include "tinytorch/ops/rotary.hpp"

#include "tinytorch/autograd/attention.hpp"
#include "tinytorch/autograd/functions.hpp"

namespace tt::autograd {
namespace {

// How many heads are turned, of how many.
index_t check(const Tensor& x, const Tensor& cos, const Tensor& sin,
              std::optional<index_t> turned) {
  const int nd = x.array().ndim();
  const bool tables = cos.array().ndim() == 2 && cos.shape() == sin.shape() && cos.shape()[1] > 0;
  if (nd < 2 || !tables || cos.shape()[0] < x.shape()[nd - 2] ||
      x.shape()[nd - 1] % (2 * cos.shape()[1]) != 0) {
    fail<ShapeError>("rotary needs x (..., length, heads * size) and cos and sin of one shape ",
                     "(positions >= length, size / 2), got ", to_string(x.shape()), ", ",
                     to_string(cos.shape()), " and ", to_string(sin.shape()));
  }
  const index_t heads = x.shape()[nd - 1] / (2 * cos.shape()[1]);
  if (turned && (*turned < 0 || *turned > heads)) {
    fail<ValueError>("rotary can turn 0 to ", heads, " heads here, got ", *turned);
  }
  return turned.value_or(heads);
}

}  // namespace

Tensor rotary(const Tensor& x, const Tensor& cos, const Tensor& sin,
              std::optional<index_t> turned) {
  const index_t heads = check(x, cos, sin, turned);
  const DType type = ops::compute_type(x.dtype());
  const Array c = cos.array().astype(type).contiguous(), s = sin.array().astype(type).contiguous();
  const Tensor out(ops::cast(ops::rotary(ops::to_compute(x.array()), c, s, heads),
                             is_half(x.dtype()) ? x.dtype() : type));
  if (!tracked(x)) return out;
  return attach(out, "RotaryBackward", {&x}, [heads, c, s, type](const Array& dy, Grads& g) {
    g.set(0, ops::rotary(ops::cast(dy, type), c, s, heads, true));
  });
}

}  // namespace tt::autograd
