#include "tinytorch/deploy/model_file.hpp"

#include <filesystem>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/base/rng.hpp"
#include "tinytorch/io/safetensors.hpp"
#include "tinytorch/ops/shape.hpp"

using namespace tt;

namespace {

const char* const kSizes =
    R"("input_shape": [3, 8, 8], "classes": 4, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.3])";
const char* const kNodes =
    R"([["conv", "a", 3, 16, 3, 1, 1], ["relu"], ["maxpool", 2], ["gap"], ["linear", "fc", 16, 4]])";

std::string config(const std::string& nodes, const std::string& more = "",
                   const std::string& names = "") {
  return std::string(R"({"model": "small", "sizes": {)") + kSizes + ", \"nodes\": " + nodes + more +
         "}" + names + "}";
}

Array normal(const Shape& shape, std::uint64_t seed) {
  const Array a = Array::empty(shape);
  Generator g(seed);
  g.normal(a.data<float>(), a.size(), 0.0f, 0.3f);
  return a;
}

io::NamedArrays weights() {
  return {{"a.weight", normal({16, 3, 3, 3}, 1)},
          {"a.bias", normal({16}, 2)},
          {"fc.weight", normal({16, 4}, 3)},
          {"fc.bias", normal({4}, 4)}};
}

struct Scratch {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "tt_model_file.safetensors";
  ~Scratch() { std::filesystem::remove(path); }
  std::string save(const std::string& text, const io::NamedArrays& arrays = weights()) const {
    io::save_safetensors(path.string(), arrays, {{"tinytorch.model", text}});
    return path.string();
  }
};

}  // namespace

TEST_CASE("a model file becomes a session with its weights, classes and statistics") {
  const Scratch scratch;
  const auto model = deploy::read_model(
      scratch.save(config(kNodes, "", R"(, "class_names": ["w", "x", "y", "z"])")));
  CHECK(model.name == "small");
  CHECK(model.classes == std::vector<std::string>{"w", "x", "y", "z"});
  CHECK(model.normalization.mean[1] == 0.4f);
  CHECK_FALSE(model.int8());
  const auto session = deploy::make_session(model, 1);
  const Array x = normal({2, 3, 8, 8}, 9);
  const Array y = session->run(x);
  // The linear layer's weight is stored (in, out).
  auto changed = weights();
  changed[2].second = changed[2].second.copy();
  changed[2].second.data<float>()[1] += 1.0f;  // of input 0 to class 1
  const auto other =
      deploy::make_session(deploy::read_model(scratch.save(config(kNodes), changed)), 1);
  const Array z = other->run(x);
  CHECK(z.data<float>()[0] == y.data<float>()[0]);
  CHECK(z.data<float>()[1] != y.data<float>()[1]);
}

TEST_CASE("an int8 model file has scales and ranges") {
  const Scratch scratch;
  const Array q = Array::empty({16, 3, 3, 3}, DType::i8);
  for (index_t i = 0; i < q.size(); ++i) {
    q.data<std::int8_t>()[i] = static_cast<std::int8_t>(i * 37 % 255 - 127);
  }
  const Array fc = Array::full({4, 16}, 100, DType::i8);
  const io::NamedArrays stored{
      {"a.q_weight", q},   {"a.scales", Array::full({16}, 0.01)}, {"a.bias", normal({16}, 2)},
      {"fc.q_weight", fc}, {"fc.scales", Array::full({4}, 0.02)}, {"fc.bias", normal({4}, 4)}};
  const std::string ranges = R"(, "ranges": [[-2, 2], [-2, 2], [0, 9], [0, 4], [-9, 9]])";
  const auto model = deploy::read_model(scratch.save(config(kNodes, ranges), stored));
  CHECK(model.int8());
  CHECK(model.nodes[0].weight.data<float>()[5] ==
        static_cast<float>(q.data<std::int8_t>()[5]) * 0.01f);
  const auto session = deploy::make_session(model, 1);
  CHECK(session->run(normal({3, 3, 8, 8}, 9)).shape() == Shape{3, 4});
  CHECK(session->ranges().size() == 5);
}

