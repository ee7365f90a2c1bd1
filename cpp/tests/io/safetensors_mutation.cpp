// Damaged files: whatever the bytes say, loading ends in arrays that stay within the file or in a
// FormatError. Under ASan and UBSan this is a fuzz test with a fixed seed.
#include "io/io_support.hpp"
#include "support/catch.hpp"
#include "support/mutate.hpp"
#include "support/profile.hpp"
#include "tinytorch/io/safetensors.hpp"

using namespace tt;
using namespace tt::io;
using namespace tt::test;

namespace {

std::string valid_file(const TemporaryFolder& folder) {
  const std::string path = folder / "valid.safetensors";
  save_safetensors(path,
                   {{"weight", Array::full({3, 4}, 0.5)},
                    {"scale", Array::full({2}, 2.0, DType::f64)},
                    {"half", Array::full({5}, 1.0, DType::bf16)},
                    {"mask", Array::full({7}, 1.0, DType::boolean)},
                    {"empty", Array::empty({0, 9}, DType::i8)}},
                   {{"format", "pt"}, {"note", "\u20ac"}});
  return read_bytes(path);
}

void damage(std::string& bytes, Generator& random) {
  static constexpr std::string_view tokens[] = {"[",
                                                "]",
                                                "{",
                                                "}",
                                                "\"",
                                                ",",
                                                ":",
                                                "0",
                                                "9",
                                                "-",
                                                "\\u0000",
                                                "18446744073709551615",
                                                "[[[[",
                                                "\"shape\":",
                                                "e5",
                                                "null",
                                                "4611686018427387904"};
  const auto token = [&] { return tokens[random.below(std::size(tokens))]; };
  mutate(
      bytes, random, [&](std::size_t at) { bytes.insert(at, token()); },
      [&](std::size_t at) { bytes.replace(at, 1, token()); });
}

// Touches every byte of every array, so that a sanitizer or the kernel sees a wild pointer.
unsigned checksum(const LoadedArrays& loaded) {
  unsigned sum = 0;
  for (const auto& [name, array] : loaded.tensors) {
    REQUIRE(array.nbytes() ==
            static_cast<std::size_t>(numel(array.shape())) * size_of(array.dtype()));
    for (std::size_t i = 0; i < array.nbytes(); ++i)
      sum += std::to_integer<unsigned>(array.raw()[i]);
  }
  return sum;
}

}  // namespace

TEST_CASE("mutated safetensors files load or are refused, nothing else") {
  const TemporaryFolder folder;
  const std::string valid = valid_file(folder);
  const std::string path = folder / "mutated.safetensors";
  Generator random(20);
  const int rounds = quick_or_slow(800, 8'000);
  int refused = 0, accepted = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = valid;
    for (std::uint64_t n = 1 + random.below(4); n > 0 && !bytes.empty(); --n) damage(bytes, random);
    // Keep the stated length true in half of the rounds, or nearly all would fail there.
    if (bytes.size() > valid.size() / 2 && random.below(2) == 0) {
      const std::uint64_t data = valid.size() - 8 - (valid.find("}}") + 8) / 8 * 8;
      const std::uint64_t length =
          bytes.size() - 8 - std::min<std::uint64_t>(data, bytes.size() - 8);
      std::memcpy(bytes.data(), &length, 8);
    }
    write_bytes(path, bytes);
    try {
      checksum(load_safetensors(path, random.below(2) == 0));
      ++accepted;
    } catch (const FormatError&) {
      ++refused;
    }
  }
  CAPTURE(accepted, refused);
  CHECK(refused > rounds / 2);
  CHECK(accepted > rounds / 160);  // flips inside the data, else the mutations test nothing deep
}
