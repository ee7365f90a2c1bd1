// Convolution of codes as an integer matrix product: the windows of some rows of results are copied
// side by side, multiplied with packed weights, and the sums made codes again, all in the cache.
#include <algorithm>
#include <vector>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/runtime/cnn/conv_cut.hpp"
#include "tinytorch/runtime/cnn/conv_s8.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kWindowBytes = 192 * 1024;  // windows copied at once
constexpr index_t kFewPixels = 16;            // that still make good use of a panel
constexpr index_t kSlack = kernels::WindowBytes::kOverrun;

class ConvWindowsS8 final : public Step {
 public:
  explicit ConvWindowsS8(const StepSourceS8& s)
      : conv_(s, s.base.kernels.gemm_s8.shape), codes_(conv_.kernels.conv_s8) {
    pools_products_ = codes_.pools_products && s.base.layer.residual < 0 && conv_.groups == 1 &&
                      conv_.out_stored % conv_.weights(0).panel_width() == 0;
    // Tiles are fast enough to wait for windows that left the first cache: one block of them.
    const index_t mr = conv_.gemm.shape.mr, most = mr > kFewPixels ? mr : 16 * mr;
    few_ = std::max(mr, kFewPixels);
    const index_t fit = std::clamp(kWindowBytes / conv_.weights(0).row_bytes(), few_, most);
    most_rows_ = rows_for(conv_.pool, std::max<index_t>(1, fit / conv_.width));
    blank_ = conv_.blank(conv_.window.kernel_w * conv_.inputs * conv_.code + kSlack);
  }

  index_t workspace() const override {
    const index_t pixels = most_rows_ * conv_.width;
    return windows_bytes(pixels) + (sums_first() ? pixels * conv_.out_stored * 4 : 0);
  }
  std::string method() const override { return "int8 windows"; }

  void run(const StepData& d) const override {
    const bool by_outputs = !conv_.pool && conv_.groups == 1;
    const ConvCut cut(d.images * conv_.height,
                      {conv_.width, most_rows_, few_, conv_.pool, by_outputs,
                       conv_.weights(0).panels(), conv_.out_stored});
    // Pieces that are computed in turn share what a product needs set up.
    constexpr index_t kPieces = ConvCut::kPieces;
    const index_t grain = std::clamp<index_t>(cut.pieces() / (2 * kPieces), 1, 4 * kPieces);
    parallel_for(cut.pieces(), grain, [&](index_t begin, index_t end) {
      const Workspaces::Piece work(*d.work);
      if (sums_first()) {
        for (index_t i = begin; i < end; ++i) by_sums(d, cut.piece(i), work.bytes());
        return;
      }
      const auto next = [&](index_t i) { return product(d, cut.piece(begin + i), work.bytes()); };
      using Next = decltype(next);
      codes_.multiply_to_codes(
          {end - begin, const_cast<void*>(static_cast<const void*>(&next)),
           [](void* context, std::int64_t i) { return (*static_cast<Next*>(context))(i); }});
    });
  }

 private:
  // Whether sums go to memory before they become codes.
  bool sums_first() const { return conv_.groups > 1 || (conv_.pool && !pools_products_); }
  index_t windows_bytes(index_t pixels) const {
    return (pixels * conv_.weights(0).row_bytes() + kSlack + 63) / 64 * 64;
  }

  // Fills `work` with windows; the product that makes codes of them.
  kernels::ProductToCodes product(const StepData& d, const ConvPiece& p, std::byte* work) const {
    const WeightsS8& weights = conv_.weights(0);
    const index_t width = weights.panel_width();
    copy_windows(d, p.first, p.count, 0, conv_.pool, work);
    return {weights.product(work, p.count * conv_.width, p.panel0, p.panel1),
            conv_.requantize(d, p.first, p.panel0 * width,
                             std::min(p.panel1 * width, conv_.out_stored)),
            conv_.pool};
  }

  // Sums first, codes then. Every group has sums of its own columns.
  void by_sums(const StepData& d, const ConvPiece& p, std::byte* work) const {
    const index_t pixels = p.count * conv_.width, used = conv_.groups * conv_.outputs;
    const index_t stored = conv_.out_stored;
    auto* sums = reinterpret_cast<std::int32_t*>(work + windows_bytes(most_rows_ * conv_.width));
    for (index_t g = 0; g < conv_.groups; ++g) {
      const WeightsS8& weights = conv_.weights(g);
      copy_windows(d, p.first, p.count, g, false, work);
      conv_.gemm.multiply(weights.product(work, pixels, 0, weights.panels()),
                          sums + g * conv_.outputs, stored);
    }
    for (index_t i = 0; conv_.groups > 1 && i < pixels; ++i) {
      std::fill_n(sums + i * stored + used, stored - used, 0);
    }
    conv_.make_codes(d, p.first, p.count, sums);
  }

  // With `squares`, in the order that multiply_to_codes pools.
  void copy_windows(const StepData& d, index_t first, index_t count, index_t group, bool squares,
                    std::byte* out) const {
    const kernels::Window2d& window = conv_.window;
    kernels::WindowBytes w;
    w.height = window.height, w.width = window.width;
    w.pixel_step = conv_.in_stored * conv_.code, w.pixel = conv_.inputs * conv_.code;
    w.line = w.width * w.pixel_step;
    w.left = -window.pad_w;
    w.kernel_h = window.kernel_h, w.kernel_w = window.kernel_w;
    w.stride = window.stride_w;
    w.dilation_h = window.dilation_h, w.dilation_w = window.dilation_w;
    w.count = conv_.width;
    w.blank = blank_.data();
    w.out_row = conv_.weights(0).row_bytes();
    for (index_t i = 0; i < count; ++i) {
      const index_t n = (first + i) / conv_.height, y = (first + i) % conv_.height;
      w.image = d.input + n * w.height * w.line + group * w.pixel;
      w.top = y * window.stride_h - window.pad_h;
      if (squares) {
        copy_squares(w, out + (i / 2 * conv_.width * 2 + i % 2) * w.out_row);
        continue;
      }
      w.out = out + i * conv_.width * w.out_row;
      codes_.copy_windows(w);
    }
  }

  // One row of results, of which neighbours in a 2 x 2 square are four rows in turn.
  void copy_squares(kernels::WindowBytes w, std::byte* out) const {
    const index_t row = w.out_row, left = w.left, stride = conv_.window.stride_w;
    w.count = conv_.width / 2, w.stride = 2 * stride;
    w.out_row = 4 * row;
    for (index_t right = 0; right < 2; ++right) {
      w.left = left + right * stride;
      w.out = out + right * 2 * row;
      codes_.copy_windows(w);
    }
  }

  ConvS8 conv_;
  const kernels::ConvS8Table& codes_;
  bool pools_products_ = false;
  index_t most_rows_ = 1, few_ = 1;
  std::vector<std::byte> blank_;  // pixels that stand for 0
};

}  // namespace

StepPtr make_conv_windows_s8(const StepSourceS8& s) { return std::make_unique<ConvWindowsS8>(s); }

}  // namespace tt::runtime
