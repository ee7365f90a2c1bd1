#include "tinytorch/deploy/image_file.hpp"

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"

using namespace tt;

namespace {

struct File {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "tt_image_file";
  explicit File(const std::string& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  ~File() { std::filesystem::remove(path); }
};

std::string ppm(int width, int height) {
  std::string bytes = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (const int v : {x, y, 7}) bytes.push_back(static_cast<char>(v));
    }
  }
  return bytes;
}

int at(const Array& image, index_t c, index_t y, index_t x) {
  return image.data<std::uint8_t>()[(c * image.shape(1) + y) * image.shape(2) + x];
}

}  // namespace

TEST_CASE("a picture of the right size is taken as it is, plane by plane") {
  const File file(ppm(5, 4));
  const Array image = deploy::read_image(file.path.string(), 4, 5);
  CHECK(image.shape() == Shape{3, 4, 5});
  CHECK(at(image, 0, 2, 3) == 3);
  CHECK(at(image, 1, 2, 3) == 2);
  CHECK(at(image, 2, 2, 3) == 7);
}

TEST_CASE("other sizes are cut to the middle and resized") {
  const File file(ppm(200, 100));
  const Array image = deploy::read_image(file.path.string(), 10, 10);
  // The middle square is columns 50 to 150.
  CHECK(at(image, 0, 5, 0) == Approx(55).margin(3));
  CHECK(at(image, 0, 5, 9) == Approx(145).margin(3));
  CHECK(at(image, 1, 0, 5) == Approx(5).margin(3));
  CHECK(at(image, 2, 5, 5) == 7);
}

TEST_CASE("a grey picture has three equal planes") {
  const File file("P5\n2 2\n255\n" + std::string("\x01\x02\x03\x04", 4));
  const Array image = deploy::read_image(file.path.string(), 2, 2);
  for (index_t c = 0; c < 3; ++c) CHECK(at(image, c, 1, 0) == 3);
}

TEST_CASE("raw bytes of the right number are planes") {
  std::string bytes;
  for (int i = 0; i < 12; ++i) bytes.push_back(static_cast<char>(i * 20));
  const File file(bytes);
  CHECK(at(deploy::read_image(file.path.string(), 2, 2), 2, 1, 1) == 220);
}

TEST_CASE("what is no picture is refused") {
  for (const std::string& bytes :
       {std::string(), std::string("hello"),
        std::string("\x89PNG\r\n\x1a\n") + std::string(40, '\0'), ppm(5, 4).substr(0, 30),
        std::string("P6\n99999999 99999999\n255\n")}) {
    const File file(bytes);
    CHECK_THROWS_AS(deploy::read_image(file.path.string(), 8, 8), FormatError);
  }
  CHECK_THROWS_AS(deploy::read_image("/nowhere/a.png", 8, 8), IoError);
}
