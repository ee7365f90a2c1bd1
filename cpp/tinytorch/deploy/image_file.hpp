// Pictures from files: PNG, PPM and PGM (by stb_image), and raw bytes, (channels, height, width).
#pragma once
#include <string>

#include "tinytorch/array/array.hpp"

namespace tt::deploy {

// uint8 (3, height, width) with red, green and blue. A picture of another size is cut to the middle
// of its longer side, in the wanted proportion, and resized. A file of exactly 3 * height * width
// bytes that is no picture is taken as it is.
// IoError where the file cannot be read, FormatError where it is none of these or larger than
// 16,384 pixels along a side.
Array read_image(const std::string& path, index_t height, index_t width);

}  // namespace tt::deploy
