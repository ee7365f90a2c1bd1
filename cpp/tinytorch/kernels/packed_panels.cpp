#include "tinytorch/kernels/packed_panels.hpp"

#include <cstring>
#include <new>
#include <utility>

#include "tinytorch/base/memory.hpp"

namespace tt::kernels {
namespace {

constexpr std::align_val_t kPage{4096};
// Products of few rows wait for the weights: less arithmetic is worth a thread's attention.
constexpr std::int64_t kFewRows = 8, kFewRowsProducts = 1 << 18;

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

std::shared_ptr<std::byte> new_pages(std::size_t bytes) {
  std::shared_ptr<std::byte> pages(static_cast<std::byte*>(::operator new(bytes, kPage)),
                                   [](std::byte* p) { ::operator delete(p, kPage); });
  advise_huge_pages(pages.get(), bytes);
  return pages;
}

constexpr std::size_t kArenaBlock = std::size_t{32} << 20;
thread_local PageArena* t_arena = nullptr;

}  // namespace

PageBuffer::PageBuffer(std::size_t bytes)
    : data_(t_arena != nullptr ? t_arena->take(bytes) : new_pages(bytes)), size_(bytes) {
  std::memset(data_.get(), 0, bytes);
}

PageArena::PageArena() : outer_(std::exchange(t_arena, this)) {}
PageArena::~PageArena() { t_arena = outer_; }

std::shared_ptr<std::byte> PageArena::take(std::size_t bytes) {
  const auto whole = static_cast<std::size_t>(round_up(static_cast<std::int64_t>(bytes), 4096));
  if (used_ + whole > size_) {
    size_ = std::max(whole, kArenaBlock);
    block_ = new_pages(size_);
    used_ = 0;
  }
  std::byte* start = block_.get() + used_;
  used_ += whole;
  return {block_, start};
}

PackedPanels PackedPanels::layout(const PanelShape& form, std::int64_t columns,
                                  std::int64_t depth) {
  PackedPanels p;
  p.shape = form, p.n = columns, p.k = depth;
  p.groups = round_up(depth, form.k_step * form.group_align) / form.k_step;
  return p;
}

PackedPanels::PackedPanels(const PanelShape& form, std::int64_t columns, std::int64_t depth)
    : PackedPanels(layout(form, columns, depth)) {
  weights = PageBuffer(static_cast<std::size_t>(bytes()));
}

// Rows a multiple of 1 KB apart would fall into a few sets of the first cache.
std::int64_t PackedPanels::row_bytes() const {
  const std::int64_t bytes = groups * shape.k_step * shape.code_bytes;
  return shape.group_align > 1 && bytes % 1024 == 0 ? bytes + 64 : bytes;
}

void PackedPanels::clear_padding(std::byte* row) const {
  const std::int64_t used = k * shape.code_bytes, padding = row_bytes() - used;
  if (padding > 0) std::memset(row + used, 0, static_cast<std::size_t>(padding));
}

PanelProduct PackedPanels::product(std::int64_t first, std::int64_t cols) const {
  PanelProduct p;
  p.groups = groups;
  p.cols = cols;
  p.a_row = row_bytes();
  p.b = weights.data() + first * groups * shape.k_step * shape.weight_bytes;
  return p;
}

PanelCuts::PanelCuts(std::int64_t m, const PackedPanels& b) {
  const PanelShape& s = b.shape;
  const std::int64_t fit = s.block_bytes / std::max<std::int64_t>(1, b.row_bytes());
  rows = std::min(std::clamp<std::int64_t>(fit / s.mr * s.mr, 4 * s.mr, s.block_rows), m);
  const std::int64_t worth = rows < kFewRows ? kFewRowsProducts : s.chunk_products;
  const std::int64_t panel_cost = std::max<std::int64_t>(1, rows * s.nr * b.k);
  cols = s.nr * std::max<std::int64_t>(1, worth / panel_cost);
}

}  // namespace tt::kernels
