#include "tinytorch/data/augment.hpp"

#include <algorithm>
#include <array>

#include "tinytorch/base/rng.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::data {
namespace {

using Flip = Augmentation::Flip;

// What is drawn for one image in one epoch.
struct Draw {
  index_t down = 0, right = 0;  // of the window, from -pad to pad
  bool mirrored = false;
  index_t cut_y = 0, cut_x = 0;  // centre of the square
};

// Uniform in [0, bound): the bias of a product with 32 random bits is below 2^-20 here.
index_t below(std::uint32_t bits, index_t bound) {
  return static_cast<index_t>(
      (static_cast<std::uint64_t>(bits) * static_cast<std::uint64_t>(bound)) >> 32);
}

class Maker {
 public:
  Maker(const Array& images, const Normalization& n, const Augmentation& a, std::uint64_t seed,
        std::uint64_t epoch)
      : images_(images.data<std::uint8_t>()),
        channels_(images.shape(1)),
        height_(images.shape(2)),
        width_(images.shape(3)),
        a_(a),
        seed_(seed),
        epoch_(epoch) {
    for (std::size_t c = 0; c < n.mean.size(); ++c) {
      table_.emplace_back();
      for (std::size_t v = 0; v < 256; ++v) {
        table_[c][v] = (static_cast<float>(v) / 255.0f - n.mean[c]) / n.std[c];
      }
    }
  }

  void make(index_t image, float* out) const {
    const Draw d = draw(image);
    const std::uint8_t* from = images_ + image * channels_ * height_ * width_;
    for (index_t c = 0; c < channels_; ++c) {
      const auto& table = table_[static_cast<std::size_t>(c)];
      for (index_t y = 0; y < height_; ++y) {
        line(from + c * height_ * width_, y + d.down, d, table.data(),
             out + (c * height_ + y) * width_);
      }
    }
    if (a_.cutout > 0) cut(d, out);
  }

 private:
  Draw draw(index_t image) const {
    const auto id = static_cast<std::uint64_t>(image);
    const auto r = philox(seed_, id, epoch_);
    Draw d;
    d.down = below(r[0], 2 * a_.pad + 1) - a_.pad;
    d.right = below(r[1], 2 * a_.pad + 1) - a_.pad;
    d.cut_y = below(r[2], height_);
    d.cut_x = below(r[3], width_);
    if (a_.flip == Flip::random) d.mirrored = (philox(seed_ + 1, id, epoch_)[0] & 1) != 0;
    if (a_.flip == Flip::alternating) d.mirrored = ((philox(seed_ + 1, id)[0] + epoch_) & 1) != 0;
    return d;
  }

  // Row `y` of a plane, which may lie beyond it, moved and mirrored.
  void line(const std::uint8_t* plane, index_t y, const Draw& d, const float* table,
            float* out) const {
    const index_t row = place(y, height_);
    const index_t last = width_ - 1;
    for (index_t x = 0; x < width_; ++x) {
      const index_t col = place(x + d.right, width_);
      const float v = row < 0 || col < 0 ? 0.0f : table[plane[row * width_ + col]];
      out[d.mirrored ? last - x : x] = v;
    }
  }

  // Where position `at` of an axis is read; -1: nowhere. The border of zeros is one of mean colour.
  index_t place(index_t at, index_t size) const {
    if (at >= 0 && at < size) return at;
    if (a_.border == Augmentation::Border::zero) return -1;
    return at < 0 ? -at : 2 * (size - 1) - at;
  }

  void cut(const Draw& d, float* out) const {
    const index_t half = a_.cutout / 2, top = d.cut_y - half, left = d.cut_x - half;
    const index_t y0 = std::max<index_t>(0, top), y1 = std::min(height_, top + a_.cutout);
    const index_t x0 = std::max<index_t>(0, left), x1 = std::min(width_, left + a_.cutout);
    for (index_t c = 0; c < channels_; ++c) {
      for (index_t y = y0; y < y1; ++y) {
        std::fill(out + (c * height_ + y) * width_ + x0, out + (c * height_ + y) * width_ + x1,
                  0.0f);
      }
    }
  }

  const std::uint8_t* images_;
  index_t channels_, height_, width_;
  const Augmentation& a_;
  std::uint64_t seed_, epoch_;
  std::vector<std::array<float, 256>> table_;  // per channel, of every byte
};

void check(const Array& images, const Array& rows, const Normalization& n, const Augmentation& a) {
  if (images.ndim() != 4) {
    fail<ShapeError>("images must be (N, channels, height, width), got shape ",
                     to_string(images.shape()));
  }
  if (images.dtype() != DType::u8)
    fail<DTypeError>("images must be uint8, got ", name_of(images.dtype()));
  if (rows.ndim() != 1 || rows.dtype() != DType::i64) {
    fail<ShapeError>("rows must be a list of int64, got ", name_of(rows.dtype()), " of shape ",
                     to_string(rows.shape()));
  }
  const auto channels = static_cast<std::size_t>(images.shape(1));
  if (n.mean.size() != channels || n.std.size() != channels) {
    fail<ValueError>("mean and std need a value for each of the ", channels, " channels, got ",
                     n.mean.size(), " and ", n.std.size());
  }
  if (!std::all_of(n.std.begin(), n.std.end(), [](float s) { return s > 0.0f; })) {
    fail<ValueError>("every std must be above 0");
  }
  const index_t side = std::min(images.shape(2), images.shape(3));
  if (a.pad < 0 || (a.pad > 0 && a.pad >= side)) {
    fail<ValueError>("pad must lie between 0 and ", side - 1, " for images of ", images.shape(2),
                     " x ", images.shape(3), ", got ", a.pad);
  }
  if (a.cutout < 0) fail<ValueError>("cutout must not be negative, got ", a.cutout);
}

}  // namespace

Array augmented(const Array& images, const Array& rows, const Normalization& normalization,
                const Augmentation& augmentation, std::uint64_t seed, std::uint64_t epoch) {
  check(images, rows, normalization, augmentation);
  const Array stored = images.contiguous(), chosen = rows.contiguous();
  const auto* row = chosen.data<std::int64_t>();
  const index_t count = images.shape(0), each = count > 0 ? images.size() / count : 0;
  for (index_t i = 0; i < chosen.size(); ++i) {
    if (row[i] < 0 || row[i] >= count) {
      fail<IndexError>("row ", row[i], " is out of range for ", count, " images");
    }
  }
  const Array out =
      Array::empty({chosen.size(), images.shape(1), images.shape(2), images.shape(3)});
  if (out.size() == 0) return out;
  const Maker maker(stored, normalization, augmentation, seed, epoch);
  parallel_for(chosen.size(), grain_for(1 << 15, each), [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) maker.make(row[i], out.data<float>() + i * each);
  });
  return out;
}

}  // namespace tt::data
