#include "tinytorch/runtime/gpt/sequence.hpp"

#include <cstring>

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

// The first `count` elements of each row.
void copy_rows(const Array& from, const Array& to, index_t count) {
  const auto bytes = static_cast<index_t>(size_of(to.dtype()));
  for (index_t h = 0; h < to.shape(0); ++h) {
    std::memcpy(to.raw() + h * to.shape(1) * bytes, from.raw() + h * from.shape(1) * bytes,
                static_cast<std::size_t>(count * bytes));
  }
}

}  // namespace

GptSequence::GptSequence(const Form& form, index_t capacity)
    : form_(form), capacity_(capacity), held_(std::make_unique<std::atomic<bool>>(false)) {
  const index_t bytes = kernels::size_of(form.format);
  const index_t keys =
      kernels::cached_key_count(kernels::active().gemm_f32, capacity, form.size) * bytes;
  for (index_t l = 0; l < form.layers; ++l) {
    // Not cleared: what is not yet a position is never read, and takes no memory until it is one.
    keys_.push_back(Array::empty({form.heads, keys}, DType::u8));
    values_.push_back(Array::empty({form.heads, capacity * form.size * bytes}, DType::u8));
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
  const index_t bytes = kernels::size_of(form_.format);
  const index_t keys =
      kernels::cached_key_count(kernels::active().gemm_f32, length, form_.size) * bytes;
  for (std::size_t l = 0; l < keys_.size(); ++l) {
    copy_rows(from.keys_[l], keys_[l], keys);
    copy_rows(from.values_[l], values_[l], length * form_.size * bytes);
    if (!scales_.empty()) copy_rows(from.scales_[l], scales_[l], length);
  }
  length_ = length;
}

kernels::CachedHead GptSequence::head(index_t layer, index_t head) const {
  const auto l = static_cast<std::size_t>(layer);
  kernels::CachedHead found{form_.size, form_.format, keys_[l].raw() + head * keys_[l].shape(1),
                            values_[l].raw() + head * values_[l].shape(1)};
  if (!scales_.empty()) {
    found.key_scales = scales_[l].data<float>() + head * capacity_;
    found.value_scales = found.key_scales + form_.heads * capacity_;
  }
  return found;
}

void GptSequence::store(index_t layer, index_t position, const float* key, const float* value) {
  for (index_t h = 0; h < form_.heads; ++h) {
    kernels::store_position(kernels::active(), head(layer, h), position, key + h * form_.size,
                            value + h * form_.size);
  }
}

}  // namespace tt::runtime
