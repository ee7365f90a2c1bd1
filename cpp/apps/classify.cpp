// tinytorch-classify MODEL.safetensors IMAGE... [--top N] [--repeat N] [--json]
// Prints each image's most likely classes and the microseconds that its scores took.
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/capstone/clock.hpp"
#include "tinytorch/deploy/image_file.hpp"
#include "tinytorch/deploy/model_file.hpp"
#include "tinytorch/io/json_text.hpp"

namespace {

using namespace tt;

constexpr const char* kUsage =
    "usage: tinytorch-classify MODEL.safetensors IMAGE... [--top N] [--repeat N] [--json]\n"
    "  IMAGE      PNG, PPM or PGM (resized where needed), or raw bytes (channels, height, width)\n"
    "  --top      classes to print of each image (5)\n"
    "  --repeat   times each image is computed; the median time is printed (11)\n"
    "  --json     a line of JSON per image\n";

struct Options {
  std::string model;
  std::vector<std::string> images;
  index_t top = 5, repeat = 11;
  bool json = false;
};

struct Answer {
  std::vector<float> probabilities;
  std::vector<index_t> order;  // of classes, most likely first
  double microseconds = 0.0;
};

index_t number(std::string_view option, const char* text) {
  index_t value = 0;
  const char* end = text == nullptr ? nullptr : text + std::strlen(text);
  if (text == nullptr || std::from_chars(text, end, value).ptr != end || value < 1 ||
      value > 1'000'000) {
    fail<ValueError>(option, " needs a whole number from 1 to 1,000,000");
  }
  return value;
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--json") {
      o.json = true;
    } else if (word == "--top") {
      o.top = number(word, argv[++i]);
    } else if (word == "--repeat") {
      o.repeat = number(word, argv[++i]);
    } else if (word.starts_with("--")) {
      fail<ValueError>("unknown option ", word);
    } else if (o.model.empty()) {
      o.model = word;
    } else {
      o.images.emplace_back(word);
    }
  }
  if (o.images.empty()) fail<ValueError>("a model and at least one image are needed");
  return o;
}

Answer classify(runtime::CnnSession& session, const deploy::ModelFile& model,
                const std::string& path, index_t repeat) {
  const Array image = deploy::read_image(path, model.input.height, model.input.width).unsqueeze(0);
  const Array first = Array::from(std::vector<std::int64_t>{0}, {1});
  std::vector<std::int64_t> times;
  Array scores;
  for (index_t i = 0; i < repeat; ++i) {
    const std::int64_t start = capstone::steady_now_ns();
    scores = session.run(data::augmented(image, first, model.normalization, {}, 0, 0));
    times.push_back(capstone::steady_now_ns() - start);
  }
  std::sort(times.begin(), times.end());
  Answer a;
  a.microseconds = static_cast<double>(times[times.size() / 2]) / 1000.0;
  a.probabilities.assign(scores.data<float>(), scores.data<float>() + scores.size());
  const float most = *std::max_element(a.probabilities.begin(), a.probabilities.end());
  float sum = 0.0f;
  for (float& p : a.probabilities) sum += p = std::exp(p - most);
  for (float& p : a.probabilities) p /= sum;
  a.order.resize(a.probabilities.size());
  std::iota(a.order.begin(), a.order.end(), 0);
  std::stable_sort(a.order.begin(), a.order.end(), [&](index_t x, index_t y) {
    return a.probabilities[static_cast<std::size_t>(x)] >
           a.probabilities[static_cast<std::size_t>(y)];
  });
  return a;
}

void print(const Answer& a, const std::string& path, const deploy::ModelFile& model,
           const Options& o) {
  const auto count = std::min<std::size_t>(a.order.size(), static_cast<std::size_t>(o.top));
  if (o.json) std::printf("{\"image\": %s, \"top\": [", io::to_json_string(path).c_str());
  if (!o.json) std::printf("%s: %.1f us\n", path.c_str(), a.microseconds);
  for (std::size_t i = 0; i < count; ++i) {
    const auto c = static_cast<std::size_t>(a.order[i]);
    const char* comma = i > 0 ? ", " : "";
    if (o.json) {
      std::printf("%s[%s, %.6f]", comma, io::to_json_string(model.classes[c]).c_str(),
                  a.probabilities[c]);
    } else {
      std::printf("  %6.2f %%  %s\n", 100.0 * a.probabilities[c], model.classes[c].c_str());
    }
  }
  if (!o.json) return;
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  std::printf("], \"microseconds\": %.1f, \"peak_kb\": %ld}\n", a.microseconds, used.ru_maxrss);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || std::string_view(argv[1]) == "--help") {
    std::fputs(kUsage, argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : 0;
  }
  try {
    const Options o = parse(argc, argv);
    const deploy::ModelFile model = deploy::read_model(o.model);
    const auto session = deploy::make_session(model, 1);
    for (const std::string& path : o.images) {
      print(classify(*session, model, path, o.repeat), path, model, o);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tinytorch-classify: %s\n", e.what());
    return 1;
  }
  return 0;
}