TEST_CASE("of mirror pairs a file has one filter each") {
  const Scratch scratch;
  const std::string nodes =
      R"([["conv", "a", 3, 8, 3, 1, 1], ["relu"], ["push"], ["conv", "b", 8, 8, 3, 1, 1], ["add"],
          ["gap"], ["linear", "fc", 8, 4]])";
  const Array fc = normal({4, 4}, 3);
  const io::NamedArrays half{{"a.weight", normal({4, 3, 3, 3}, 1)},   {"a.bias", normal({4}, 2)},
                             {"b.weight", normal({4, 8, 3, 3}, 5)},   {"b.bias", normal({4}, 6)},
                             {"fc.weight", ops::concat({fc, fc}, 0)}, {"fc.bias", normal({4}, 4)}};
  const auto model =
      deploy::read_model(scratch.save(config(nodes, R"(, "mirror_pairs": true)"), half));
  const Array &a = model.nodes[0].weight, &b = model.nodes[3].weight;
  REQUIRE(a.shape() == Shape{8, 3, 3, 3});
  REQUIRE(b.shape() == Shape{8, 8, 3, 3});
  const auto at = [](const Array& w, index_t o, index_t i, index_t y, index_t x) {
    return w.data<float>()[((o * w.shape(1) + i) * 3 + y) * 3 + x];
  };
  CHECK(at(a, 5, 2, 1, 0) == at(a, 1, 2, 1, 2));
  CHECK(at(b, 5, 2, 1, 0) == at(b, 1, 6, 1, 2));
  CHECK(at(b, 5, 7, 2, 1) == at(b, 1, 3, 2, 1));
  // So the scores do not mind mirrors.
  const auto session = deploy::make_session(model, 1);
  const Array x = normal({1, 3, 8, 8}, 9);
  const Array y = session->run(x), z = session->run(x.flip(3).contiguous());
  for (int i = 0; i < 4; ++i) {
    CHECK(y.data<float>()[i] == Approx(z.data<float>()[i]).margin(1e-4));
  }
  const auto refuses = [&](const std::string& text, const io::NamedArrays& arrays) {
    const std::string path = scratch.save(text, arrays);
    CHECK_THROWS_AS(deploy::make_session(deploy::read_model(path), 1), ValueError);
  };
  const std::string pairs = R"(, "mirror_pairs": true)";
  refuses(config(nodes), half);
  refuses(config(nodes, R"(, "mirror_pairs": 1)"), half);
  refuses(config(R"([["conv", "a", 3, 8, 3, 2, 1], ["gap"], ["linear", "fc", 8, 4]])", pairs),
          half);
  refuses(config(R"([["conv", "fc", 3, 8, 3, 1, 1], ["gap"]])", pairs), half);
  refuses(config(R"([["whiten", "a", 3, 8, 3], ["gap"], ["linear", "fc", 8, 4]])", pairs), half);
}

TEST_CASE("files that are no network of nodes are refused by name") {
  const Scratch scratch;
  const auto refuses = [&](const std::string& text, const io::NamedArrays& arrays = weights()) {
    const std::string path = scratch.save(text, arrays);
    CHECK_THROWS_AS(deploy::make_session(deploy::read_model(path), 1), ValueError);
  };
  refuses("{}");
  refuses("[]");
  refuses("not json");
  refuses(config("7"));
  refuses(config(R"([["swish"]])"));
  refuses(config(R"([["conv", "b", 3, 16, 3, 1, 1], ["gap"]])"));
  refuses(config(R"([["conv", "a", 3, 16, 3, -1, 1], ["gap"]])"));
  refuses(config(R"([["conv", "a", 3, 16, 3, 1.5, 1], ["gap"]])"));
  refuses(config(R"([["conv", "a", 3]])"));
  refuses(config(R"([["push"], ["conv", "a", 3, 16, 3, 1, 1], ["gap"]])"));
  refuses(config(R"([["conv", "a", 3, 16, 3, 1, 1], ["gap"]])"));  // 16 scores, 4 classes
  refuses(config(kNodes, R"(, "ranges": [[0, 1]])"));
  refuses(config(kNodes, R"(, "ranges": [[1, 0], [1, 0], [1, 0], [1, 0], [1, 0]])"));
  refuses(config(kNodes, "", R"(, "class_names": ["w"])"));
  refuses(config(kNodes), {{"a.weight", normal({16, 3, 3, 3}, 1)}});
  std::string deep = "[";
  for (int i = 0; i < 20; ++i) deep += R"(["push"], ["proj", [)";
  refuses(config(deep));
  CHECK_THROWS_AS(deploy::read_model("/nowhere/model.safetensors"), IoError);
}
