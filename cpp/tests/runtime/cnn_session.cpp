// Sessions against the same network operator by operator, on every instruction set.
#include <cstring>

#include "runtime/support.hpp"
#include "support/heap.hpp"
#include "tinytorch/array/allocator.hpp"
#include "tinytorch/base/cpu.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/dispatch.hpp"

using namespace tt;
using namespace tt::runtime;
using namespace tt::runtime::test;
using tt::test::heap_requests;

namespace {

constexpr double kBound = 2e-5;  // of the largest logit

bool same_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.nbytes()) == 0;
}

// Restores the number of threads.
struct Threads {
  explicit Threads(int count) : before(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before); }
  int before;
};

void require_agreement(const Nodes& nodes, const Value& input, index_t images,
                       std::string expected_method = "") {
  const Array x = normal({images, input.channels, input.height, input.width}, 40);
  const Array want = eager(nodes, x);
  for (const Isa isa : {Isa::baseline, Isa::avx2, active_isa()}) {
    if (!cpu_supports(isa)) continue;
    for (const index_t batch : {1, 64}) {
      CAPTURE(name_of(isa), batch);
      CnnSession session(nodes, input, {batch}, kernels::table(isa));
      if (batch == 64 && !expected_method.empty()) {
        REQUIRE(session.describe().find(expected_method) != std::string::npos);
      }
      REQUIRE(difference(session.run(x), want) < kBound);
    }
  }
}

}  // namespace

TEST_CASE("session: a residual network agrees with its operators") {
  require_agreement(small_network(), {3, 12, 20}, 3);
  require_agreement(small_network(16), {3, 16, 16}, 5);
}

TEST_CASE("session: one convolution of every form") {
  const auto with = [](const ConvSizes& c, index_t size, std::string method = "") {
    CAPTURE(c.in, c.out, c.kernel, c.stride, c.padding, c.groups, c.dilation, size);
    const Nodes first = {conv(c), node(Kind::relu), node(Kind::average_pool)};
    require_agreement(first, {c.in, size, size + 1}, 2);
    // Behind another layer, where images have their channels innermost.
    Nodes second = first;
    second.insert(second.begin(), conv({3, c.in, 1, 1, 0}, 30));
    require_agreement(second, {3, size, size + 1}, 2, method);
  };
  for (const index_t size : {3, 4, 5, 7, 8, 11}) {
    for (const index_t padding : {0, 1, 2}) with({16, 20, 3, 1, padding}, size, "winograd 4x4");
  }
  for (const index_t stride : {1, 2, 3}) with({20, 40, 3, stride, 1}, 9);
  with({3, 8, 7, 2, 3}, 15);
  with({5, 7, 1, 1, 0}, 6, "matrix product");
  with({64, 40, 1, 2, 0}, 7);
  with({17, 33, 2, 1, 1}, 5);
  with({16, 16, 3, 1, 2, 1, 2}, 8);
  with({12, 24, 3, 1, 1, 4}, 8);
  with({6, 9, 3, 2, 1, 3}, 8);
  with({20, 20, 3, 1, 1, 20}, 9, "channel by channel");
  with({33, 33, 5, 2, 2, 33}, 9, "channel by channel");
  with({20, 20, 3, 1, 2, 20, 2, true}, 9, "channel by channel");
  with({150, 130, 3, 2, 1}, 8);  // windows beyond the depth of one pass
}

TEST_CASE("session: nodes that stand alone") {
  const Value input{5, 6, 8};
  require_agreement({node(Kind::max_pool, 3), node(Kind::average_pool)}, input, 2);
  require_agreement({norm(5), node(Kind::relu), node(Kind::flatten), linear(240, 9)}, input, 4);
  require_agreement({node(Kind::push), node(Kind::relu), node(Kind::add), linear(240, 70)}, input,
                    3);
  require_agreement({conv({5, 20, 3, 1, 1}), node(Kind::push), node(Kind::max_pool, 2),
                     project({node(Kind::max_pool, 2), norm(20)}), node(Kind::add), linear(240, 3),
                     node(Kind::relu)},
                    input, 2);
  require_agreement({conv({5, 20, 3, 1, 1}), node(Kind::push), node(Kind::relu), conv({20, 20}, 4),
                     node(Kind::add), node(Kind::max_pool, 2), linear(240, 3)},
                    input, 2);
}

TEST_CASE("session: an image's result depends neither on its batch nor on threads") {
  const index_t images = 37;
  const Array x = normal({images, 3, 16, 16}, 41);
  for (const index_t batch : {1, 8, 64}) {
    CAPTURE(batch);
    CnnSession session(small_network(), {3, 16, 16}, {batch});
    const Array together = session.run(x);
    for (const int threads : {1, 2, 3, 8}) {
      CAPTURE(threads);
      const Threads with(threads);
      REQUIRE(same_bits(session.run(x), together));
      for (const index_t i : {0, 17, 36}) {
        REQUIRE(same_bits(session.run(x.slice(0, i, 1)), together.slice(0, i, 1)));
      }
      REQUIRE(same_bits(session.run(x.slice(0, 3, 5)), together.slice(0, 3, 5)));
    }
  }
}

