// Sparse containers: what they hold, how many bytes, and products equal to dense ones.
#include <cmath>
#include <memory>

#include "quant/support.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/ops/conv.hpp"
#include "tinytorch/quant/conv2d_int8.hpp"
#include "tinytorch/quant/linear_int8.hpp"
#include "tinytorch/quant/per_channel.hpp"
#include "tinytorch/sparse/bsr.hpp"
#include "tinytorch/sparse/conv2d_sparse.hpp"
#include "tinytorch/sparse/csr.hpp"
#include "tinytorch/sparse/linear_sparse.hpp"
#include "tinytorch/sparse/mask.hpp"
#include "tinytorch/sparse/nm.hpp"

using namespace tt;
using namespace tt::sparse;
using testing::random_array;
using testing::same_bits;

namespace {

// Float sums over rising columns in double, to hold the float products to.
void check_close(const Array& y, const Array& x, const Array& w, const Array& bias) {
  const index_t m = x.shape(0), k = x.shape(1), n = w.shape(0);
  for (index_t i = 0; i < m * n; ++i) {
    double sum = bias.data<float>()[i % n], size = std::fabs(sum);
    for (index_t c = 0; c < k; ++c) {
      const double term = static_cast<double>(x.data<float>()[i / n * k + c]) *
                          static_cast<double>(w.data<float>()[i % n * k + c]);
      sum += term;
      size += std::fabs(term);
    }
    REQUIRE(std::fabs(y.data<float>()[i] - sum) <= 1e-5 * size + 1e-30);
  }
}

template <class Matrix>
LinearSparse layer_of(const Matrix& m, const Array& bias) {
  return LinearSparse(std::make_shared<Matrix>(m), bias);
}

struct Sizes {
  index_t m, n, k;
};
const Sizes kSizes[] = {{1, 1, 1},    {1, 5, 9},     {2, 16, 16},  {3, 17, 33},
                        {17, 40, 64}, {64, 10, 300}, {200, 33, 20}};

}  // namespace

TEST_CASE("float containers multiply like the dense masked matrix") {
  for (const Sizes s : kSizes) {
    CAPTURE(s.m, s.n, s.k);
    const Array x = random_array({s.m, s.k}, 1), bias = random_array({s.n}, 2);
    const Array dense = random_array({s.n, s.k}, 3);
    for (const double sparsity : {0.0, 0.6, 0.95, 1.0}) {
      const Array w = apply_mask(dense, magnitude_mask(dense, sparsity));
      const CsrMatrix csr = CsrMatrix::from_dense(w);
      CHECK(same_bits(csr.to_dense(), w));
      check_close(layer_of(csr, bias).forward(x), x, w, bias);
      for (const index_t depth : {1, 4}) {
        const BsrMatrix bsr = BsrMatrix::from_dense(w, depth);
        CHECK(same_bits(bsr.to_dense(), w));
        check_close(LinearBsr(bsr, bias).forward(x), x, w, bias);
      }
    }
    const Array w = apply_mask(dense, nm_mask(dense, 2, 4));
    const NmMatrix nm = NmMatrix::from_dense(w, 2, 4);
    CHECK(same_bits(nm.to_dense(), w));
    check_close(layer_of(nm, bias).forward(x), x, w, bias);
  }
}

TEST_CASE("int8 containers are bit-equal to the dense int8 layer") {
  for (const Sizes s : kSizes) {
    CAPTURE(s.m, s.n, s.k);
    const Array x = random_array({s.m, s.k}, 4), bias = random_array({s.n}, 5);
    const Array dense = random_array({s.n, s.k}, 6);
    const auto q = quant::quantize_per_channel(apply_mask(dense, nm_mask(dense, 2, 4)));
    for (const float input_scale : {0.0f, 0.02f}) {
      const Array expected = quant::LinearInt8(q.q, q.scales, bias, input_scale).forward(x);
      const auto csr = std::make_shared<CsrMatrix>(CsrMatrix::from_dense(q.q, q.scales));
      CHECK(same_bits(LinearSparse(csr, bias, input_scale).forward(x), expected));
      const auto nm = std::make_shared<NmMatrix>(NmMatrix::from_dense(q.q, 2, 4, q.scales));
      CHECK(same_bits(LinearSparse(nm, bias, input_scale).forward(x), expected));
      for (const index_t depth : {1, 4}) {
        const BsrMatrix bsr = BsrMatrix::from_dense(q.q, depth, q.scales);
        CHECK(same_bits(LinearBsr(bsr, bias, input_scale).forward(x), expected));
      }
    }
  }
}

