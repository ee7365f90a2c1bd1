#include "tinytorch/capstone/derived_values.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/json_text.hpp"
#include "tinytorch/capstone/submission.hpp"

namespace tt::capstone {
namespace {

void find_not_finite(const Json& value, const std::string& path, std::vector<Violation>& found) {
  if (found.size() >= JsonSchema::kMost) return;
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    found.push_back({path, "finite", concat("is ", excerpt(value), ", must be a finite number")});
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      find_not_finite(member, child_path(path, key), found);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      find_not_finite(value[i], child_path(path, i), found);
    }
  }
}

void expect_near(double given, double expected, double tolerance, const std::string& path,
                 const char* formula, std::vector<Violation>& found) {
  if (std::abs(given - expected) <= tolerance) return;
  found.push_back({path, "derived", concat("is ", given, ", but ", formula, " = ", expected)});
}

void check_improvements(const Json& submission, std::vector<Violation>& found) {
  const Json& given = submission["improvements"];
  const Improvements gained =
      improvements(submission["baseline"]["metrics"], submission["optimized"]["metrics"]);
  const auto check = [&](const char* name, double expected, double scale, const char* formula) {
    expect_near(given[name].get<double>(), expected, kDerivedTolerance * scale,
                child_path("$.improvements", name), formula, found);
  };
  check("speedup", gained.speedup, gained.speedup, "baseline / optimized latency_ms_mean");
  check("compression_ratio", gained.compression_ratio, gained.compression_ratio,
        "baseline / optimized model_size_mb");
  check("accuracy_delta", gained.accuracy_delta, 1.0, "optimized - baseline accuracy");
}

void check_size(const Json& metrics, const std::string& path, std::vector<Violation>& found) {
  const auto bytes = metrics.find("model_size_bytes");
  if (bytes == metrics.end()) return;
  const double expected = bytes->get<double>() / 1048576.0;
  expect_near(metrics["model_size_mb"].get<double>(), expected, kDerivedTolerance * expected,
              child_path(path, "model_size_mb"), "model_size_bytes / 2^20", found);
}

void check_percentiles(const Json& metrics, const std::string& path,
                       std::vector<Violation>& found) {
  double lower = 0;
  for (const char* name : {"latency_ms_p50", "latency_ms_p90", "latency_ms_p99"}) {
    const auto value = metrics.find(name);
    if (value == metrics.end()) continue;
    if (value->get<double>() < lower) {
      found.push_back({child_path(path, name), "derived",
                       concat("is ", excerpt(*value), ", below a lower percentile (", lower, ")")});
    }
    lower = value->get<double>();
  }
}

}  // namespace

std::vector<Violation> check_finite(const Json& document) {
  std::vector<Violation> found;
  find_not_finite(document, "$", found);
  return found;
}

std::vector<Violation> check_derived_values(const Json& submission) {
  std::vector<Violation> found;
  for (const char* name : {"baseline", "optimized"}) {
    if (!submission.contains(name)) continue;
    const std::string path = concat("$.", name, ".metrics");
    check_size(submission[name]["metrics"], path, found);
    check_percentiles(submission[name]["metrics"], path, found);
  }
  if (submission.contains("improvements")) check_improvements(submission, found);
  return found;
}

}  // namespace tt::capstone
