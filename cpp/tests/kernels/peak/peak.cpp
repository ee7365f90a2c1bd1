// The peak kernels on every instruction set: they count what they do, and that must be whole.
#include "tinytorch/kernels/peak/peak.hpp"

#include "kernels/kernel_support.hpp"
#include "tinytorch/base/thread_pool.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

TEST_CASE("every round of multiply-adds counts the same") {
  for (const Isa isa : isas(&Table::peak)) {
    CAPTURE(name_of(isa));
    const PeakTable& t = table(isa).peak;
    for (const auto kernel : {t.f32, t.bf16, t.int8}) {
      CHECK(kernel(0) == 0.0);
      const double one = kernel(1);
      CHECK(one >= 4.0);
      for (const std::int64_t rounds : {2, 3, 100}) {
        CHECK(kernel(rounds) == one * static_cast<double>(rounds));
      }
      CHECK(kernel(kPeakRounds) == one * static_cast<double>(kPeakRounds));
    }
  }
  const double piece = active().peak.f32(kPeakRounds);
  CHECK(count_multiply_adds(PeakFormat::f32, 5) == 5 * piece);
  CHECK(count_multiply_adds(PeakFormat::bf16, 0) == 0.0);
}

TEST_CASE("all of the memory is read, and copied") {
  for (const Isa isa : isas(&Table::peak)) {
    const PeakTable& t = table(isa).peak;
    for (const std::size_t n : sizes()) {
      for (const std::size_t offset : {0, 1, 7}) {
        CAPTURE(name_of(isa), n, offset);
        std::vector<float> values(n);
        for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(i % 97) - 40.0f;
        float sum = 0.0f;
        for (const float v : values) sum += v;
        Guarded<float> x(values, offset), y(n, (offset * 3) % 16);
        REQUIRE(t.read(x.data(), n) == sum);
        t.copy(x.data(), y.data(), n);
        REQUIRE(same_bits(y.values(), values));
        REQUIRE(y.intact());
      }
    }
  }
}

TEST_CASE("threads read and copy their parts") {
  const std::vector<float> ones(3 * 1001, 1.0f);
  CHECK(read_parts(ones.data(), 3, 1001, 4) == 3.0 * 1001 * 4);
  CHECK(read_parts(ones.data(), 3, 1001, 0) == 0.0);
  CHECK(read_parts(ones.data(), 0, 1001, 4) == 0.0);
  std::vector<float> y(ones.size(), 0.0f);
  copy_parts(ones.data(), y.data(), 3, 1001, 2);
  CHECK(y == ones);
}
