// Attention to a cache, on every instruction set, against sums in double; and the same bits whether
// positions come one by one or together.
#include "tinytorch/kernels/attention/cached.hpp"

#include <cmath>

#include "kernels/kernel_support.hpp"

using namespace tt;
using namespace tt::kernels;
using namespace tt::kernels::test;

namespace {

// A cache of some heads, which take the place of one after the other.
struct Cache {
  Cache(const Table& t, std::int64_t positions, std::int64_t size, CacheFormat format,
        std::int64_t heads = 1)
      : part(cache_block(t.gemm_f32) * size),
        keys(count(cache_blocks(t.gemm_f32, positions) * heads * part * size_of(format))),
        values(keys.size()),
        scales(count(2 * heads * positions)),
        all{heads, size, format, keys.data(), values.data(), heads * part} {
    if (format != CacheFormat::int8) return;
    all.key_scales = scales.data();
    all.value_scales = scales.data() + heads * positions;
    all.scales = positions;
  }
  std::int64_t part;
  std::vector<std::byte> keys, values;
  std::vector<float> scales;
  CachedHeads all;
};

struct Problem {
  Problem(std::int64_t positions, std::int64_t size, std::int64_t queries = 1)
      : n(positions),
        d(size),
        heads(queries),
        q(normal(count(n * heads * d), 91, 1.0f / std::sqrt(static_cast<float>(d)))),
        k(normal(count(n * d), 92)),
        v(normal(count(n * d), 93)) {}

  // Positions [first, n) of the output, `together` at a time.
  std::vector<float> run(const Table& t, std::int64_t first, std::int64_t together,
                         CacheFormat format = CacheFormat::f32) const {
    const Cache cache(t, n, d, format);
    for (std::int64_t i = 0; i < n; ++i) {
      store_position(t, cache.all, i, &k[count(i * d)], &v[count(i * d)]);
    }
    std::vector<float> scratch(count(scratch_floats(t.gemm_f32, n, d, heads)));
    const std::int64_t row = heads * d, step = positions_together(t.gemm_f32, heads);
    Guarded<float> out(std::vector<float>(count((n - first) * row), -1.0f), 1);
    for (std::int64_t i = first; i < n; i += together) {
      const NewPositions p{std::min(together, n - i),
                           i,
                           &q[count(i * row)],
                           row,
                           out.data() + (i - first) * row,
                           row,
                           heads};
      for (std::int64_t r = 0; r < p.count; r += step) {
        attend_block(t, cache.all, p, r, scratch.data());
      }
    }
    CHECK(out.intact());
    return out.values();
  }
  double exact(std::int64_t position, std::int64_t head, std::int64_t column) const {
    const float* query = &q[count((position * heads + head) * d)];
    double sum = 0.0, total = 0.0;
    for (std::int64_t t = 0; t <= position; ++t) {
      double score = 0.0;
      for (std::int64_t i = 0; i < d; ++i) {
        score += static_cast<double>(query[i]) * static_cast<double>(k[count(t * d + i)]);
      }
      total += std::exp(score);
      sum += std::exp(score) * static_cast<double>(v[count(t * d + column)]);
    }
    return sum / total;
  }
  // The largest difference from the formula.
  double error(const std::vector<float>& all) const {
    double worst = 0.0;
    for (std::int64_t i = 0; i < n * heads; ++i) {
      for (std::int64_t j = 0; j < d; ++j) {
        const double difference =
            static_cast<double>(all[count(i * d + j)]) - exact(i / heads, i % heads, j);
        worst = std::max(worst, std::fabs(difference));
      }
    }
    return worst;
  }
  // Keys and values as their int8 codes say, in place of what they were.
  Problem rounded() const {
    Problem p = *this;
    for (std::vector<float>* rows : {&p.k, &p.v}) {
      for (std::int64_t i = 0; i < n; ++i) {
        float most = 0.0f;
        for (std::int64_t j = 0; j < d; ++j) {
          most = std::max(most, std::fabs((*rows)[count(i * d + j)]));
        }
        for (std::int64_t j = 0; j < d; ++j) {
          float& x = (*rows)[count(i * d + j)];
          x = std::nearbyint(x * (127.0f / most)) * (most / 127.0f);
        }
      }
    }
    return p;
  }
  std::int64_t n, d, heads;
  std::vector<float> q, k, v;
};

}  // namespace

TEST_CASE("attention to a cache agrees with the formula, however positions come") {
  for (const Isa isa : supported_isas()) {
    const Table& t = table(isa);
    for (const std::int64_t n : {1, 2, 15, 33, 70, 130}) {
      for (const std::int64_t d : {1, 3, 16, 40, 64}) {
        CAPTURE(name_of(isa), n, d);
        const Problem p(n, d);
        const std::vector<float> all = p.run(t, 0, n);
        REQUIRE(p.error(all) < 2e-5);
        REQUIRE(same_bits(p.run(t, 0, 1), all));
        REQUIRE(same_bits(p.run(t, 0, 9), all));
        const std::vector<float> half = p.run(t, 0, n, CacheFormat::f16);
        REQUIRE(same_bits(p.run(t, 0, 1, CacheFormat::f16), half));
        REQUIRE(p.error(half) < 1e-2);
        const std::vector<float> rest(all.begin() + (n / 2) * d, all.end());
        REQUIRE(same_bits(p.run(t, n / 2, n), rest));
      }
    }
  }
}

