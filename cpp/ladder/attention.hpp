// The ladder of causal attention: out[i] = softmax(q[i] K[0 .. i]^T) V[0 .. i] for every position i
// of every head; q already holds the factor 1 / sqrt(size). docs/ladder/attention.md.
#pragma once
#include <cstdint>

namespace tt::ladder {

struct AttentionProblem {
  std::int64_t heads;
  std::int64_t n;          // positions, a multiple of kAttentionPositions
  std::int64_t size;       // of a head, a multiple of kAttentionSize
  const float *q, *k, *v;  // [heads][n][size]
  float* out;              // [heads][n][size]
  float* scores;           // n n values
  float* keys;             // heads n size values
};
inline constexpr std::int64_t kAttentionPositions = 32, kAttentionSize = 16;

struct AttentionSteps {
  void (*naive)(const AttentionProblem&);
  void (*blocked)(const AttentionProblem&);
  void (*packed)(const AttentionProblem&);
  void (*vectorised)(const AttentionProblem&);
  void (*threaded)(const AttentionProblem&);
};

}  // namespace tt::ladder
