#include "tinytorch/array/channels_last.hpp"

namespace tt {

bool is_channels_last(const Array& x) {
  if (x.ndim() != 4 || x.is_contiguous() || x.strides()[1] != 1) return false;
  return pixels_of(x).is_contiguous();
}

Array pixels_of(const Array& images) { return images.permute({0, 2, 3, 1}); }
Array images_of(const Array& pixels) { return pixels.permute({0, 3, 1, 2}); }

Array empty_channels_last(const Shape& s, DType dtype) {
  return images_of(Array::empty({s[0], s[2], s[3], s[1]}, dtype));
}

Array to_channels_last(const Array& x) { return images_of(pixels_of(x).contiguous()); }

}  // namespace tt
