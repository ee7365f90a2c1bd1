#include "tinytorch/runtime/gpt/sequence.hpp"

#include "tinytorch/base/error.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::runtime {
namespace {

// Holds a sequence for as long as it lives.
class Use {
 public:
  explicit Use(GptSequence& sequence) : sequence_(sequence) {
    if (!sequence.hold()) fail<StateError>("the sequence is in use by another thread's call");
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { sequence_.release(); }

 private:
  GptSequence& sequence_;
};

// What lies at [0, count) along an axis.
void copy_first(const Array& from, const Array& to, int axis, index_t count) {
  to.slice(axis, 0, count).copy_from(from.slice(axis, 0, count));
}

}  // namespace

GptSequence::GptSequence(const Form& form, index_t capacity)
    : form_(form), capacity_(capacity), held_(std::make_unique<std::atomic<bool>>(false)) {
  const kernels::GemmTable& gemm = kernels::active().gemm_f32;
  const index_t block = form.heads * kernels::cache_block(gemm) * form.size;
  const Shape shape{kernels::cache_blocks(gemm, capacity), block * kernels::size_of(form.format)};
  for (index_t l = 0; l < form.layers; ++l) {
    // Not cleared: what is not yet a position is never read, and takes no memory until it is one.
    keys_.push_back(Array::empty(shape, DType::u8));
    values_.push_back(Array::empty(shape, DType::u8));
    if (form.format == kernels::CacheFormat::int8) {
      scales_.push_back(Array::empty({2 * form.heads, capacity}));
    }
  }
}

std::size_t GptSequence::bytes() const {
  std::size_t total = 0;
  for (const auto* arrays : {&keys_, &values_, &scales_}) {
    for (const Array& a : *arrays) total += a.nbytes();
  }
  return total;
}

void GptSequence::truncate(index_t length) {
  const Use use(*this);
  if (length < 0 || length > length_) {
    fail<ValueError>("a sequence of ", length_, " positions cannot be cut to ", length);
  }
  length_ = length;
}

void GptSequence::copy_prefix(GptSequence& from, index_t length) {
  if (&from == this) return truncate(length);
  const Use use(*this), other(from);
  if (from.form_.session != form_.session) {
    fail<ValueError>("a prefix can be copied between sequences of one session only");
  }
  if (length < 0 || length > from.length_ || length > capacity_) {
    fail<ValueError>("cannot copy ", length, " positions from a sequence of ", from.length_,
                     " into one with room for ", capacity_);
  }
  const index_t blocks = kernels::cache_blocks(kernels::active().gemm_f32, length);
  for (std::size_t l = 0; l < keys_.size(); ++l) {
    copy_first(from.keys_[l], keys_[l], 0, blocks);
    copy_first(from.values_[l], values_[l], 0, blocks);
    if (!scales_.empty()) copy_first(from.scales_[l], scales_[l], 1, length);
  }
  length_ = length;
}

kernels::CachedHeads GptSequence::heads(index_t layer, index_t first, index_t count) const {
  const auto l = static_cast<std::size_t>(layer);
  const index_t part = kernels::cache_block(kernels::active().gemm_f32) * form_.size;
  const index_t at = first * part * kernels::size_of(form_.format);
  kernels::CachedHeads found{count,
                             form_.size,
                             form_.format,
                             keys_[l].raw() + at,
                             values_[l].raw() + at,
                             form_.heads * part};
  if (!scales_.empty()) {
    found.key_scales = scales_[l].data<float>() + first * capacity_;
    found.value_scales = found.key_scales + form_.heads * capacity_;
    found.scales = capacity_;
  }
  return found;
}

void GptSequence::store(index_t layer, index_t position, const float* key, const float* value) {
  kernels::store_position(kernels::active(), heads(layer, 0, form_.heads), position, key, value);
}

}  // namespace tt::runtime
