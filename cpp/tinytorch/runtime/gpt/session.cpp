#include "tinytorch/runtime/gpt/session.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::runtime {
namespace {

using kernels::Family;

constexpr index_t kChunkValues = 1 << 14;    // elementwise work worth a thread's attention
constexpr index_t kChunkProducts = 1 << 16;  // likewise, multiply-adds
thread_local kernels::ScratchBuffer t_rows, t_scores;

kernels::Unary function_of(GptActivation activation) {
  switch (activation) {
    case GptActivation::gelu:
      return kernels::Unary::gelu;
    case GptActivation::gelu_tanh:
      return kernels::Unary::gelu_tanh;
    case GptActivation::gelu_sigmoid:
      return kernels::Unary::gelu_sigmoid;
    case GptActivation::relu:
      break;
  }
  return kernels::Unary::relu;
}

void activate(GptActivation activation, float* x, index_t n) {
  kernels::count_call(Family::unary);
  const auto fn = kernels::active().unary.forward[static_cast<int>(function_of(activation))];
  parallel_for(n, kChunkValues / 2, [&](index_t begin, index_t end) {
    fn(x + begin, x + begin, static_cast<std::size_t>(end - begin), 0.0f);
  });
}

std::int64_t likeliest(const float* logits, index_t n) {
  kernels::count_call(Family::reduce);
  const float most = kernels::active().reduce.max(logits, static_cast<std::size_t>(n));
  const auto* found = std::find(logits, logits + n, most);
  return found == logits + n ? 0 : found - logits;  // NaN equals nothing
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

// All positions of a call lie one after the other: (count, width) and so on.
struct GptSession::Rows {
  const std::vector<GptInput>& inputs;
  index_t count = 0;
  float *x, *normed, *qkv, *mixed, *hidden;

  Rows(const GptSession& s, const std::vector<GptInput>& all) : inputs(all) {
    for (const GptInput& in : all) count += in.count;
    const index_t w = s.width_;
    float* at = t_rows.reserve<float>(count * (6 * w + s.hidden_));
    const auto take = [&](index_t columns) { return std::exchange(at, at + count * columns); };
    x = take(w), normed = take(w), qkv = take(3 * w), mixed = take(w), hidden = take(s.hidden_);
  }
};

GptSession::GptSession(GptModel given, Precision precision, kernels::CacheFormat cache)
    : precision_(precision), cache_(cache) {
  const GptModel m = checked(std::move(given));
  const kernels::PageArena arena;
  heads_ = m.heads, width_ = m.width(), eps_ = m.eps, activation_ = m.activation;
  tokens_ = m.tokens, positions_ = m.positions;
  norm_gamma_ = m.norm_gamma, norm_beta_ = m.norm_beta;
  for (const GptBlock& b : m.blocks) {
    stop_if_interrupted();
    hidden_ = std::max(hidden_, b.up.shape(0));
    blocks_.push_back(
        {b.norm1_gamma, b.norm1_beta, b.norm2_gamma, b.norm2_beta,
         PackedLinear(b.qkv, b.qkv_bias, precision), PackedLinear(b.proj, b.proj_bias, precision),
         PackedLinear(b.up, b.up_bias, precision), PackedLinear(b.down, b.down_bias, precision)});
  }
  head_ = PackedLinear(m.head, Array(), precision);
}

std::size_t GptSession::stored_bytes() const {
  std::size_t total = head_.stored_bytes() + positions_.nbytes() + norm_gamma_.nbytes() +
                      norm_beta_.nbytes() + tokens_.nbytes();
  for (const Block& b : blocks_) {
    for (const PackedLinear* l : {&b.qkv, &b.proj, &b.up, &b.down}) total += l->stored_bytes();
    for (const Array* a : {&b.norm1_gamma, &b.norm1_beta, &b.norm2_gamma, &b.norm2_beta}) {
      total += a->nbytes();
    }
  }
  return total;
}

GptSequence GptSession::make_sequence(index_t capacity) const {
  if (capacity < 1 || capacity > max_length()) {
    fail<ValueError>("a sequence of this model holds 1 to ", max_length(), " positions, got ",
                     capacity);
  }
  return GptSequence(static_cast<index_t>(blocks_.size()), heads_, width_ / heads_, capacity,
                     cache_);
}

void GptSession::check(const std::vector<GptInput>& inputs) const {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const GptInput& in = inputs[i];
    if (in.count < 1) fail<ValueError>("sequence ", i, " was given no tokens; give at least one");
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

void GptSession::embed(const Rows& rows) const {
  kernels::count_call(Family::rows);
  kernels::count_call(Family::binary);
  const auto add = kernels::active().binary.arithmetic[static_cast<int>(kernels::Binary::add)];
  index_t row = 0;
  for (const GptInput& in : rows.inputs) {
    for (index_t t = 0; t < in.count; ++t, ++row) {
      add(tokens_.data<float>() + in.tokens[t] * width_, 1,
          positions_.data<float>() + (in.sequence->length() + t) * width_, 1, rows.x + row * width_,
          static_cast<std::size_t>(width_));
    }
  }
}

void GptSession::normalize(const float* x, index_t rows, const Array& gamma, const Array& beta,
                           float* y) const {
  kernels::count_call(Family::norm);
  const auto norm = kernels::active().norm.layer_norm;
  parallel_for(rows, grain_for(kChunkValues, width_), [&](index_t begin, index_t end) {
    float mean, rstd;
    for (index_t i = begin; i < end; ++i) {
      norm(x + i * width_, gamma.data<float>(), beta.data<float>(), eps_, y + i * width_,
           static_cast<std::size_t>(width_), &mean, &rstd);
    }
  });
}

// Keys and values of the new positions are kept, queries scaled.
void GptSession::keep(const Rows& rows, index_t layer) const {
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(width_ / heads_)));
  const auto store = [&](const GptInput& in, index_t first, index_t t) {
    float* row = rows.qkv + (first + t) * 3 * width_;
    for (index_t i = 0; i < width_; ++i) row[i] *= scale;
    in.sequence->store(layer, in.sequence->length() + t, row + width_, row + 2 * width_);
  };
  parallel_for(rows.count, grain_for(kChunkValues, 6 * width_), [&](index_t begin, index_t end) {
    index_t first = 0;
    for (const GptInput& in : rows.inputs) {
      const index_t from = std::max(begin - first, index_t{0});
      for (index_t t = from; t < std::min(end - first, in.count); ++t) store(in, first, t);
      first += in.count;
    }
  });
}

// mixed = attention of every row to its sequence: of all sequences and heads, blocks of rows.
void GptSession::attend(const Rows& rows, index_t layer) const {
  kernels::count_call(Family::softmax);
  const kernels::Table& table = kernels::active();
  const index_t size = width_ / heads_, together = kernels::rows_together(table.gemm_f32);
  index_t tasks = 0, longest = 0, products = 0;
  for (const GptInput& in : rows.inputs) {
    const index_t length = in.sequence->length() + in.count;
    tasks += heads_ * ((in.count + together - 1) / together);
    longest = std::max(longest, length);
    products += heads_ * in.count * length * size;
  }
  const index_t grain = std::max<index_t>(1, kChunkProducts * tasks / (products + 1));
  parallel_for(tasks, grain, [&](index_t begin, index_t end) {
    float* scratch =
        t_scores.reserve<float>(kernels::scratch_floats(table.gemm_f32, longest, size));
    index_t task = 0, first = 0;  // of the sequence
    for (const GptInput& in : rows.inputs) {
      const index_t blocks = (in.count + together - 1) / together;
      for (index_t i = std::max(begin - task, index_t{0});
           i < std::min(end - task, heads_ * blocks); ++i) {
        const index_t h = i / blocks, offset = h * size;
        const kernels::NewPositions p{in.count,
                                      in.sequence->length(),
                                      rows.qkv + first * 3 * width_ + offset,
                                      3 * width_,
                                      rows.mixed + first * width_ + offset,
                                      width_};
        kernels::attend_rows(table, in.sequence->head(layer, h), p, i % blocks * together, scratch);
      }
      task += heads_ * blocks;
      first += in.count;
    }
  });
}

void GptSession::run_block(const Rows& rows, index_t layer) const {
  const Block& b = blocks_[static_cast<std::size_t>(layer)];
  normalize(rows.x, rows.count, b.norm1_gamma, b.norm1_beta, rows.normed);
  b.qkv.apply(rows.normed, rows.count, rows.qkv);
  keep(rows, layer);
  attend(rows, layer);
  b.proj.apply(rows.mixed, rows.count, rows.x, true);
  normalize(rows.x, rows.count, b.norm2_gamma, b.norm2_beta, rows.normed);
  b.up.apply(rows.normed, rows.count, rows.hidden);
  activate(activation_, rows.hidden, rows.count * b.up.out_features());
  b.down.apply(rows.hidden, rows.count, rows.x, true);
}

void GptSession::append(const std::vector<GptInput>& inputs, float* logits) const {
  const Hold hold(inputs);
  check(inputs);
  if (inputs.empty()) return;
  const Rows rows(*this, inputs);
  embed(rows);
  for (index_t l = 0; l < static_cast<index_t>(blocks_.size()); ++l) run_block(rows, l);
  const auto count = static_cast<index_t>(inputs.size());
  index_t last = -1;
  for (index_t i = 0; i < count; ++i) {
    GptInput in = inputs[static_cast<std::size_t>(i)];
    last += in.count;
    std::copy_n(rows.x + last * width_, width_, rows.mixed + i * width_);
    in.sequence->grow(in.count);
  }
  normalize(rows.mixed, count, norm_gamma_, norm_beta_, rows.normed);
  head_.apply(rows.normed, count, logits);
}

Array GptSession::generate(const Array& prompts, index_t count) const {
  if (prompts.ndim() != 2 || prompts.shape(1) < 1) {
    fail<ShapeError>("prompts must have shape (batch, length) with length >= 1, got ",
                     to_string(prompts.shape()));
  }
  if (count < 0) fail<ValueError>("the number of new tokens must not be negative, got ", count);
  const index_t batch = prompts.shape(0), length = prompts.shape(1);
  if (length + count - 1 > max_length()) {
    fail<ValueError>("a prompt of ", length, " and ", count, " new tokens need ",
                     length + count - 1, " positions; the model has ", max_length());
  }
  const Array ids = prompts.astype(DType::i64).contiguous();
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
