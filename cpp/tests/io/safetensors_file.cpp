#include <sys/stat.h>

#include <thread>

#include "io/io_support.hpp"
#include "support/catch.hpp"
#include "tinytorch/io/safetensors.hpp"

using namespace tt;
using namespace tt::io;
using namespace tt::test;

namespace {

const Array& find(const LoadedArrays& loaded, const std::string& name) {
  for (const auto& [key, array] : loaded.tensors) {
    if (key == name) return array;
  }
  throw std::runtime_error("no tensor " + name);
}

NamedArrays one_of_each_dtype() {
  NamedArrays tensors;
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    const auto dtype = static_cast<DType>(i);
    tensors.emplace_back(std::string(name_of(dtype)), Array::full({3, 1, 2}, 1.0, dtype));
  }
  tensors.emplace_back("scalar", Array::scalar(-2.5));
  tensors.emplace_back("empty", Array::empty({4, 0}, DType::f64));
  return tensors;
}

}  // namespace

TEST_CASE("arrays of every dtype survive a round trip") {
  const TemporaryFolder folder;
  const std::string path = folder / "all.safetensors";
  const NamedArrays tensors = one_of_each_dtype();
  save_safetensors(path, tensors, {{"made by", "a test"}});
  const bool copy = GENERATE(false, true);
  const LoadedArrays loaded = load_safetensors(path, copy);
  CHECK(loaded.metadata == Metadata{{"made by", "a test"}});
  REQUIRE(loaded.tensors.size() == tensors.size());
  for (const auto& [name, expected] : tensors) {
    CAPTURE(name, copy);
    const Array& got = find(loaded, name);
    CHECK(got.dtype() == expected.dtype());
    CHECK(got.shape() == expected.shape());
    CHECK(std::equal(got.raw(), got.raw() + got.nbytes(), expected.raw()));
  }
}

TEST_CASE("mapped tensors are read-only views that outlive the file") {
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  save_safetensors(path, {{"w", Array::from<float>({1, 2, 3}, {3})}});
  Array w = load_safetensors(path).tensors[0].second;
  CHECK(w.storage()->foreign());
  CHECK_FALSE(w.storage()->writable());
  save_safetensors(path, {{"w", Array::from<float>({7, 8, 9}, {3})}});  // replaces, not overwrites
  std::filesystem::remove(path);
  CHECK(w.data<float>()[2] == 3.0f);
}

TEST_CASE("views are written as their elements, not their storage") {
  const TemporaryFolder folder;
  const std::string path = folder / "v.safetensors";
  const Array a = Array::from<float>({0, 1, 2, 3, 4, 5}, {2, 3});
  save_safetensors(
      path,
      {{"t", a.transpose(0, 1)}, {"flip", a.flip(1)}, {"wide", Array::scalar(7).expand({2, 2})}});
  const LoadedArrays loaded = load_safetensors(path);
  const auto values = [&](const char* name) {
    const Array& x = find(loaded, name);
    return std::vector<float>(x.data<float>(), x.data<float>() + x.size());
  };
  CHECK(values("t") == std::vector<float>{0, 3, 1, 4, 2, 5});
  CHECK(values("flip") == std::vector<float>{2, 1, 0, 5, 4, 3});
  CHECK(values("wide") == std::vector<float>{7, 7, 7, 7});
}

TEST_CASE("tensors that another writer left unaligned are copied") {
  const TemporaryFolder folder;
  std::string data = "abc";
  const float value = 1.5f;
  data.append(reinterpret_cast<const char*>(&value), 4);
  const std::string path =
      write_bytes(folder / "odd.safetensors",
                  safetensors_bytes(R"({"u":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                                    R"("f":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}})",
                                    data));
  const LoadedArrays loaded = load_safetensors(path);
  CHECK(find(loaded, "u").storage()->foreign());
  const Array& f = find(loaded, "f");
  CHECK_FALSE(f.storage()->foreign());
  CHECK(reinterpret_cast<std::uintptr_t>(f.raw()) % alignof(float) == 0);
  CHECK(f.item() == 1.5);
}

TEST_CASE("a BOOL byte other than 0 and 1 is refused") {
  const TemporaryFolder folder;
  const std::string path =
      write_bytes(folder / "b.safetensors",
                  safetensors_bytes(R"({"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})",
                                    {"\0\1\2", 3}));
  CHECK_THROWS_WITH(load_safetensors(path, GENERATE(false, true)),
                    Catch::Matchers::Contains("got 2 at element 2"));
}

TEST_CASE("files too short, too long or of another kind are refused") {
  const TemporaryFolder folder;
  const std::string path = folder / "f.safetensors";
  save_safetensors(path, {{"w", Array::full({10}, 1.0)}}, {{"k", "v"}});
  const std::string whole = read_bytes(path);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    write_bytes(path, whole.substr(0, n));
    CHECK_THROWS_AS(load_safetensors(path), FormatError);
  }
  write_bytes(path, whole + "x");
  CHECK_THROWS_AS(load_safetensors(path), FormatError);
  write_bytes(path, std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10));
  CHECK_THROWS_AS(load_safetensors(path), FormatError);
}

TEST_CASE("paths that are no files fail with their errno and never wait") {
  const TemporaryFolder folder;
  const auto code = [](const std::string& path) {
    try {
      load_safetensors(path);
    } catch (const IoError& error) {
      return error.code;
    }
    return 0;
  };
  CHECK(code(folder / "missing") == ENOENT);
  CHECK(code(folder.path().string()) == EISDIR);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(code(folder / "pipe") == EINVAL);
  CHECK(code("/dev/zero") == EINVAL);
  CHECK_THROWS_AS(load_safetensors(std::string("a\0b", 3)), ValueError);
}

TEST_CASE("names that cannot be stored are refused and leave the old file alone") {
  const TemporaryFolder folder;
  const std::string path = folder / "f.safetensors";
  save_safetensors(path, {{"w", Array::scalar(1)}});
  const std::string before = read_bytes(path);
  const Array x = Array::scalar(2);
  CHECK_THROWS_AS(save_safetensors(path, {{"a", x}, {"a", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(path, {{"__metadata__", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(path, {{std::string("a\0", 2), x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(path, {{"\xff", x}}), ValueError);
  CHECK_THROWS_AS(save_safetensors(path, {{"a", Array()}}), ValueError);
  CHECK(read_bytes(path) == before);
}

TEST_CASE("tensors are released from any thread") {
  const TemporaryFolder folder;
  const std::string path = folder / "t.safetensors";
  save_safetensors(path, one_of_each_dtype());
  std::thread([loaded = load_safetensors(path)] {}).join();
}
