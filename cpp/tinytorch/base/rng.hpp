// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). The i-th value of a stream is a function of (seed, i): the same on every
// machine, for any number of threads and any split of the work.
#pragma once
#include <array>
#include <cstdint>

namespace tt {

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t counter,
                                    std::uint64_t stream = 0);

// Uniform in [0, 1) with 24 random bits: exact in float.
inline float to_unit_float(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// A generator is a seed and a position. Copying it copies the stream.
class Generator {
 public:
  explicit Generator(std::uint64_t seed = 0) : seed_(seed) {}
  void manual_seed(std::uint64_t seed) {
    seed_ = seed;
    position_ = 0;
  }
  std::uint64_t seed() const { return seed_; }
  std::uint64_t position() const { return position_; }  // in blocks of four values
  void set_position(std::uint64_t position) { position_ = position; }

  // Fill n values; each call takes ceil(n / 4) blocks of the stream.
  void uniform(float* out, std::int64_t n, float low = 0.0f, float high = 1.0f);
  void normal(float* out, std::int64_t n, float mean = 0.0f, float stddev = 1.0f);  // Box-Muller
  std::uint64_t below(std::uint64_t bound);  // unbiased integer in [0, bound), bound >= 1
  void permutation(std::int64_t* out, std::int64_t n);  // Fisher-Yates over 0..n-1

 private:
  std::uint64_t seed_, position_ = 0;
};

Generator& default_generator();  // one per process; manual_seed() sets it

}  // namespace tt