TEST_CASE("heads of queries that share a cache get what each would alone") {
  for (const Isa isa : supported_isas()) {
    const Table& t = table(isa);
    for (const std::int64_t heads : {2, 3, 8, 70}) {
      for (const std::int64_t n : {1, 5, 33}) {
        const Problem p(n, 12, heads);
        for (const CacheFormat format : {CacheFormat::f32, CacheFormat::f16, CacheFormat::int8}) {
          CAPTURE(name_of(isa), n, heads, static_cast<int>(format));
          const std::vector<float> all = p.run(t, 0, n, format);
          REQUIRE(same_bits(p.run(t, 0, 1, format), all));
          for (const std::int64_t h : {std::int64_t{0}, heads - 1}) {
            Problem alone(n, 12);
            std::vector<float> expected;
            for (std::int64_t i = 0; i < n; ++i) {
              const auto at = (i * heads + h) * 12;
              std::copy_n(p.q.begin() + at, 12, alone.q.begin() + i * 12);
              expected.insert(expected.end(), all.begin() + at, all.begin() + at + 12);
            }
            REQUIRE(same_bits(alone.run(t, 0, n, format), expected));
          }
        }
        REQUIRE(p.error(p.run(t, 0, n)) < 2e-5);
      }
    }
  }
}

TEST_CASE("neighbouring heads of a cache get what each would alone") {
  constexpr std::int64_t kHeads = 3, kSize = 12, kSharing = 2, kRow = kHeads * kSharing * kSize;
  for (const Isa isa : supported_isas()) {
    const Table& t = table(isa);
    for (const std::int64_t n : {1, 40, 75}) {
      for (const CacheFormat format : {CacheFormat::f32, CacheFormat::f16, CacheFormat::int8}) {
        CAPTURE(name_of(isa), n, static_cast<int>(format));
        std::vector<Problem> alone;
        for (std::int64_t h = 0; h < kHeads; ++h) alone.emplace_back(n, kSize, kSharing);
        const Cache cache(t, n, kSize, format, kHeads);
        std::vector<float> q(count(n * kRow)), out(q.size());
        for (std::int64_t i = 0; i < n; ++i) {
          std::vector<float> keys, values;
          for (std::int64_t h = 0; h < kHeads; ++h) {
            Problem& p = alone[count(h)];
            const float factor = static_cast<float>(h + 1);  // no head as the next one
            for (std::int64_t j = 0; j < kSize; ++j) {
              keys.push_back(p.k[count(i * kSize + j)] *= factor);
              values.push_back(p.v[count(i * kSize + j)] *= factor);
            }
            std::copy_n(p.q.begin() + i * kSharing * kSize, kSharing * kSize,
                        q.begin() + i * kRow + h * kSharing * kSize);
          }
          store_position(t, cache.all, i, keys.data(), values.data());
        }
        std::vector<float> scratch(count(scratch_floats(t.gemm_f32, n, kSize, kSharing, kHeads)));
        for (const std::int64_t together : {n, std::int64_t{1}}) {
          for (std::int64_t i = 0; i < n; i += together) {
            const NewPositions p{
                together, i, &q[count(i * kRow)], kRow, &out[count(i * kRow)], kRow, kSharing};
            const std::int64_t step = positions_together(t.gemm_f32, kSharing);
            for (std::int64_t r = 0; r < together; r += step) {
              attend_block(t, cache.all, p, r, scratch.data());
            }
          }
          for (std::int64_t h = 0; h < kHeads; ++h) {
            const std::vector<float> expected = alone[count(h)].run(t, 0, n, format);
            std::vector<float> found;
            for (std::int64_t i = 0; i < n; ++i) {
              const auto at = out.begin() + i * kRow + h * kSharing * kSize;
              found.insert(found.end(), at, at + kSharing * kSize);
            }
            REQUIRE(same_bits(found, expected));
          }
        }
      }
    }
  }
}

TEST_CASE("attention to an int8 cache is exact but for the codes' rounding") {
  for (const Isa isa : supported_isas()) {
    const Table& t = table(isa);
    for (const std::int64_t n : {1, 2, 33, 130}) {
      for (const std::int64_t d : {1, 3, 40, 64, 130}) {
        CAPTURE(name_of(isa), n, d);
        const Problem p(n, d);
        const std::vector<float> all = p.run(t, 0, n, CacheFormat::int8);
        REQUIRE(p.rounded().error(all) < 2e-5);
        REQUIRE(p.error(all) < 0.05);
        REQUIRE(same_bits(p.run(t, 0, 1, CacheFormat::int8), all));
        REQUIRE(same_bits(p.run(t, 0, 9, CacheFormat::int8), all));
      }
    }
  }
}

TEST_CASE("a key or value that is not finite makes an int8 cache's attention NaN, not wrong") {
  for (const float bad : {INFINITY, -INFINITY, NAN}) {
    for (const bool in_key : {true, false}) {
      Problem p(20, 8);
      (in_key ? p.k : p.v)[7 * 8 + 3] = bad;
      const std::vector<float> all = p.run(active(), 0, 20, CacheFormat::int8);
      for (std::int64_t i = 0; i < 20; ++i) CHECK(std::isnan(all[count(i * 8)]) == (i >= 7));
    }
  }
}

TEST_CASE("attention over several blocks of the cache") {
  const Problem p(230, 8);
  for (const Isa isa : supported_isas()) {
    CAPTURE(name_of(isa));
    const std::vector<float> last = p.run(table(isa), p.n - 3, 3);
    for (std::int64_t j = 0; j < 8; ++j) {
      CHECK(static_cast<double>(last[count(16 + j)]) ==
            Approx(p.exact(p.n - 1, 0, j)).margin(2e-6));
    }
    CHECK(same_bits(p.run(table(isa), p.n - 3, 1), last));
  }
}
