// Einstein summation of two operands, composed from permute, sum, reshape and matmul:
// labels fall into batch (both operands and the result), contracted (both operands only), and
// those of one operand alone.
#include <algorithm>
#include <string>

#include "tinytorch/autograd/functions.hpp"

namespace tt::autograd {
namespace {

struct Equation {
  std::string a, b, out;
};

bool has(const std::string& labels, char c) { return labels.find(c) != std::string::npos; }

void check_labels(const std::string& labels, const std::string& equation) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!std::isalpha(static_cast<unsigned char>(labels[i]))) {
      fail<ValueError>("einsum labels are letters, got '", labels[i], "' in '", equation, "'");
    }
    if (has(labels.substr(0, i), labels[i])) {
      fail<ValueError>("einsum does not take a repeated label ('", labels[i],
                       "') within one operand or the result, in '", equation, "'");
    }
  }
}

Equation parse(const std::string& text) {
  std::string s = text;
  s.erase(std::remove(s.begin(), s.end(), ' '), s.end());
  const auto arrow = s.find("->");
  const std::string inputs = s.substr(0, arrow);
  const auto comma = inputs.find(',');
  if (comma == std::string::npos || has(inputs.substr(comma + 1), ',')) {
    fail<ValueError>("einsum takes two operands, as in 'ij,jk->ik'; got '", text, "'");
  }
  Equation e{inputs.substr(0, comma), inputs.substr(comma + 1), ""};
  if (arrow != std::string::npos) {
    e.out = s.substr(arrow + 2);
  } else {  // implicit result: labels that occur once, in alphabetical order
    for (char c : e.a + e.b) {
      if (has(e.a, c) != has(e.b, c)) e.out += c;
    }
    std::sort(e.out.begin(), e.out.end());
  }
  for (const auto& labels : {e.a, e.b, e.out}) check_labels(labels, text);
  for (char c : e.out) {
    if (!has(e.a, c) && !has(e.b, c)) {
      fail<ValueError>("einsum result label '", c, "' is in no operand of '", text, "'");
    }
  }
  return e;
}

// Sums away labels that occur neither in the other operand nor in the result.
Tensor drop_unused(const Tensor& x, std::string& labels, const std::string& others) {
  Dims axes;
  std::string kept;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (has(others, labels[i])) {
      kept += labels[i];
    } else {
      axes.push_back(static_cast<index_t>(i));
    }
  }
  labels = kept;
  return axes.empty() ? x : sum(x, axes, false);
}

Tensor order_as(const Tensor& x, const std::string& labels, const std::string& wanted) {
  Dims axes;
  for (char c : wanted) axes.push_back(static_cast<index_t>(labels.find(c)));
  return permute(x, axes);
}

// Products take transposed views as they are; reshape would copy them.
Tensor shaped(const Tensor& x, const Shape& shape) {
  return x.shape() == shape ? x : reshape(x, shape);
}

index_t label_size(char c, const Equation& e, const Tensor& a, const Tensor& b) {
  if (has(e.a, c)) return a.shape()[static_cast<int>(e.a.find(c))];
  return b.shape()[static_cast<int>(e.b.find(c))];
}

}  // namespace

Tensor einsum(const std::string& equation, const Tensor& first, const Tensor& second) {
  Equation e = parse(equation);
  for (const auto& [labels, x] : {std::pair{e.a, first}, std::pair{e.b, second}}) {
    if (static_cast<int>(labels.size()) != x.array().ndim()) {
      fail<ShapeError>("einsum labels '", labels, "' do not fit shape ", to_string(x.shape()));
    }
  }
  for (std::size_t i = 0; i < e.a.size(); ++i) {
    const auto j = e.b.find(e.a[i]);
    if (j == std::string::npos) continue;
    const index_t m = first.shape()[static_cast<int>(i)], n = second.shape()[static_cast<int>(j)];
    if (m != n) fail<ShapeError>("einsum label '", e.a[i], "' has sizes ", m, " and ", n);
  }
  const Tensor a = drop_unused(first, e.a, e.b + e.out);
  const Tensor b = drop_unused(second, e.b, e.a + e.out);

  std::string batch, contracted, only_a, only_b;
  for (char c : e.a) {
    if (!has(e.b, c))
      only_a += c;
    else if (has(e.out, c))
      batch += c;
    else
      contracted += c;
  }
  for (char c : e.b) {
    if (!has(e.a, c)) only_b += c;
  }
  const auto sizes = [&](const std::string& labels) {
    Shape shape;
    for (char c : labels) shape.push_back(label_size(c, e, a, b));
    return shape;
  };
  const index_t nb = numel(sizes(batch)), nk = numel(sizes(contracted));
  const index_t m = numel(sizes(only_a)), n = numel(sizes(only_b));
  const bool one = batch.empty();  // product of matrices
  const Tensor x =
      shaped(order_as(a, e.a, batch + only_a + contracted), one ? Shape{m, nk} : Shape{nb, m, nk});
  const Tensor y =
      shaped(order_as(b, e.b, batch + contracted + only_b), one ? Shape{nk, n} : Shape{nb, nk, n});
  const std::string labels = batch + only_a + only_b;
  return order_as(reshape(matmul(x, y), sizes(labels)), labels, e.out);
}

}  // namespace tt::autograd
