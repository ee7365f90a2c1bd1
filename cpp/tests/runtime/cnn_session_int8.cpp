// int8 sessions: near the float network, equal on every instruction set, refusals.
#include <cstring>

#include "runtime/support.hpp"
#include "tinytorch/base/cpu.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"

using namespace tt;
using namespace tt::runtime;
using namespace tt::runtime::test;

namespace {

bool same_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.nbytes()) == 0;
}

CnnOptions int8(const Array& samples, index_t batch = 8) {
  return {batch, Precision::int8, samples};
}

// Largest difference from the operators in floats, relative to the largest logit.
double error(const Nodes& nodes, const Value& input, Isa isa) {
  const Array x = normal({6, input.channels, input.height, input.width}, 50);
  CnnSession session(nodes, input, int8(x), kernels::table(isa));
  return difference(session.run(x), eager(nodes, x));
}

}  // namespace

TEST_CASE("int8 session: near the float network on every instruction set") {
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    CHECK(error(small_network(), {3, 12, 20}, isa) < 0.05);
    CHECK(error(small_network(16), {3, 16, 16}, isa) < 0.05);
  }
}

TEST_CASE("int8 session: one convolution of every form") {
  const auto check = [](const ConvSizes& c, index_t size) {
    CAPTURE(c.in, c.out, c.kernel, c.stride, c.padding, c.groups, c.dilation, size);
    const Nodes first = {conv(c), node(Kind::relu), node(Kind::average_pool)};
    Nodes second = first;
    second.insert(second.begin(), conv({3, c.in, 1, 1, 0}, 30));
    for (const Isa isa : supported_isas()) {
      CAPTURE(name_of(isa));
      CHECK(error(first, {c.in, size, size + 1}, isa) < 0.03);
      CHECK(error(second, {3, size, size + 1}, isa) < 0.03);
    }
  };
  for (const index_t size : {1, 4, 7, 11, 20}) check({16, 20, 3, 1, 1}, size);
  for (const index_t stride : {2, 3}) check({20, 40, 3, stride, 1}, 18);
  check({3, 8, 7, 2, 3}, 15);
  check({5, 70, 1, 1, 0}, 6);
  check({64, 40, 1, 2, 0}, 7);
  check({17, 33, 2, 1, 1}, 17);
  check({16, 16, 3, 1, 2, 1, 2}, 18);
  check({12, 24, 3, 1, 1, 4}, 8);
  check({20, 20, 3, 1, 1, 20}, 9);
  check({33, 33, 5, 2, 2, 33}, 9);
  check({20, 20, 3, 1, 2, 20, 2}, 9);
  check({150, 130, 3, 2, 1}, 8);
}

TEST_CASE("int8 session: nodes that stand alone") {
  const Value input{5, 6, 8};
  const auto check = [&](const Nodes& nodes) {
    for (const Isa isa : {Isa::baseline, active_isa()}) CHECK(error(nodes, input, isa) < 0.05);
  };
  check({node(Kind::max_pool, 3), node(Kind::average_pool)});
  check({norm(5), node(Kind::relu), node(Kind::flatten), linear(240, 9)});
  check({conv({5, 20, 3, 1, 1}), conv({20, 20, 3, 1, 1, 20}, 4), node(Kind::relu),
         node(Kind::max_pool, 2), linear(240, 3)});
  check({conv({5, 20, 3, 1, 1}), node(Kind::push), conv({20, 20, 3, 1, 1, 20}, 4), node(Kind::add),
         node(Kind::relu), node(Kind::average_pool)});
  check({node(Kind::push), node(Kind::relu), node(Kind::add), linear(240, 70)});
  check({conv({5, 20, 3, 1, 1}), node(Kind::push), node(Kind::max_pool, 2),
         project({node(Kind::max_pool, 2), norm(20)}), node(Kind::add), linear(240, 3),
         node(Kind::relu), linear(3, 4)});
  check({conv({5, 20, 3, 1, 1}), node(Kind::push), node(Kind::relu), conv({20, 20}, 4),
         node(Kind::add), node(Kind::max_pool, 2), linear(240, 3)});
}

namespace {

// A convolution whose second half of filters mirrors the first (models/mirror.py).
CnnNode mirrored(ConvSizes c, std::uint64_t seed) {
  CnnNode made = conv(c, seed);
  auto* w = made.weight.data<float>();
  const index_t half = c.out / 2, taps = c.kernel * c.kernel;
  for (index_t k = 0; k < half * c.in * taps; ++k) {
    const index_t o = k / taps / c.in, i = k / taps % c.in, y = k / c.kernel % c.kernel;
    const index_t other = (i + c.in / 2) % c.in, right = c.kernel - 1 - k % c.kernel;
    w[((o + half) * c.in + other) * taps + y * c.kernel + right] = w[k];
  }
  return made;
}

Nodes mirror_network(index_t kernel) {
  const index_t pad = kernel / 2;
  return {conv({3, 32, 3, 1, 1}, 31),
          node(Kind::relu),
          mirrored({32, 48, kernel, 1, pad}, 32),
          node(Kind::relu),
          node(Kind::push),
          mirrored({48, 48, kernel, 1, pad}, 33),
          node(Kind::add),
          node(Kind::max_pool, 2),
          node(Kind::push),
          mirrored({48, 48, kernel, 1, pad}, 34),
          node(Kind::add),
          node(Kind::relu),
          node(Kind::max_pool, 3),
          mirrored({48, 16, kernel, 1, pad}, 35),
          node(Kind::average_pool)};
}

}  // namespace