TEST_CASE("sparse convolutions equal the dense ones") {
  struct Case {
    Shape x, w;
    index_t stride, pad, groups;
  };
  const Case cases[] = {{{2, 3, 8, 8}, {6, 3, 3, 3}, 1, 1, 1},
                        {{1, 1, 5, 6}, {2, 1, 3, 3}, 1, 0, 1},
                        {{3, 4, 9, 7}, {8, 2, 3, 2}, 2, 1, 2},
                        {{1, 70, 3, 3}, {80, 70, 1, 1}, 1, 0, 1}};
  for (const Case& c : cases) {
    CAPTURE(to_string(c.x), to_string(c.w));
    kernels::Window2d window;
    window.stride_h = window.stride_w = c.stride;
    window.pad_h = window.pad_w = c.pad;
    const Array x = random_array(c.x, 1), bias = random_array({c.w[0]}, 2);
    const Array dense = random_array(c.w, 3);
    const Array w = apply_mask(dense, magnitude_mask(dense, 0.7));
    const Shape matrix{c.w[0], numel(c.w) / c.w[0]};
    const auto csr = std::make_shared<CsrMatrix>(CsrMatrix::from_dense(w.reshape(matrix)));
    const Conv2dSparse layer(csr, c.w, bias, window, c.groups);
    const Array y = layer.forward(x);
    const auto shape = ops::conv_shape(x, w, bias, window, c.groups);
    const Array expected = ops::conv2d(x, w, bias, shape);
    REQUIRE(y.shape() == expected.shape());
    for (index_t i = 0; i < y.size(); ++i) {
      REQUIRE(y.data<float>()[i] == Approx(expected.data<float>()[i]).margin(1e-4));
    }
    const auto q = quant::quantize_per_channel(w);
    const auto q_csr =
        std::make_shared<CsrMatrix>(CsrMatrix::from_dense(q.q.reshape(matrix), q.scales));
    for (const float input_scale : {0.0f, 0.02f}) {
      const Conv2dSparse q_layer(q_csr, c.w, bias, window, c.groups, input_scale);
      const quant::Conv2dInt8 q_dense(q.q, q.scales, bias, window, c.groups, input_scale);
      CHECK(same_bits(q_layer.forward(x), q_dense.forward(x)));
    }
  }
}

TEST_CASE("results do not depend on threads or on the batch") {
  const Array dense = random_array({100, 80}, 1);
  const Array w = apply_mask(dense, magnitude_mask(dense, 0.8));
  const LinearSparse csr = layer_of(CsrMatrix::from_dense(w), random_array({100}, 2));
  const LinearBsr bsr(BsrMatrix::from_dense(w, 4), random_array({100}, 2));
  const Array x = random_array({150, 80}, 3);
  const Array y = csr.forward(x), z = bsr.forward(x);
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    CHECK(same_bits(csr.forward(x), y));
    CHECK(same_bits(bsr.forward(x), z));
  }
  set_num_threads(before);
  for (const index_t row : {0, 77, 149}) {
    CHECK(same_bits(csr.forward(x.select(0, row)), y.select(0, row)));
    CHECK(same_bits(bsr.forward(x.select(0, row)), z.select(0, row)));
  }
  CHECK(same_bits(csr.forward(x.reshape({3, 50, 80})), y.reshape({3, 50, 100})));
  CHECK(csr.forward(Array::empty({0, 80})).shape() == Shape{0, 100});
  CHECK_THROWS_AS(csr.forward(Array::zeros({2, 81})), ShapeError);
  CHECK_THROWS_AS(bsr.forward(Array::scalar(1.0)), ShapeError);
}

TEST_CASE("bytes are those of the stored parts, and fall with sparsity") {
  const Array dense = random_array({64, 300}, 7);
  const Array w = apply_mask(dense, magnitude_mask(dense, 0.9));
  const CsrMatrix csr = CsrMatrix::from_dense(w);
  CHECK(csr.nonzeros() == 1920);
  CHECK(csr.stored_bytes() == 1920u * (4 + 2) + 65 * 4);
  CHECK(csr.stored_bytes() < dense.nbytes() / 6);
  const auto q = quant::quantize_per_channel(w);
  const CsrMatrix q_csr = CsrMatrix::from_dense(q.q, q.scales);
  CHECK(q_csr.stored_bytes() == static_cast<std::size_t>(q_csr.nonzeros()) * 3 + 65 * 4 + 64 * 4);
  const NmMatrix nm = NmMatrix::from_dense(apply_mask(dense, nm_mask(dense, 2, 4)), 2, 4);
  CHECK(nm.stored_bytes() == 64u * 150 * 4 + 64 * 150 / 4);
  const BsrMatrix bsr = BsrMatrix::from_dense(apply_mask(dense, block_mask(dense, 0.75, 16, 4)), 4);
  CHECK(bsr.blocks() == 75);
  CHECK(bsr.stored_bytes() == 75u * (64 * 4 + 1) + 5 * 4);
  CHECK(CsrMatrix::from_dense(Array::zeros({3, 256})).index_bytes() == 1);
  CHECK(CsrMatrix::from_dense(Array::zeros({3, 257})).index_bytes() == 2);
  CHECK(CsrMatrix::from_dense(Array::zeros({1, 65537})).index_bytes() == 4);
}

