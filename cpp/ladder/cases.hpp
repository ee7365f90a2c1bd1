// The ladders as lists of steps with everything set up: what `make ladder` runs and the tests
// check.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "steps.hpp"
#include "tinytorch/array/array.hpp"

namespace tt::ladder {

struct Step {
  std::string name;
  std::string format;  // f32, bf16 or int8: which peak it is held against
  bool threaded = false;
  std::function<void()> run;
  Array result;            // what run() writes
  double tolerance = 0.0;  // largest difference to the first step's result, relative to its largest
};

struct Ladder {
  std::string name;
  std::string problem;      // in words
  double operations = 0.0;  // multiplications and additions of the definition
  double bytes = 0.0;       // of operands and results, once each, in the first step's format
  std::vector<Step> steps;
};

// Sizes: 0 for those that are measured, else small ones, for tests.
Ladder gemm_ladder(const Steps& steps, index_t n = 0);
Ladder convolution_ladder(const Steps& steps, index_t side = 0);
Ladder int8_ladder(const Steps& steps, index_t n = 0);
Ladder attention_ladder(const Steps& steps, index_t positions = 0);

// The last rungs: what the engine does with the same problem.
struct ConvOperands {
  Array image, weights;  // (1, in, height, width), (out, in, 3, 3)
};
std::vector<Step> engine_gemm(const Array& a, const Array& b);
std::vector<Step> engine_convolution(const ConvOperands& operands);
std::vector<Step> engine_int8(const Array& a, const Array& b);
std::vector<Step> engine_attention(const AttentionProblem& p, const Array& q, const Array& k,
                                   const Array& v);

}  // namespace tt::ladder
