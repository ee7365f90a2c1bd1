// Rows of a weight that was packed, read back, in every number format on every instruction set.
#include "kernels/kernel_support.hpp"
#include "tinytorch/base/half.hpp"
#include "tinytorch/kernels/gemm_bf16/packed_bf16.hpp"
#include "tinytorch/kernels/gemm_f32/packed.hpp"
#include "tinytorch/kernels/gemm_s4/packed_s4.hpp"
#include "tinytorch/kernels/gemm_s8/packed_s8.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

// unpack(row, out) for all rows of (n, k), with guards around each.
template <class Unpack>
std::vector<float> all_rows(std::int64_t n, std::int64_t k, Unpack&& unpack) {
  std::vector<float> rows;
  for (std::int64_t j = 0; j < n; ++j) {
    Guarded<float> row(count(k), 1);
    unpack(j, row.data());
    CHECK(row.intact());
    const std::vector<float> values = row.values();
    rows.insert(rows.end(), values.begin(), values.end());
  }
  return rows;
}

}  // namespace

TEST_CASE("rows of packed weights are read back") {
  for (const auto& [n, k] : {std::pair{1, 1}, {5, 3}, {70, 33}, {33, 300}}) {
    const std::vector<float> w = normal(count(n * k), 5);
    std::vector<std::int8_t> codes(w.size());
    for (std::size_t i = 0; i < w.size(); ++i)
      codes[i] = static_cast<std::int8_t>(i * 37 % 255 - 127);
    for (const Isa isa : supported_isas()) {
      CAPTURE(name_of(isa), n, k);
      const Table& t = table(isa);
      const PackedF32 f = pack_f32(w.data(), 1, k, k, n, t.gemm_f32);
      CHECK(same_bits(all_rows(n, k, [&](auto j, float* out) { unpack_column(f, j, out); }), w));

      const PackedBf16 b = pack_bf16(w.data(), 1, k, k, n, t.gemm_bf16);
      std::vector<float> rounded;
      for (const float x : w) rounded.push_back(static_cast<float>(bf16(x)));
      CHECK(same_bits(all_rows(n, k, [&](auto j, float* out) { unpack_column(b, j, out); }),
                      rounded));

      const PackedS8 s = pack_s8(codes.data(), n, k, t.gemm_s8);
      std::vector<float> scaled;
      for (const std::int8_t code : codes) scaled.push_back(static_cast<float>(code) * 0.37f);
      CHECK(same_bits(all_rows(n, k, [&](auto j, float* out) { unpack_row(s, j, 0.37f, out); }),
                      scaled));

      const std::int64_t groups = (k + kS4Group - 1) / kS4Group;
      std::vector<std::int8_t> nibbles(count(n * groups * kS4Group));
      std::vector<float> scales(count(n * groups));
      quantize_s4(w.data(), n, k, nibbles.data(), scales.data());
      const PackedS4 q = pack_s4(nibbles.data(), scales.data(), n, k, t.gemm_s4);
      std::vector<float> exact;
      for (std::int64_t i = 0; i < n * k; ++i) {
        const std::int64_t at = i / k * groups * kS4Group + i % k;
        exact.push_back(static_cast<float>(nibbles[count(at)]) * scales[count(at / kS4Group)]);
      }
      CHECK(same_bits(all_rows(n, k, [&](auto j, float* out) { unpack_row(q, j, out); }), exact));
    }
  }
}
