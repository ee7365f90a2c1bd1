#include "tinytorch/runtime/gpt/session.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/models/rotary_frequencies.hpp"

namespace tt::runtime {
namespace {

using kernels::Family;

constexpr index_t kChunkValues = 1 << 14;  // elementwise work worth a thread's attention

std::int64_t likeliest(const float* logits, index_t n) {
  kernels::count_call(Family::reduce);
  const float most = kernels::active().reduce.max(logits, static_cast<std::size_t>(n));
  const auto* found = std::find(logits, logits + n, most);
  return found == logits + n ? 0 : found - logits;  // NaN equals nothing
}

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

// Holds the sequences of a call. StateError where another call has one of them, or this call twice.
class Hold {
 public:
  explicit Hold(const std::vector<GptInput>& inputs) : inputs_(inputs) {
    for (; held_ < inputs.size(); ++held_) {
      if (inputs[held_].sequence->hold()) continue;
      release();
      fail<StateError>("sequence ", held_,
                       " is in use: by another thread's call, or named twice in this one");
    }
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { release(); }

 private:
  void release() {
    while (held_ > 0) inputs_[--held_].sequence->release();
  }
  const std::vector<GptInput>& inputs_;
  std::size_t held_ = 0;
};

}  // namespace

GptSession::GptSession(models::GptModel given, const GptFormats& formats)
    : formats_(formats), id_(next_id()) {
  const models::GptModel m = checked(std::move(given));
  const kernels::PageArena arena;
  config_ = m.config;
  if (!config_.tied) tokens_ = TokenTable(m.tokens, formats.head);
  if (m.positions.defined()) positions_ = m.positions.copy();
  if (config_.positions == models::GptPositions::rotary) {
    rotary_ = Rotary(models::rotary_frequencies(config_), config_.max_length);
  }
  for (const models::GptBlock& block : m.blocks) {
    stop_if_interrupted();
    layers_.emplace_back(config_, block, formats.weights, static_cast<index_t>(layers_.size()));
  }
  norm_ = RowNorm(config_, m.norm_gamma, m.norm_beta);
  head_ = PackedLinear(config_.tied ? m.tokens : m.head, Array(), formats.head);
}

std::size_t GptSession::stored_bytes() const {
  std::size_t total = head_.stored_bytes() + norm_.stored_bytes() + tokens_.stored_bytes() +
                      (positions_.defined() ? positions_.nbytes() : 0);
  for (const GptLayer& layer : layers_) total += layer.stored_bytes();
  return total;
}

GptSequence GptSession::make_sequence(index_t capacity) const {
  if (capacity < 1 || capacity > max_length()) {
    fail<ValueError>("a sequence of this model holds 1 to ", max_length(), " positions, got ",
                     capacity);
  }
  return GptSequence({config_.layers, config_.kv_heads, config_.head_size, formats_.cache, id_},
                     capacity);
}

void GptSession::check(const std::vector<GptInput>& inputs) const {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const GptInput& in = inputs[i];
    if (in.sequence->session() != id_) {
      fail<ValueError>("sequence ", i, " was made by another session; use this one's sequence()");
    }
    if (in.count < 1) fail<ValueError>("sequence ", i, " was given no tokens; give at least one");
    if (in.wanted < 0 || in.wanted > in.count) {
      fail<ValueError>("of sequence ", i, " logits of the last 0 to ", in.count,
                       " tokens can be wanted, got ", in.wanted);
    }
    if (in.sequence->length() + in.count > in.sequence->capacity()) {
      fail<ValueError>("sequence ", i, " has room for ", in.sequence->capacity(),
                       " positions: ", in.count, " more do not fit after ", in.sequence->length());
    }
    for (index_t t = 0; t < in.count; ++t) {
      if (in.tokens[t] < 0 || in.tokens[t] >= vocabulary()) {
        fail<ValueError>("tokens must be in [0, ", vocabulary(), "), got ", in.tokens[t]);
      }
    }
  }
}

void GptSession::embed(const GptRows& rows) const {
  kernels::count_call(Family::rows);
  const auto add = kernels::active().binary.arithmetic[static_cast<int>(kernels::Binary::add)];
  const index_t width = config_.width;
  const auto embed_one = [&](const GptPiece& p, index_t r, index_t t) {
    float* x = rows.x + r * width;
    if (config_.tied) {
      head_.read_row(p.tokens[t], x);
    } else {
      tokens_.read(p.tokens[t], x);
    }
    if (positions_.defined()) {
      const float* position = positions_.data<float>() + (p.first + t) * width;
      add(x, 1, position, 1, x, static_cast<std::size_t>(width));
    } else {
      rotary_.factors(p.first + t, rows.cos_sin + r * config_.head_size);
    }
  };
  parallel_for(rows.count, grain_for(kChunkValues, width),
               [&](index_t begin, index_t end) { rows.for_each(begin, end, embed_one); });
}

index_t GptSession::run(std::vector<GptPiece>& pieces, float* logits) const {
  GptRows rows(config_, pieces);
  embed(rows);
  for (const GptLayer& layer : layers_) {
    layer.keep(rows, rotary_);
    if (&layer == &layers_.back()) rows.narrow();
    if (rows.count > 0) layer.run(rows);
  }
  if (rows.count == 0) return 0;
  norm_.apply(rows.x, rows.count, rows.normed);
  head_.apply(rows.normed, rows.count, logits);
  return rows.count;
}

void GptSession::append(const std::vector<GptInput>& inputs, float* logits) const {
  const Hold hold(inputs);
  check(inputs);
  thread_local std::vector<GptPiece> t_plan;
  t_plan.clear();
  const index_t most = GptRows::most(config_);
  index_t rows = 0;
  const auto run_plan = [&] {
    logits += run(t_plan, logits) * vocabulary();
    t_plan.clear();
    rows = 0;
  };
  for (const GptInput& in : inputs) {
    const index_t first = in.sequence->length();
    for (index_t t = 0, count; t < in.count; t += count) {
      count = std::min(in.count - t, most - rows);
      const index_t wanted = std::clamp(t + count - (in.count - in.wanted), index_t{0}, count);
      t_plan.push_back({in.sequence, in.tokens + t, first + t, count, wanted});
      rows += count;
      if (rows == most) run_plan();
    }
  }
  if (rows > 0) run_plan();
  for (const GptInput& in : inputs) in.sequence->grow(in.count);
}

Array GptSession::generate(const Array& prompts, index_t count) const {
  if (prompts.ndim() != 2 || prompts.shape(1) < 1) {
    fail<ShapeError>("prompts must have shape (batch, length) with length >= 1, got ",
                     to_string(prompts.shape()));
  }
  if (count < 0) fail<ValueError>("the number of new tokens must not be negative, got ", count);
  const index_t batch = prompts.shape(0), length = prompts.shape(1);
  if (length > max_length() || count > max_length() - length + 1) {
    fail<ValueError>("a prompt of ", length, " and ", count, " new tokens need more than the ",
                     max_length(), " positions that the model has");
  }
  const Array ids = prompts.astype(DType::i64).copy();
  const Array made = Array::empty({batch, count}, DType::i64);
  if (batch == 0 || count == 0) return made;
  std::vector<GptSequence> sequences;
  std::vector<GptInput> inputs;
  sequences.reserve(static_cast<std::size_t>(batch));
  for (index_t i = 0; i < batch; ++i) {
    sequences.push_back(make_sequence(length + count - 1));
    inputs.push_back({&sequences.back(), ids.data<std::int64_t>() + i * length, length});
  }
  const Array logits = Array::empty({batch, vocabulary()});
  for (index_t t = 0; t < count; ++t) {
    stop_if_interrupted();
    append(inputs, logits.data<float>());
    for (index_t i = 0; i < batch; ++i) {
      std::int64_t& token = made.data<std::int64_t>()[i * count + t];
      token = likeliest(logits.data<float>() + i * vocabulary(), vocabulary());
      inputs[static_cast<std::size_t>(i)].tokens = &token;
      inputs[static_cast<std::size_t>(i)].count = 1;
    }
  }
  return made;
}

}  // namespace tt::runtime