TEST_CASE("int8 session: filters in mirror pairs are computed together") {
  for (const index_t kernel : {1, 3, 5}) {
    CAPTURE(kernel);
    const Nodes nodes = mirror_network(kernel);
    const Array x = normal({5, 3, 12, 20}, 55);
    Array first;
    for (const Isa isa : supported_isas()) {
      CAPTURE(name_of(isa));
      CHECK(error(nodes, {3, 12, 20}, isa) < 0.05);
      if (isa == Isa::baseline && active_isa() != Isa::baseline) continue;
      CnnSession session(nodes, {3, 12, 20}, int8(x), kernels::table(isa));
      std::size_t found = 0;
      const std::string text = session.describe();
      for (auto at = text.find("mirror pairs"); at != std::string::npos;
           at = text.find("mirror pairs", at + 1)) {
        ++found;
      }
      CHECK(found == 4);
      const Array y = session.run(x);
      if (!first.defined()) first = y;
      REQUIRE(same_bits(y, first));
    }
  }
}

TEST_CASE("int8 session: a filter that is no mirror image is computed alone") {
  Nodes nodes = mirror_network(3);
  nodes[2].weight.data<float>()[100] += 0.25f;
  CnnSession session(nodes, {3, 12, 20}, int8(normal({5, 3, 12, 20}, 55)));
  CHECK(session.describe().find("(48, 12, 20)      int8 lines, mirror") == std::string::npos);
  CHECK(error(nodes, {3, 12, 20}, active_isa()) < 0.05);
}

TEST_CASE("int8 session: few channels in mirror pairs are computed alone") {
  const Nodes nodes = {node(Kind::max_pool, 2), mirrored({4, 16, 3, 1, 1}, 37), node(Kind::relu),
                       mirrored({16, 20, 3, 1, 1}, 38), node(Kind::average_pool)};
  const Array x = normal({5, 4, 12, 20}, 57);
  CHECK(CnnSession(nodes, {4, 12, 20}, int8(x)).describe().find("mirror") == std::string::npos);
  for (const Isa isa : supported_isas()) CHECK(error(nodes, {4, 12, 20}, isa) < 0.05);
}

TEST_CASE("int8 session: mirror pairs give an image the same in every batch, on any threads") {
  const Array x = normal({19, 3, 12, 20}, 56);
  const int before = num_threads();
  for (const index_t batch : {1, 8}) {
    CnnSession session(mirror_network(3), {3, 12, 20}, int8(x, batch));
    const Array together = session.run(x);
    for (const int threads : {1, 2, 5}) {
      set_num_threads(threads);
      CAPTURE(batch, threads);
      REQUIRE(same_bits(session.run(x), together));
      for (const index_t i : {0, 7, 18}) {
        REQUIRE(same_bits(session.run(x.slice(0, i, 1)), together.slice(0, i, 1)));
      }
    }
    set_num_threads(before);
  }
}

// Ranges are measured in floats: only instruction sets that fuse multiply-adds measure the same.
TEST_CASE("int8 session: equal bits on every instruction set with fused multiply-add") {
  const Array x = normal({5, 3, 16, 16}, 51);
  Array first;
  for (const Isa isa : supported_isas()) {
    if (isa == Isa::baseline && active_isa() != Isa::baseline) continue;
    CAPTURE(name_of(isa));
    CnnSession session(small_network(), {3, 16, 16}, int8(x), kernels::table(isa));
    const Array y = session.run(x);
    if (!first.defined()) first = y;
    REQUIRE(same_bits(y, first));
  }
}

TEST_CASE("int8 session: an image's result depends neither on its batch nor on threads") {
  const Array x = normal({37, 3, 16, 16}, 52);
  const int before = num_threads();
  for (const index_t batch : {1, 8}) {
    CnnSession session(small_network(), {3, 16, 16}, int8(x, batch));
    const Array together = session.run(x);
    for (const int threads : {1, 2, 5}) {
      set_num_threads(threads);
      CAPTURE(batch, threads);
      REQUIRE(same_bits(session.run(x), together));
      for (const index_t i : {0, 17, 36}) {
        REQUIRE(same_bits(session.run(x.slice(0, i, 1)), together.slice(0, i, 1)));
      }
    }
    set_num_threads(before);
  }
}

TEST_CASE("int8 session: NaN and infinity come out of their image and no other") {
  const Array x = normal({3, 3, 16, 16}, 53);
  CnnSession session(small_network(), {3, 16, 16}, int8(x.copy()));
  const Array clean = session.run(x);
  x.data<float>()[768 + 40] = -INFINITY;
  const Array y = session.run(x);
  CHECK(same_bits(y.slice(0, 2, 1).copy(), clean.slice(0, 2, 1).copy()));
  for (index_t i = 0; i < 10; ++i) CHECK(std::isnan(y.data<float>()[10 + i]));
}

TEST_CASE("int8 session: refuses what it cannot do") {
  const Array x = normal({2, 3, 8, 8}, 54);
  const Nodes nodes = {conv({3, 8}), node(Kind::average_pool)};
  CHECK_THROWS_AS(CnnSession(nodes, {3, 8, 8}, int8({})), ValueError);
  CHECK_THROWS_AS(CnnSession(nodes, {3, 8, 9}, int8(x)), ShapeError);
  const Nodes late = {node(Kind::average_pool), conv({3, 8, 1, 1, 0})};
  CHECK_THROWS_AS(CnnSession(late, {3, 8, 8}, int8(x)), ValueError);
  x.data<float>()[3] = std::nanf("");
  CHECK_THROWS_AS(CnnSession(nodes, {3, 8, 8}, int8(x)), ValueError);
  CHECK_THROWS_AS(cnn_precision_from_name("int4"), ValueError);
}
