// Gradients of elementwise operators.
#include <cmath>

#include "tinytorch/autograd/functions.hpp"

namespace tt::autograd {
namespace {

enum class Keep { input, output, none };
struct UnaryInfo {
  const char* node;
  Keep keep;
};

constexpr UnaryInfo kUnaryInfo[] = {
#define TT_UNARY(name, saved, parameter, doc) \
  {                                           \
      #name,                                  \
      Keep::saved,                            \
  },
#include "tinytorch/kernels/unary/unary.def"
#undef TT_UNARY
};

// The course names these nodes in its own spelling; the rest are CamelCase + "Backward".
std::string node_name(const std::string& op) {
  if (op == "relu") return "ReLUBackward";
  if (op == "gelu" || op == "gelu_tanh" || op == "gelu_sigmoid") return "GELUBackward";
  std::string name;
  bool upper = true;
  for (char c : op) {
    if (c != '_') name += upper ? static_cast<char>(std::toupper(c)) : c;
    upper = c == '_';
  }
  return name + "Backward";
}

const char* unary_node_name(Unary f) {
  static const auto names = [] {
    std::vector<std::string> all;
    for (const UnaryInfo& info : kUnaryInfo) all.push_back(node_name(info.node));
    return all;
  }();
  return names[static_cast<std::size_t>(f)].c_str();
}

const char* binary_node_name(Binary f) {
  constexpr const char* names[] = {"AddBackward", "SubBackward",     "MulBackward",
                                   "DivBackward", "MaximumBackward", "MinimumBackward",
                                   "PowBackward"};
  return names[static_cast<int>(f)];
}

// dy where a wins, half of it on ties, as PyTorch does.
Array share(const Array& dy, const Array& a, const Array& b, Compare wins) {
  const Array full = ops::compare(wins, a, b).astype(dy.dtype());
  const Array tie = ops::compare(Compare::eq, a, b).astype(dy.dtype());
  return ops::mul(dy, ops::add(full, ops::mul(tie, 0.5)));
}

// d(a^b)/da = b a^(b-1), which is 0 where b = 0 (also at a = 0).
Array pow_grad_base(const Array& dy, const Array& a, const Array& b) {
  const Array slope = ops::mul(b, ops::binary(Binary::pow, a, ops::add(b, -1.0)));
  if (b.size() == 1 && b.item() != 0.0) return ops::mul(dy, slope);
  const Array zero = ops::compare(Compare::eq, b, Array::scalar(0.0, b.dtype()));
  return ops::mul(dy, ops::where(zero, Array::scalar(0.0, slope.dtype()), slope));
}

// d(a^b)/db = a^b ln a, which is 0 where a = 0 and b >= 0.
Array pow_grad_exponent(const Array& dy, const Array& a, const Array& b, const Array& y) {
  const Array slope = ops::mul(y, ops::unary(Unary::log, a));
  const Array zero = Array::scalar(0.0, slope.dtype());
  const Array flat =
      ops::mul(ops::compare(Compare::eq, a, zero), ops::compare(Compare::ge, b, zero));
  return ops::mul(dy, ops::where(flat, zero, slope));
}

void binary_rule(Binary f, const Array& a, const Array& b, const Array& y, const Array& dy,
                 Grads& g) {
  switch (f) {
    case Binary::add:
      if (g.want(0)) g.set(0, dy);
      if (g.want(1)) g.set(1, dy);
      return;
    case Binary::sub:
      if (g.want(0)) g.set(0, dy);
      if (g.want(1)) g.set(1, ops::unary(Unary::neg, dy));
      return;
    case Binary::mul:
      if (g.want(0)) g.set(0, ops::mul(dy, b));
      if (g.want(1)) g.set(1, ops::mul(dy, a));
      return;
    case Binary::div:
      if (g.want(0)) g.set(0, ops::div(dy, b));
      if (g.want(1)) g.set(1, ops::unary(Unary::neg, ops::div(ops::mul(dy, ops::div(a, b)), b)));
      return;
    case Binary::maximum:
    case Binary::minimum: {
      const bool largest = f == Binary::maximum;
      if (g.want(0)) g.set(0, share(dy, a, b, largest ? Compare::gt : Compare::lt));
      if (g.want(1)) g.set(1, share(dy, a, b, largest ? Compare::lt : Compare::gt));
      return;
    }
    default:
      if (g.want(0)) g.set(0, pow_grad_base(dy, a, b));
      if (g.want(1)) g.set(1, pow_grad_exponent(dy, a, b, y));
  }
}

bool wants(const Tensor& t) { return t.requires_grad(); }

}  // namespace

Tensor unary(Unary f, const Tensor& x, double a) {
  const Tensor out(ops::unary(f, x.array(), a));
  if (!tracked(x)) return out;
  const Keep keep = kUnaryInfo[static_cast<int>(f)].keep;
  const Saved saved(keep == Keep::output ? out.array() : x.array());
  return with_half_gradients(attach(out, unary_node_name(f), {&x}, [=](const Array& dy, Grads& g) {
    g.set(0, ops::unary_grad(f, dy, saved.get(), a));
  }));
}

Tensor binary(Binary f, const Tensor& a, const Tensor& b) {
  const Tensor out(ops::binary(f, a.array(), b.array()));
  if (!tracked(a, b)) return out;
  if (f == Binary::add || f == Binary::sub) {  // nothing to keep
    return with_half_gradients(attach(
        out, binary_node_name(f), {&a, &b},
        [f](const Array& dy, Grads& g) { binary_rule(f, Array(), Array(), Array(), dy, g); }));
  }
  // A product keeps only what the wanted gradients read.
  const bool product = f == Binary::mul;
  const Saved sa(product && !wants(b) ? Array() : a.array());
  const Saved sb(product && !wants(a) ? Array() : b.array());
  const Saved sy(f == Binary::pow && wants(b) ? out.array() : Array());
  return attach(out, binary_node_name(f), {&a, &b}, [=](const Array& dy, Grads& g) {
    binary_rule(f, sa.get(), sb.get(), sy.get(), dy, g);
  });
}

Tensor compare(Compare f, const Tensor& a, const Tensor& b) {
  return Tensor(ops::compare(f, a.array(), b.array()));
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const Tensor out(ops::where(condition.array(), a.array(), b.array()));
  if (!tracked(a, b)) return out;
  return attach(out, "WhereBackward", {&a, &b},
                [c = Saved(condition.array())](const Array& dy, Grads& g) {
                  const Array zero = Array::scalar(0.0, dy.dtype());
                  if (g.want(0)) g.set(0, ops::where(c.get(), dy, zero));
                  if (g.want(1)) g.set(1, ops::where(c.get(), zero, dy));
                });
}

Tensor clip(const Tensor& x, std::optional<double> low, std::optional<double> high) {
  const Tensor out(ops::clip(x.array(), low, high));
  if (!tracked(x)) return out;
  return attach(out, "ClipBackward", {&x}, [=, s = Saved(x.array())](const Array& dy, Grads& g) {
    Array pass = dy;
    const auto limit = [&](Compare inside, double bound) {
      const Array in = ops::compare(inside, s.get(), Array::scalar(bound, s.get().dtype()));
      pass = ops::where(in, pass, Array::scalar(0.0, dy.dtype()));
    };
    if (low) limit(Compare::ge, *low);
    if (high) limit(Compare::le, *high);
    g.set(0, pass);
  });
}

Tensor cast(const Tensor& x, DType dtype) {
  const Tensor out(x.array().astype(dtype));
  if (!tracked(x) || !is_float(dtype)) return out;
  return attach(out, "CastBackward", {&x},
                [from = x.dtype()](const Array& dy, Grads& g) { g.set(0, dy.astype(from)); });
}

}  // namespace tt::autograd
