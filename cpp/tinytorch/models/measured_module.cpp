#include "tinytorch/models/measured_module.hpp"

#include "tinytorch/autograd/node.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/ops/index.hpp"
#include "tinytorch/ops/reduce.hpp"

namespace tt::models {

using autograd::NoGrad;

MeasuredModule::MeasuredModule(nn::Module& module, Array x)
    : module_(module), was_training_(module.training()), x_(std::move(x)) {
  if (x_.ndim() == 0 || x_.shape(0) < 1) {
    fail<ShapeError>("test data must have shape (N, ...) with N >= 1, got ", to_string(x_.shape()));
  }
  module_.train(false);
}

MeasuredModule::~MeasuredModule() { module_.train(was_training_); }

void MeasuredModule::prepare(std::int64_t rows) {
  if (rows <= x_.shape(0)) {
    input_ = nn::Tensor(x_.slice(0, 0, rows).contiguous());
    return;
  }
  const Array indices = Array::empty({rows}, DType::i64);
  for (index_t i = 0; i < rows; ++i) indices.data<std::int64_t>()[i] = i % x_.shape(0);
  const Array table = x_.contiguous().reshape_view({x_.shape(0), x_.size() / x_.shape(0)});
  Shape shape = x_.shape();
  shape[0] = rows;
  input_ = nn::Tensor(ops::take_rows(table, indices).reshape_view(shape));
}

void MeasuredModule::run() {
  const NoGrad no_grad;
  module_.forward(input_);
}

std::vector<std::int64_t> MeasuredModule::predict() {
  const NoGrad no_grad;
  const Array scores = module_.forward(nn::Tensor(x_)).array();
  if (scores.ndim() != 2 || scores.shape(0) != x_.shape(0) || scores.shape(1) < 1) {
    fail<ShapeError>("forward must return scores of shape (", x_.shape(0), ", classes), got ",
                     to_string(scores.shape()));
  }
  const Array classes = ops::argmax(scores, 1, false).contiguous();
  const auto* first = classes.data<std::int64_t>();
  return {first, first + classes.size()};
}

capstone::StoredSize MeasuredModule::stored_size() {
  capstone::StoredSize size{0, "float32_parameters"};
  for (const nn::Tensor& p : module_.parameters()) {
    size.bytes += static_cast<std::int64_t>(p.array().nbytes());
    if (p.dtype() != DType::f32) size.source = "parameter_dtypes";
  }
  return size;
}

}  // namespace tt::models
