// A model of the engine as the capstone measures it, without Python:
//
//   MeasuredModule measured(model, images);              // (N, ...), N >= 1
//   auto report = capstone::benchmark_report("mlp", measured, labels, {});
#pragma once
#include "tinytorch/capstone/measurable.hpp"
#include "tinytorch/nn/module.hpp"

namespace tt::models {

class MeasuredModule final : public capstone::Measurable {
 public:
  // Keeps the module by reference. ShapeError unless x has shape (N, ...) with N >= 1.
  MeasuredModule(nn::Module& module, Array x);
  ~MeasuredModule() override;  // the module trains again if it did before
  MeasuredModule(const MeasuredModule&) = delete;
  MeasuredModule& operator=(const MeasuredModule&) = delete;

  void prepare(std::int64_t rows) override;
  void run() override;
  std::vector<std::int64_t> predict() override;  // ShapeError unless scores are (N, classes)
  std::int64_t count_parameters() override { return module_.count_parameters(); }
  capstone::StoredSize stored_size() override;

 private:
  nn::Module& module_;
  bool was_training_;
  Array x_;
  nn::Tensor input_;
};

}  // namespace tt::models
