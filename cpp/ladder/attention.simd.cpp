#include "attention.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/vector_math.hpp"

namespace tt::kernels::TT_ISA {
namespace {

using ladder::AttentionProblem;

// scores[0 .. count) become their softmax.
void softmax(float* scores, std::int64_t count) {
  float top = scores[0], total = 0.0f;
  for (std::int64_t t = 1; t < count; ++t) top = scores[t] > top ? scores[t] : top;
  for (std::int64_t t = 0; t < count; ++t) {
    scores[t] = __builtin_expf(scores[t] - top);
    total += scores[t];
  }
  for (std::int64_t t = 0; t < count; ++t) scores[t] /= total;
}

// Step 1, the formula: the whole matrix of scores, all its softmaxes, then the second product,
// which reads V down its columns.
void naive(const AttentionProblem& p) {
  for (std::int64_t h = 0; h < p.heads; ++h) {
    const std::int64_t head = h * p.n * p.size;
    const float *q = p.q + head, *k = p.k + head, *v = p.v + head;
    for (std::int64_t i = 0; i < p.n; ++i) {
      for (std::int64_t t = 0; t <= i; ++t) {
        float sum = 0.0f;
        for (std::int64_t d = 0; d < p.size; ++d) sum += q[i * p.size + d] * k[t * p.size + d];
        p.scores[i * p.n + t] = sum;
      }
    }
    for (std::int64_t i = 0; i < p.n; ++i) softmax(p.scores + i * p.n, i + 1);
    for (std::int64_t i = 0; i < p.n; ++i) {
      for (std::int64_t d = 0; d < p.size; ++d) {
        float sum = 0.0f;
        for (std::int64_t t = 0; t <= i; ++t) sum += p.scores[i * p.n + t] * v[t * p.size + d];
        p.out[head + i * p.size + d] = sum;
      }
    }
  }
}

// out[0 .. size) = sum over t of weights[t] v[t].
void mix(const float* weights, const float* v, std::int64_t count, std::int64_t size, float* out) {
  for (std::int64_t d = 0; d < size; ++d) out[d] = 0.0f;
  for (std::int64_t t = 0; t < count; ++t) {
    for (std::int64_t d = 0; d < size; ++d) out[d] += weights[t] * v[t * size + d];
  }
}

// Step 2: one position after the other. Its scores never leave the first cache, and the second
// product goes along the rows of V, with the compiler's vectors.
void blocked(const AttentionProblem& p) {
  for (std::int64_t i = 0; i < p.heads * p.n; ++i) {
    const std::int64_t head = i / p.n * p.n * p.size, count = i % p.n + 1;
    const float *q = p.q + i * p.size, *k = p.k + head;
    for (std::int64_t t = 0; t < count; ++t) {
      float sum = 0.0f;
      for (std::int64_t d = 0; d < p.size; ++d) sum += q[d] * k[t * p.size + d];
      p.scores[t] = sum;
    }
    softmax(p.scores, count);
    mix(p.scores, p.v + head, count, p.size, p.out + i * p.size);
  }
}

// Keys in blocks of kKeys positions: [n / kKeys][size][kKeys].
constexpr int kKeys = 2 * static_cast<int>(W);

void pack_keys(const AttentionProblem& p) {
  for (std::int64_t i = 0; i < p.heads * p.n; ++i) {
    float* block = p.keys + i / kKeys * kKeys * p.size + i % kKeys;
    for (std::int64_t d = 0; d < p.size; ++d) block[d * kKeys] = p.k[i * p.size + d];
  }
}

// Step 3: with the keys turned, the scores of many positions are made side by side, and no sum runs
// across a vector.
void packed(const AttentionProblem& p) {
  pack_keys(p);
  for (std::int64_t i = 0; i < p.heads * p.n; ++i) {
    const std::int64_t head = i / p.n * p.n * p.size, count = i % p.n + 1;
    const float* q = p.q + i * p.size;
    for (std::int64_t t = 0; t < count; t += kKeys) {
      const float* k = p.keys + head + t * p.size;
      float sums[kKeys] = {};
      for (std::int64_t d = 0; d < p.size; ++d) {
        for (int l = 0; l < kKeys; ++l) sums[l] += q[d] * k[d * kKeys + l];
      }
      for (int l = 0; l < kKeys; ++l) p.scores[t + l] = sums[l];
    }
    softmax(p.scores, count);
    mix(p.scores, p.v + head, count, p.size, p.out + i * p.size);
  }
}

// Step 4: kRows positions share what is loaded of K and V, exp takes whole vectors, and the softmax
// is made on the way: when a larger score turns up, what was summed shrinks by exp(old - new).
constexpr int kRows = 4;

struct RowState {
  float top[kRows], total[kRows];
};

// Scores of kRows positions with kKeys keys; those after a row's own position count as nothing.
void score_block(const float* q, const float* k, std::int64_t size, std::int64_t first_row,
                 std::int64_t first_key, float (*scores)[kKeys]) {
  F32 sums[kRows][2];
  TT_UNROLL for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = F32(0.0f);
  for (std::int64_t d = 0; d < size; ++d) {
    const F32 k0 = load(k + d * kKeys), k1 = load(k + d * kKeys + W);
    TT_UNROLL for (int r = 0; r < kRows; ++r) {
      const F32 value(q[r * size + d]);
      sums[r][0] = fma(value, k0, sums[r][0]);
      sums[r][1] = fma(value, k1, sums[r][1]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    store(scores[r], sums[r][0]);
    store(scores[r] + W, sums[r][1]);
    for (std::int64_t l = first_row + r - first_key + 1; l < kKeys; ++l) {
      scores[r][l] = -math::kInfinity;
    }
  }
}

// Scores become exp(score - top); returns by what the sums so far must shrink.
float weigh_row(float* scores, float& top, float& total) {
  const F32 s0 = load(scores), s1 = load(scores + W);
  const float best = join_lanes(at_least(s0, s1), [](F32 a, F32 b) { return at_least(a, b); });
  const float before = top;
  top = best > before ? best : before;
  const F32 w0 = math::exp(s0 - F32(top)), w1 = math::exp(s1 - F32(top));
  store(scores, w0);
  store(scores + W, w1);
  const float shrink = first_lane(math::exp(F32(before - top)));
  total = total * shrink + sum_lanes(w0 + w1);
  return shrink;
}

void mix_block(const float (*weights)[kKeys], const float* shrink, const float* v,
               std::int64_t keys, std::int64_t size, float* out) {
  for (std::int64_t d = 0; d < size; d += static_cast<std::int64_t>(W)) {
    F32 sums[kRows];
    TT_UNROLL for (int r = 0; r < kRows; ++r) sums[r] = load(out + r * size + d) * F32(shrink[r]);
    for (std::int64_t t = 0; t < keys; ++t) {
      const F32 value = load(v + t * size + d);
      TT_UNROLL for (int r = 0; r < kRows; ++r) sums[r] = fma(F32(weights[r][t]), value, sums[r]);
    }
    TT_UNROLL for (int r = 0; r < kRows; ++r) store(out + r * size + d, sums[r]);
  }
}

// Positions i .. i + kRows of all heads, counted through.
void attend(const AttentionProblem& p, std::int64_t i) {
  const std::int64_t head = i / p.n * p.n * p.size, row = i % p.n;
  RowState state;
  float* out = p.out + i * p.size;
  for (int r = 0; r < kRows; ++r) state.top[r] = -math::kInfinity, state.total[r] = 0.0f;
  for (std::int64_t d = 0; d < kRows * p.size; ++d) out[d] = 0.0f;
  for (std::int64_t t = 0; t < row + kRows; t += kKeys) {
    float scores[kRows][kKeys], shrink[kRows];
    score_block(p.q + i * p.size, p.keys + head + t * p.size, p.size, row, t, scores);
    for (int r = 0; r < kRows; ++r) {
      shrink[r] = weigh_row(scores[r], state.top[r], state.total[r]);
    }
    const std::int64_t left = row + kRows - t;
    mix_block(scores, shrink, p.v + head + t * p.size, left < kKeys ? left : kKeys, p.size, out);
  }
  for (int r = 0; r < kRows; ++r) {
    for (std::int64_t d = 0; d < p.size; ++d) out[r * p.size + d] /= state.total[r];
  }
}

void vectorised(const AttentionProblem& p) {
  pack_keys(p);
  for (std::int64_t i = 0; i < p.heads * p.n; i += kRows) attend(p, i);
}

// Step 5: heads and blocks of positions are shared among the threads.
void threaded(const AttentionProblem& p) {
  pack_keys(p);
  parallel_for(p.heads * p.n, ladder::kAttentionPositions,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t i = first; i < last; i += kRows) attend(p, i);
               });
}

}  // namespace

void fill_ladder_attention(ladder::AttentionSteps& s) {
  s = {naive, blocked, packed, vectorised, threaded};
}

}  // namespace tt::kernels::TT_ISA
