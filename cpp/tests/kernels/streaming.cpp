// The streamed kernels give the bits of the ordinary ones, at every size and alignment, and touch
// nothing beside the result; so do the operators on results large enough to be streamed.
#include "tinytorch/kernels/streaming.hpp"

#include "kernels/kernel_support.hpp"
#include "tinytorch/ops/elementwise.hpp"
#include "tinytorch/ops/norm.hpp"
#include "tinytorch/ops/softmax.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

std::vector<std::size_t> lengths() {
  std::vector<std::size_t> all = sizes();
  all.erase(all.begin());
  for (std::size_t n : {512, 1024, 2048, 4096, 4100, 9000}) all.push_back(n);
  return all;
}

// run(streamed, y) writes n floats at y by either kernel.
template <class Run>
bool same_streamed(std::size_t n, Run run) {
  bool same = true;
  for (std::size_t offset : {0, 1, 5}) {
    Guarded<float> plain(n, offset), streamed(n, offset);
    run(false, plain.data());
    run(true, streamed.data());
    finish_streamed();
    same &= same_values(plain.data(), streamed.data(), n) && streamed.intact();
  }
  return same;
}

}  // namespace

TEST_CASE("streamed elementwise kernels give the same bits") {
  for (Isa isa : isas(&Table::unary)) {
    const UnaryTable& u = table(isa).unary;
    const BinaryTable& b = table(isa).binary;
    for (std::size_t n : lengths()) {
      INFO(name_of(isa) << " n = " << n);
      const std::vector<float> x = normal(n, 51, 3.0f), z = normal(n, 52);
      bool same = true;
      for (int f = 0; f < kUnaryCount; ++f) {
        same &= same_streamed(n, [&](bool s, float* y) {
          (s ? u.forward_streamed : u.forward)[f](x.data(), y, n, 0.5f);
        });
        same &= same_streamed(n, [&](bool s, float* y) {
          (s ? u.backward_streamed : u.backward)[f](z.data(), x.data(), y, n, 0.5f);
        });
      }
      for (int f = 0; f < kBinaryCount; ++f) {
        for (std::size_t step : {0, 1}) {
          same &= same_streamed(n, [&](bool s, float* y) {
            (s ? b.arithmetic_streamed : b.arithmetic)[f](x.data(), 1, z.data(), step, y, n);
          });
        }
      }
      CHECK(same);
    }
  }
}

TEST_CASE("streamed softmax kernels give the same bits") {
  for (Isa isa : isas(&Table::softmax)) {
    const SoftmaxTable& t = table(isa).softmax;
    for (std::size_t n : lengths()) {
      INFO(name_of(isa) << " n = " << n);
      constexpr std::size_t kRows = 3;
      const std::vector<float> x = normal(kRows * n, 53, 4.0f), dy = normal(n, 54);
      CHECK(same_streamed(kRows * n, [&](bool s, float* y) {
        if (s) return t.softmax_streamed(x.data(), y, kRows, n);
        for (std::size_t i = 0; i < kRows * n; i += n) t.softmax(x.data() + i, y + i, n);
      }));
      CHECK(same_streamed(n, [&](bool s, float* y) {
        (s ? t.log_softmax_streamed : t.log_softmax)(x.data(), y, n);
      }));
      CHECK(same_streamed(n, [&](bool s, float* y) {
        (s ? t.softmax_grad_streamed : t.softmax_grad)(dy.data(), x.data(), y, n);
      }));
      CHECK(same_streamed(n, [&](bool s, float* y) {
        (s ? t.log_softmax_grad_streamed : t.log_softmax_grad)(dy.data(), x.data(), y, n);
      }));
      CHECK(same_streamed(n, [&](bool s, float* y) {
        const auto f = s ? t.cross_entropy_grad_streamed : t.cross_entropy_grad;
        f(x.data(), 4.0f, 2.0f, 0.125f, 0.5f, y, n);
      }));
    }
  }
}

TEST_CASE("streamed norms give the same bits") {
  for (Isa isa : isas(&Table::norm)) {
    const NormTable& t = table(isa).norm;
    for (std::size_t n : lengths()) {
      INFO(name_of(isa) << " n = " << n);
      const std::vector<float> x = normal(n, 55, 2.0f), dy = normal(n, 56), w = normal(n, 57);
      float mean[2], rstd[2];
      std::vector<float> dgamma[2], dbeta[2];
      for (int s : {0, 1}) dgamma[s] = dbeta[s] = std::vector<float>(n, 0.5f);
      CHECK(same_streamed(n, [&](bool s, float* y) {
        const auto f = s ? t.layer_norm_streamed : t.layer_norm;
        f(x.data(), w.data(), dy.data(), 1e-5f, y, n, mean + s, rstd + s);
      }));
      CHECK((mean[0] == mean[1] && rstd[0] == rstd[1]));
      CHECK(same_streamed(n, [&](bool s, float* dx) {
        const auto f = s ? t.layer_norm_grad_streamed : t.layer_norm_grad;
        f(dy.data(), x.data(), w.data(), 0.1f, 0.7f, dx, dgamma[s].data(), dbeta[s].data(), n);
      }));
      CHECK((same_bits(dgamma[0], dgamma[1]) && same_bits(dbeta[0], dbeta[1])));
      CHECK(same_streamed(n, [&](bool s, float* y) {
        (s ? t.rms_norm_streamed : t.rms_norm)(x.data(), w.data(), 1e-5f, y, n, rstd + s);
      }));
      CHECK(same_streamed(n, [&](bool s, float* dx) {
        const auto f = s ? t.rms_norm_grad_streamed : t.rms_norm_grad;
        f(dy.data(), x.data(), w.data(), 0.7f, dx, dgamma[s].data(), n);
      }));
      CHECK(same_bits(dgamma[0], dgamma[1]));
    }
  }
}

TEST_CASE("operators with large results agree with their small parts") {
  constexpr index_t kColumns = 1000, kRows = 8400, kPart = 17, kFirst = 5000;
  const Shape shape{kRows, kColumns};
  const Array x = Array::empty(shape), z = Array::empty(shape);
  REQUIRE(streams(x.nbytes()));
  Generator generator(58);
  generator.normal(x.data<float>(), x.size());
  generator.normal(z.data<float>(), z.size());
  const auto part = [&](const Array& a) { return a.slice(0, kFirst, kPart).copy(); };
  const auto agree = [&](const char* what, const Array& large, const Array& small) {
    INFO(what);
    const Array some = part(large);
    CHECK(same_values(some.data<float>(), small.data<float>(), small.size()));
  };
  agree("add", ops::add(x, z), ops::add(part(x), part(z)));
  const Array row = z.slice(0, 0, 1).copy(), two = Array::scalar(2.0);
  agree("add of a row", ops::add(x, row), ops::add(part(x), row));
  agree("times a number", ops::mul(x, two), ops::mul(part(x), two));
  agree("gelu", ops::unary(Unary::gelu_tanh, x), ops::unary(Unary::gelu_tanh, part(x)));
  agree("gradient of gelu", ops::unary_grad(Unary::gelu_tanh, z, x),
        ops::unary_grad(Unary::gelu_tanh, part(z), part(x)));
  agree("softmax", ops::softmax(x, -1), ops::softmax(part(x), -1));
  agree("gradient of softmax", ops::softmax_grad(z, x, -1),
        ops::softmax_grad(part(z), part(x), -1));
  agree("layer norm", ops::layer_norm(x, Array(), Array(), 1e-5).y,
        ops::layer_norm(part(x), Array(), Array(), 1e-5).y);
}