TEST_CASE("session: a call allocates its result and nothing else") {
  const Value input{3, 12, 20};
  const Array samples = normal({8, 3, 12, 20}, 46);
  const auto requests_of = [](auto call) {
    const std::int64_t arrays = memory_stats().allocations, others = heap_requests();
    call();
    return std::pair(memory_stats().allocations - arrays, heap_requests() - others);
  };
  for (const Precision precision : {Precision::f32, Precision::int8}) {
    for (const int threads : {1, 3}) {
      const Threads guard(threads);
      for (const index_t images : {1, 7, 40}) {
        CAPTURE(precision == Precision::int8, threads, images);
        const Array x = normal({images, 3, 12, 20}, 45);
        CnnSession session(small_network(), input, {images, precision, samples});
        session.run(x);  // makes room for so many images, and starts the threads
        const auto result = requests_of([&] { Array::empty({images, session.outputs()}); });
        for (int call = 0; call < 3; ++call) {
          CHECK(requests_of([&] { session.run(x); }) == result);
        }
      }
    }
  }
}

TEST_CASE("session: values that live at different times share memory") {
  const CnnGraph graph = build_graph(small_network(), {3, 16, 16});
  std::vector<index_t> bytes;
  for (const Value& v : graph.values) bytes.push_back(4 * v.stored());
  const MemoryPlan plan = plan_memory(graph, bytes);
  CHECK(plan.size < plan.separate);
  for (std::size_t i = 0; i < graph.layers.size(); ++i) {
    const Layer& layer = graph.layers[i];
    const auto apart = [&](int a, int b) {
      if (a <= 0 || b <= 0) return true;
      const auto at = [&](int v) { return plan.offsets[static_cast<std::size_t>(v)]; };
      const auto end = [&](int v) { return at(v) + bytes[static_cast<std::size_t>(v)]; };
      return end(a) <= at(b) || end(b) <= at(a);
    };
    CHECK(apart(layer.input, layer.output));
    CHECK(apart(layer.residual, layer.output));
  }
}

TEST_CASE("session: what is joined to convolutions, and what describe says of it") {
  const CnnGraph graph = build_graph(small_network(), {3, 16, 16});
  REQUIRE(graph.layers.size() == 9);
  CHECK(graph.layers[2].residual == graph.layers[0].output);
  CHECK(graph.layers[5].residual == graph.layers[4].output);
  CHECK(graph.layers[6].pool);
  CnnSession session(small_network(), {3, 16, 16}, {64});
  const std::string text = session.describe();
  for (const char* part : {"from planes + norm + relu", "winograd 4x4 + norm + residual + relu",
                           "winograd 4x4 + relu + max pool", "bytes per image"}) {
    CAPTURE(text, part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("session: NaN and infinity come out of their image and no other") {
  CnnSession session(small_network(), {3, 16, 16}, {4});
  const Array x = normal({3, 3, 16, 16}, 43);
  const Array clean = session.run(x);
  x.data<float>()[768 + 40] = std::nanf("");
  const Array y = session.run(x);
  CHECK(same_bits(y.slice(0, 0, 1).copy(), clean.slice(0, 0, 1).copy()));
  CHECK(same_bits(y.slice(0, 2, 1).copy(), clean.slice(0, 2, 1).copy()));
  for (index_t i = 0; i < 10; ++i) CHECK(std::isnan(y.data<float>()[10 + i]));
}

TEST_CASE("session: refuses what does not fit") {
  const Value input{3, 8, 8};
  const auto refuse = [&](const Nodes& nodes) {
    CHECK_THROWS_AS(CnnSession(nodes, input), ValueError);
  };
  refuse({});
  refuse({node(Kind::relu)});                                 // no row of numbers
  refuse({conv({4, 8}), node(Kind::average_pool)});           // channels
  refuse({conv({3, 8, 3, 0}), node(Kind::average_pool)});     // stride
  refuse({conv({3, 8, 9, 1, 0}), node(Kind::average_pool)});  // window
  refuse({node(Kind::add), node(Kind::average_pool)});        // nothing kept
  refuse({node(Kind::push), node(Kind::average_pool)});       // kept for nothing
  refuse({project({}), node(Kind::average_pool)});
  refuse({node(Kind::push), conv({3, 8}), node(Kind::add), node(Kind::average_pool)});
  refuse({norm(4), node(Kind::average_pool)});
  refuse({node(Kind::max_pool, 9), node(Kind::average_pool)});
  refuse({linear(100, 10)});
  CHECK_THROWS_AS(CnnSession({linear(192, 2)}, input, {0}), ValueError);
  CHECK_THROWS_AS(CnnSession({linear(192, 2)}, {3, 0, 8}), ShapeError);
  CnnSession session({linear(192, 2)}, input);
  CHECK_THROWS_AS(session.run(normal({2, 3, 8, 7}, 1)), ShapeError);
  CHECK_THROWS_AS(session.run(normal({3, 8, 8}, 1)), ShapeError);
  CHECK_THROWS_AS(session.run(Array::zeros({1, 3, 8, 8}, DType::i64)), DTypeError);
  CHECK(session.run(normal({0, 3, 8, 8}, 1)).shape() == Shape{0, 2});
}
