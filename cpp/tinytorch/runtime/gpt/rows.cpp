#include "tinytorch/runtime/gpt/rows.hpp"

#include <algorithm>
#include <utility>

#include "tinytorch/kernels/scratch.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kRowsTogether = 512, kMostFloats = 1 << 26;
thread_local kernels::ScratchBuffer t_rows;

index_t up_width(const models::GptConfig& c) { return c.gated ? 2 * c.hidden : c.hidden; }
index_t turn_width(const models::GptConfig& c) {
  return c.positions == models::GptPositions::rotary ? c.head_size : 0;
}
index_t row_floats(const models::GptConfig& c) {
  return 2 * c.width + c.qkv_width() + c.query_width() + up_width(c) + turn_width(c);
}

}  // namespace

index_t GptRows::most(const models::GptConfig& config) {
  return std::clamp(kMostFloats / row_floats(config), index_t{1}, kRowsTogether);
}

GptRows::GptRows(const models::GptConfig& c, std::vector<GptPiece>& all) : config(c), pieces(all) {
  for (const GptPiece& p : pieces) count += p.count;
  free_ = t_rows.reserve<float>(count * row_floats(c));
  x = take(c.width), normed = take(c.width), qkv = take(c.qkv_width());
  mixed = take(c.query_width()), hidden = take(up_width(c)), cos_sin = take(turn_width(c));
}

float* GptRows::take(index_t columns) { return std::exchange(free_, free_ + count * columns); }

void GptRows::narrow() {
  index_t row = 0, kept = 0;
  for (GptPiece& p : pieces) {
    for (index_t r = row + p.count - p.wanted; r < row + p.count; ++r, ++kept) {
      std::copy_n(x + r * config.width, config.width, x + kept * config.width);
      std::copy_n(qkv + r * config.qkv_width(), config.query_width(),
                  qkv + kept * config.qkv_width());
    }
    row += p.count;
    p.first += p.count - p.wanted;
    p.count = p.wanted;
  }
  std::erase_if(pieces, [](const GptPiece& p) { return p.count == 0; });
  count = kept;
}

}  // namespace tt::runtime