TEST_CASE("four-byte column indices work") {
  const Array w = Array::zeros({2, 70000});
  w.data<float>()[69999] = 2.0f;
  w.data<float>()[70000 + 65536] = 3.0f;
  const CsrMatrix csr = CsrMatrix::from_dense(w);
  CHECK(same_bits(csr.to_dense(), w));
  const Array y = layer_of(csr, Array()).forward(Array::full({70000}, 1.0));
  CHECK(same_bits(y, Array::from<float>({2, 3}, {2})));
}

TEST_CASE("stored parts rebuild, and malformed ones are refused") {
  const Array dense = random_array({5, 12}, 8);
  const Array w = apply_mask(dense, magnitude_mask(dense, 0.5));
  const CsrMatrix a = CsrMatrix::from_dense(w);
  const CsrMatrix b(5, 12, a.row_pointers(), a.column_bytes(), a.values(), Array());
  CHECK(same_bits(b.to_dense(), w));
  const auto with = [&](auto change) {
    const Array pointers = a.row_pointers().copy(), columns = a.column_bytes().copy();
    change(pointers.data<std::int32_t>(), columns.data<std::uint8_t>());
    return CsrMatrix(5, 12, pointers, columns, a.values(), Array());
  };
  CHECK_NOTHROW(with([](auto*, auto*) {}));
  CHECK_THROWS_AS(with([](auto* p, auto*) { p[0] = 1; }), ValueError);
  CHECK_THROWS_AS(with([](auto* p, auto*) { p[5] += 1; }), ValueError);
  CHECK_THROWS_AS(with([](auto* p, auto*) { p[1] = -1; }), ValueError);
  CHECK_THROWS_AS(with([](auto* p, auto*) { p[1] = 1 << 30; }), ValueError);
  CHECK_THROWS_AS(with([](auto*, auto* c) { c[0] = 12; }), ValueError);
  CHECK_THROWS_AS(with([](auto* p, auto* c) { c[p[1] - 1] = 255; }), ValueError);
  CHECK_THROWS_AS(CsrMatrix(4, 12, a.row_pointers(), a.column_bytes(), a.values(), Array()), Error);
  CHECK_THROWS_AS(CsrMatrix(-1, 12, a.row_pointers(), a.column_bytes(), a.values(), Array()),
                  Error);
  const auto q = quant::quantize_per_channel(w);
  CHECK_THROWS_AS(CsrMatrix::from_dense(q.q), ShapeError);  // no scales
  CHECK_THROWS_AS(CsrMatrix::from_dense(w, q.scales), ValueError);
  CHECK_THROWS_AS(CsrMatrix::from_dense(w.astype(DType::f64)), DTypeError);
  CHECK_THROWS_AS(CsrMatrix::from_dense(random_array({3}, 1)), ShapeError);

  CHECK_THROWS_AS(NmMatrix::from_dense(dense, 2, 4), ValueError);  // too many non-zeros
  CHECK_THROWS_AS(NmMatrix::from_dense(w, 5, 4), ValueError);
  CHECK_THROWS_AS(NmMatrix::from_dense(w, 1, 300), ValueError);
  const NmMatrix n = NmMatrix::from_dense(apply_mask(dense, nm_mask(dense, 1, 5)), 1, 5);
  const Array positions = n.positions().copy();
  positions.fill(255);
  CHECK_THROWS_AS(NmMatrix(12, 1, 5, n.values(), positions, Array()), ValueError);
  CHECK_THROWS_AS(NmMatrix(13, 1, 4, n.values(), n.positions(), Array()), Error);

  const BsrMatrix s = BsrMatrix::from_dense(w, 4);
  CHECK_THROWS_AS(BsrMatrix::from_dense(w, 2), ValueError);
  const Array bad = s.block_bytes().copy();
  bad.data<std::uint8_t>()[0] = 200;
  CHECK_THROWS_AS(BsrMatrix(5, 12, 4, s.band_pointers(), bad, s.values(), Array()), ValueError);
  const Array pointers = s.band_pointers().copy();
  pointers.data<std::int32_t>()[0] = -5;
  CHECK_THROWS_AS(BsrMatrix(5, 12, 4, pointers, s.block_bytes(), s.values(), Array()), ValueError);
  CHECK_THROWS_AS(LinearBsr(s, Array(), 0.5f), ValueError);  // a static scale without int8
  CHECK_THROWS_AS(LinearBsr(s, Array::zeros({4})), ShapeError);
}

TEST_CASE("N:M storage of every position width") {
  const Array dense = random_array({3, 50}, 9);
  for (const index_t m : {2, 3, 4, 5, 16, 17, 64}) {
    for (const index_t n : {index_t{1}, m / 2 + 1}) {
      const Array w = apply_mask(dense, nm_mask(dense, n, m));
      CAPTURE(n, m);
      CHECK(same_bits(NmMatrix::from_dense(w, n, m).to_dense(), w));
    }
  }
}
