// Products of every number format, in the shapes that differ in what they exercise.
#include "cases.hpp"
#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/gemm.hpp"
#include "tinytorch/kernels/gemm_f32/packed.hpp"
#include "tinytorch/kernels/gemm_s4/packed_s4.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

namespace tt::bench {
namespace {

using namespace tt::kernels;

struct Sizes {
  index_t m, n, k;
};
struct Operands {
  explicit Operands(const Sizes& s)
      : a(normal({s.m, s.k}, 1)), b(normal({s.k, s.n}, 2)), c(Array::zeros({s.m, s.n})) {}
  Array a, b, c;
};

std::function<void()> plain(const Sizes& s) {
  return [s, o = Operands(s)] {
    Gemm g;
    g.m = s.m, g.n = s.n, g.k = s.k;
    g.a = o.a.data<float>(), g.a_row = s.k;
    g.b = o.b.data<float>(), g.b_row = s.n;
    g.c = o.c.data<float>(), g.c_row = s.n;
    gemm(g);
  };
}
std::function<void()> packed(const Sizes& s) {
  const Operands o(s);
  return [s, o, w = pack_f32(o.b.data<float>(), s.n, 1, s.k, s.n)] {
    gemm_packed(o.a.data<float>(), s.m, s.k, w, {o.c.data<float>(), s.n});
  };
}
std::function<void()> bf16(const Sizes& s) {
  const Operands o(s);
  return [s, o, w = pack_bf16(o.b.data<float>(), s.n, 1, s.k, s.n)] {
    gemm_bf16(o.a.data<float>(), s.m, s.k, w, {o.c.data<float>(), s.n});
  };
}

std::vector<std::int8_t> codes(index_t count, int span) {
  std::vector<std::int8_t> made(static_cast<std::size_t>(count));
  for (index_t i = 0; i < count; ++i) {
    made[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(i * 37 % span - span / 2);
  }
  return made;
}
std::function<void()> int8(const Sizes& s) {
  const Operands o(s);
  const Array scale = Array::full({s.n}, 0.01);
  return [s, o, scale, w = pack_s8(codes(s.n * s.k, 255).data(), s.n, s.k)] {
    linear_s8(o.a.data<float>(), s.m, s.k, w, scale.data<float>(), nullptr, o.c.data<float>(), s.n);
  };
}
std::function<void()> int4(const Sizes& s) {
  const Operands o(s);
  const Array scales = Array::full({s.n, (s.k + kS4Group - 1) / kS4Group}, 0.125);
  const std::vector<std::int8_t> plain_codes = codes(s.n * s.k, 16);
  return [s, o, w = pack_s4(plain_codes.data(), scales.data<float>(), s.n, s.k)] {
    linear_s4(o.a.data<float>(), s.m, s.k, w, nullptr, o.c.data<float>(), s.n);
  };
}

Case of(const char* name, std::function<void()> (*make)(const Sizes&), Sizes s) {
  return {name, [make, s] { return make(s); }};
}

}  // namespace

Cases matrix_products() {
  return {of("gemm_f32_square", plain, {512, 512, 512}),
          of("gemm_f32_skinny", plain, {8, 512, 512}),
          of("gemm_f32_row", plain, {1, 512, 512}),
          of("gemm_f32_packed", packed, {64, 512, 512}),
          of("gemm_f32_packed_row", packed, {1, 512, 512}),
          of("gemm_bf16", bf16, {64, 512, 512}),
          of("gemm_bf16_row", bf16, {1, 512, 512}),
          of("linear_int8", int8, {64, 512, 512}),
          of("linear_int8_row", int8, {1, 512, 512}),
          of("linear_int4", int4, {64, 512, 512}),
          of("linear_int4_row", int4, {1, 512, 512})};
}

}  // namespace tt::bench
