#include "cases.hpp"

#include <cmath>

#include "tinytorch/base/rng.hpp"

namespace tt::ladder {
namespace {

Array normal(const Shape& shape, std::uint64_t seed, float scale = 1.0f) {
  const Array a = Array::empty(shape);
  Generator generator(seed);
  generator.normal(a.data<float>(), a.size());
  for (index_t i = 0; i < a.size(); ++i) a.data<float>()[i] *= scale;
  return a;
}

Array codes(const Shape& shape, std::uint64_t seed) {
  const Array a = Array::empty(shape, DType::i8);
  Generator generator(seed);
  for (index_t i = 0; i < a.size(); ++i) {
    a.data<std::int8_t>()[i] = static_cast<std::int8_t>(generator.below(255) - 127);
  }
  return a;
}

// The own kernels of a ladder; each step has a result of its own.
template <class Problem>
struct Own {
  const char* name;
  void (*kernel)(const Problem&);
};
template <class Problem, class Bind>
void add_steps(Ladder& ladder, const Array& like, const std::vector<Own<Problem>>& own,
               const Bind& bind) {
  for (const Own<Problem>& step : own) {
    const Array result = Array::zeros(like.shape(), like.dtype());
    const auto problem = bind(result);
    const bool exact = like.dtype() == DType::i32;
    ladder.steps.push_back({step.name, exact ? "int8" : "f32", std::string(step.name) == "threaded",
                            [kernel = step.kernel, problem] { kernel(problem()); }, result,
                            exact ? 0.0 : 1e-5});
  }
}
void add_steps(Ladder& ladder, std::vector<Step> more) {
  for (Step& step : more) ladder.steps.push_back(std::move(step));
}

}  // namespace

Ladder gemm_ladder(const Steps& steps, index_t n) {
  if (n == 0) n = 8 * kGemmMultiple;
  const Array a = normal({n, n}, 1), b = normal({n, n}, 2), scratch = Array::zeros({2, n, n});
  Ladder made{"gemm", "", 2.0 * std::pow(n, 3), 3.0 * 4.0 * std::pow(n, 2), {}};
  made.problem = "C = A B, float32, " + std::to_string(n) + " x " + std::to_string(n) + " each";
  const GemmSteps& s = steps.gemm;
  add_steps<GemmProblem>(made, a,
                         {{"naive", s.naive},
                          {"reordered", s.reordered},
                          {"blocked", s.blocked},
                          {"packed", s.packed},
                          {"vectorised", s.vectorised},
                          {"threaded", s.threaded}},
                         [=](const Array& c) {
                           return [=] {
                             return GemmProblem{n, a.data<float>(), b.data<float>(),
                                                c.data<float>(), scratch.data<float>()};
                           };
                         });
  add_steps(made, engine_gemm(a, b));
  return made;
}

Ladder convolution_ladder(const Steps& steps, index_t side) {
  const index_t channels = side == 0 ? 64 : 32;
  if (side == 0) side = kConvWidth;
  const ConvOperands o{normal({1, channels, side, side}, 3),
                       normal({channels, channels, 3, 3}, 4, 0.1f)};
  for (index_t i = 0; i < o.image.size(); ++i) {  // brightness has no sign
    o.image.data<float>()[i] = std::fabs(o.image.data<float>()[i]);
  }
  const Array padded = Array::zeros({channels, side + 2, side + 2});
  const Array packed = Array::zeros(o.weights.shape());
  Ladder made{"convolution",
              "",
              2.0 * 9.0 * std::pow(channels, 2) * std::pow(side, 2),
              4.0 * static_cast<double>(2 * o.image.size() + o.weights.size()),
              {}};
  const std::string planes = std::to_string(channels);
  made.problem = "3 x 3, " + planes + " to " + planes + " channels of " + std::to_string(side) +
                 " x " + std::to_string(side) + ", float32, one image";
  const ConvSteps& s = steps.convolution;
  add_steps<ConvProblem>(made, o.image,
                         {{"naive", s.naive},
                          {"reordered", s.reordered},
                          {"blocked", s.blocked},
                          {"packed", s.packed},
                          {"vectorised", s.vectorised},
                          {"threaded", s.threaded}},
                         [=](const Array& y) {
                           return [=] {
                             return ConvProblem{channels,
                                                channels,
                                                side,
                                                side,
                                                o.image.data<float>(),
                                                o.weights.data<float>(),
                                                y.data<float>(),
                                                padded.data<float>(),
                                                packed.data<float>()};
                           };
                         });
  add_steps(made, engine_convolution(o));
  return made;
}

Ladder int8_ladder(const Steps& steps, index_t n) {
  if (n == 0) n = 4 * kInt8Multiple;
  const Array a = codes({n, n}, 5), b = codes({n, n}, 6);
  const Array packed = Array::zeros({n, n}, DType::i8), left = Array::zeros({n, n}, DType::i32);
  const Array sums = Array::zeros({n}, DType::i32), like = Array::zeros({n, n}, DType::i32);
  Ladder made{"int8", "", 2.0 * std::pow(n, 3), 6.0 * std::pow(n, 2), {}};
  made.problem =
      "C = A B^T, int8 to int32, " + std::to_string(n) + " x " + std::to_string(n) + " each";
  const Int8Steps& s = steps.int8;
  add_steps<Int8Problem>(made, like,
                         {{"naive", s.naive},
                          {"blocked", s.blocked},
                          {"packed", s.packed},
                          {"vectorised", s.vectorised},
                          {"threaded", s.threaded}},
                         [=](const Array& c) {
                           return [=] {
                             return Int8Problem{
                                 n,
                                 a.data<std::int8_t>(),
                                 b.data<std::int8_t>(),
                                 c.data<std::int32_t>(),
                                 packed.data<std::int8_t>(),
                                 reinterpret_cast<std::int16_t*>(left.data<std::int32_t>()),
                                 sums.data<std::int32_t>()};
                           };
                         });
  add_steps(made, engine_int8(a, b));
  return made;
}

Ladder attention_ladder(const Steps& steps, index_t positions) {
  const index_t heads = positions == 0 ? 8 : 2, n = positions == 0 ? 512 : positions;
  const index_t size = positions == 0 ? 64 : 32;
  const Array q = normal({heads, n, size}, 7, 1.0f / std::sqrt(static_cast<float>(size)));
  const Array k = normal({heads, n, size}, 8), v = normal({heads, n, size}, 9);
  const Array scores = Array::zeros({n, n}), keys = Array::zeros({heads, n, size});
  // Two products over the pairs of a position with itself and those before it.
  const double pairs = 0.5 * static_cast<double>(n * (n + 1) * heads);
  Ladder made{"attention",
              "",
              4.0 * pairs * static_cast<double>(size),
              4.0 * 4.0 * static_cast<double>(q.size()),
              {}};
  made.problem = "causal, " + std::to_string(heads) + " heads of " + std::to_string(size) + ", " +
                 std::to_string(n) + " positions, float32";
  const auto problem = [=](const Array& out) {
    return AttentionProblem{heads,
                            n,
                            size,
                            q.data<float>(),
                            k.data<float>(),
                            v.data<float>(),
                            out.defined() ? out.data<float>() : nullptr,
                            scores.data<float>(),
                            keys.data<float>()};
  };
  const AttentionSteps& s = steps.attention;
  add_steps<AttentionProblem>(made, q,
                              {{"naive", s.naive},
                               {"blocked", s.blocked},
                               {"packed", s.packed},
                               {"vectorised", s.vectorised},
                               {"threaded", s.threaded}},
                              [=](const Array& out) { return [=] { return problem(out); }; });
  add_steps(made, engine_attention(problem(Array()), q, k, v));
  return made;
}

}  // namespace tt::ladder
