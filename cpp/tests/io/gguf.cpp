// GGUF files: what is read, by values known from ggml's formulas; files that are cut or damaged end
// in arrays within the file or in a FormatError. Under ASan and UBSan this is a fuzz test.
#include "tinytorch/io/gguf.hpp"

#include "io/io_support.hpp"
#include "support/catch.hpp"
#include "support/mutate.hpp"
#include "support/profile.hpp"

using namespace tt;
using namespace tt::io;
using namespace tt::test;

namespace {

class GgufBytes {
 public:
  template <class T>
  GgufBytes& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& text(std::string_view value) {
    put<std::uint64_t>(value.size());
    bytes_ += value;
    return *this;
  }
  GgufBytes& key(std::string_view name, GgufType type) { return text(name).put(type); }
  GgufBytes& tensor(std::string_view name, const std::vector<std::uint64_t>& sizes,
                    GgufFormat format, std::uint64_t offset) {
    text(name).put(static_cast<std::uint32_t>(sizes.size()));
    for (const std::uint64_t size : sizes) put(size);
    return put(format).put(offset);
  }
  GgufBytes& pad() {
    bytes_.resize((bytes_.size() + 31) / 32 * 32, '\0');
    return *this;
  }
  const std::string& get() const { return bytes_; }

 private:
  std::string bytes_;
};

std::string valid_file() {
  GgufBytes b;
  b.put(std::uint32_t{0x46554747}).put(std::uint32_t{3});
  b.put(std::uint64_t{3}).put(std::uint64_t{4});
  b.key("name", GgufType::string).text("\u20ac");
  b.key("count", GgufType::i16).put(std::int16_t{-2});
  b.key("texts", GgufType::array).put(GgufType::string).put(std::uint64_t{2}).text("a").text("");
  b.key("nested", GgufType::array).put(GgufType::array).put(std::uint64_t{1});
  b.put(GgufType::boolean).put(std::uint64_t{2}).put(std::uint8_t{0}).put(std::uint8_t{1});
  b.tensor("plain", {3, 2}, GgufFormat::f32, 0);
  b.tensor("bytes", {32}, GgufFormat::q8_0, 32);
  b.tensor("nibbles", {32}, GgufFormat::q4_0, 96);
  b.pad();
  for (int i = 0; i < 6; ++i) b.put(static_cast<float>(i));
  b.pad().put(f16(0.5f));
  for (int i = 0; i < 32; ++i) b.put(static_cast<std::int8_t>(i - 16));
  b.pad().put(f16(-2.0f));
  for (int i = 0; i < 16; ++i) b.put(static_cast<std::uint8_t>(i | (15 - i) << 4));
  return b.get();
}

// Touches every byte of every array, so that a sanitizer or the kernel sees a wild pointer.
double checksum(const GgufFile& file) {
  double sum = 0;
  for (const GgufTensor& tensor : file.header().tensors) {
    const Array array = file.read(tensor);
    for (index_t i = 0; i < array.size(); ++i) sum += array.data<float>()[i];
  }
  return sum;
}

void damage(std::string& bytes, Generator& random) {
  mutate(
      bytes, random, [&](std::size_t at) { bytes.insert(at, 1 + random.below(8), '\xff'); },
      [&](std::size_t at) {
        bytes.replace(at, std::min<std::size_t>(8, bytes.size() - at), 8, '\xff');
      });
}

}  // namespace

TEST_CASE("a GGUF file's metadata and tensors are read") {
  const TemporaryFolder folder;
  const GgufFile file(write_bytes(folder / "f", valid_file()));
  const GgufHeader& header = file.header();
  REQUIRE(header.metadata.size() == 4);
  CHECK(std::get<std::string>(header.metadata[0].second) == "\u20ac");
  CHECK(std::get<std::int64_t>(header.metadata[1].second) == -2);
  CHECK(std::get<GgufArray>(header.metadata[2].second).strings ==
        std::vector<std::string>{"a", ""});
  const auto& nested = std::get<GgufArray>(header.metadata[3].second);
  REQUIRE(nested.arrays.size() == 1);
  CHECK(nested.arrays[0].numbers == std::vector{std::byte{0}, std::byte{1}});

  REQUIRE(header.tensors.size() == 3);
  CHECK(header.tensors[0].shape == Shape{2, 3});
  const Array plain = file.read(header.tensors[0]), bytes = file.read(header.tensors[1]),
              nibbles = file.read(header.tensors[2]);
  CHECK(plain.data<float>()[5] == 5.0f);
  CHECK(bytes.data<float>()[0] == -8.0f);
  CHECK(bytes.data<float>()[31] == 7.5f);
  CHECK(nibbles.data<float>()[0] == 16.0f);    // (0 - 8) -2
  CHECK(nibbles.data<float>()[16] == -14.0f);  // (15 - 8) -2
  CHECK(nibbles.data<float>()[15] == -14.0f);
}

TEST_CASE("a GGUF file cut at any byte is refused") {
  const TemporaryFolder folder;
  const std::string valid = valid_file(), path = folder / "cut";
  for (std::size_t length = 0; length < valid.size(); ++length) {
    CAPTURE(length);
    CHECK_THROWS_AS(GgufFile(write_bytes(path, valid.substr(0, length))), FormatError);
  }
}

TEST_CASE("mutated GGUF files load or are refused, nothing else") {
  const TemporaryFolder folder;
  const std::string valid = valid_file(), path = folder / "mutated";
  Generator random(21);
  const int rounds = quick_or_slow(2'000, 20'000);
  int refused = 0, accepted = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = valid;
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) damage(bytes, random);
    write_bytes(path, bytes);
    try {
      checksum(GgufFile(path));
      ++accepted;
    } catch (const FormatError&) {
      ++refused;
    }
  }
  CAPTURE(accepted, refused);
  CHECK(refused > rounds / 2);
  CHECK(accepted > rounds / 100);  // flips inside values and data
}
