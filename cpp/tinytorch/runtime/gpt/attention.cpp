#include "tinytorch/runtime/gpt/attention.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kChunkValues = 1 << 14;    // values moved, worth a thread's attention
constexpr index_t kChunkProducts = 1 << 16;  // likewise, multiply-adds
// Scores have room for so many positions or a power of two: a text that grows shall not ask for
// more memory every few tokens.
constexpr index_t kRoom = 4096;
thread_local kernels::ScratchBuffer t_scores;

}  // namespace

void keep_positions(const GptRows& rows, index_t layer, const Rotary& rotary) {
  const models::GptConfig& c = rows.config;
  const index_t queries = c.query_width(), kv = c.kv_width(), width = c.qkv_width();
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(c.head_size)));
  const auto keep = [&](const GptPiece& p, index_t r, index_t t) {
    float* row = rows.qkv + r * width;
    if (c.positions == models::GptPositions::rotary) {
      rotary.turn(rows.cos_sin + r * c.head_size, c.heads + c.kv_heads, row);
    }
    for (index_t i = 0; i < queries; ++i) row[i] *= scale;
    p.sequence->store(layer, p.first + t, row + queries, row + queries + kv);
  };
  parallel_for(rows.count, grain_for(kChunkValues, 2 * width),
               [&](index_t begin, index_t end) { rows.for_each(begin, end, keep); });
}

// Of all sequences, blocks of positions and heads of keys. Neighbouring heads of one position go
// together: they lie side by side.
void attend(const GptRows& rows, index_t layer) {
  kernels::count_call(kernels::Family::softmax);
  const models::GptConfig& c = rows.config;
  const kernels::Table& table = kernels::active();
  const index_t size = c.head_size, sharing = c.heads / c.kv_heads;
  const index_t queries = c.query_width(), width = c.qkv_width();
  const index_t together = kernels::positions_together(table.gemm_f32, sharing);
  index_t tasks = 0, longest = 0, capacity = 0, products = 0;
  for (const GptPiece& p : rows.pieces) {
    const index_t length = p.first + p.count;
    tasks += c.kv_heads * ((p.count + together - 1) / together);
    longest = std::max(longest, length);
    capacity = std::max(capacity, p.sequence->capacity());
    products += c.heads * p.count * length * size;
  }
  const auto power = static_cast<index_t>(std::bit_ceil(static_cast<std::uint64_t>(longest)));
  const index_t room = std::min(capacity, std::max(kRoom, power));
  // Heads do not depend on each other, so that the cut may follow the number of threads.
  const index_t share = (c.kv_heads + num_threads() - 1) / num_threads();
  const index_t grain = std::max(share, kChunkProducts * tasks / (products + 1));
  parallel_for(tasks, grain, [&](index_t begin, index_t end) {
    float* scratch = t_scores.reserve<float>(
        kernels::scratch_floats(table.gemm_f32, room, size, sharing, c.kv_heads));
    index_t task = 0, row = 0;  // the piece's first ones
    for (const GptPiece& p : rows.pieces) {
      const index_t blocks = (p.count + together - 1) / together;
      const index_t last = std::min(end - task, c.kv_heads * blocks);
      for (index_t i = std::max(begin - task, index_t{0}), heads; i < last; i += heads) {
        const index_t h = i % c.kv_heads, block = i / c.kv_heads, offset = h * sharing * size;
        heads = std::min(last - i, c.kv_heads - h);
        const kernels::NewPositions fresh{p.count,
                                          p.first,
                                          rows.qkv + row * width + offset,
                                          width,
                                          rows.mixed + row * queries + offset,
                                          queries,
                                          sharing};
        kernels::attend_block(table, p.sequence->heads(layer, h, heads), fresh, block * together,
                              scratch);
      }
      task += c.kv_heads * blocks;
      row += p.count;
    }
  });
}

}  // namespace tt::runtime
