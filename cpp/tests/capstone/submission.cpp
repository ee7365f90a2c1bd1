#include "tinytorch/capstone/submission.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "tinytorch/base/atomic_file.hpp"
#include "tinytorch/capstone/json_text.hpp"

using namespace tt;
using namespace tt::capstone;

namespace {

Json report(double latency, double size, double accuracy) {
  return {{"model_name", "m"},
          {"timestamp", "2025-11-21 10:05:03"},
          {"system_info", {{"platform", "p"}, {"python_version", "3.11"}}},
          {"metrics",
           {{"parameter_count", 283},
            {"model_size_mb", size},
            {"accuracy", accuracy},
            {"latency_ms_mean", latency}}}};
}

Json valid() {
  const Json optimized = report(0.5, 0.25, 0.75);
  return generate_submission(report(2.0, 1.0, 0.5), &optimized, "Ada", {"pruning"});
}

std::string first(const Json& submission) {
  const auto found = check_submission(submission);
  return found.empty() ? "valid" : found[0].path + " " + found[0].rule;
}

}  // namespace

TEST_CASE("a generated submission is valid and computes its improvements") {
  const Json submission = valid();
  CHECK(first(submission) == "valid");
  CHECK(submission["schema_version"] == "1.1");
  CHECK(submission["improvements"]["speedup"] == 4.0);
  CHECK(submission["improvements"]["compression_ratio"] == 4.0);
  CHECK(submission["improvements"]["accuracy_delta"] == 0.25);
  const Json alone = generate_submission(report(2.0, 1.0, 0.5), nullptr, "", {});
  CHECK(first(alone) == "valid");
  for (const char* key : {"student_name", "optimized", "improvements"}) CHECK(!alone.contains(key));
}

TEST_CASE("the course's own form, without a version, is valid") {
  Json submission = valid();
  submission.erase("schema_version");
  CHECK(first(submission) == "valid");
}

TEST_CASE("versions: 1.x is read, others are refused") {
  Json submission = valid();
  for (const char* version : {"1.0", "1.1", "1.12"}) {
    submission["schema_version"] = version;
    CHECK(first(submission) == "valid");
  }
  for (const char* version : {"2.0", "1", "1.01", "1.1.1", "", "11.1"}) {
    submission["schema_version"] = version;
    CHECK(first(submission) == "$.schema_version pattern");
  }
}

TEST_CASE("every section is checked, with the path in the message") {
  struct Row {
    const char *pointer, *value, *verdict;
  };
  const Row row = GENERATE(
      Row{"/baseline/metrics/accuracy", "1.5", "$.baseline.metrics.accuracy maximum"},
      Row{"/optimized/metrics/accuracy", "-0.1", "$.optimized.metrics.accuracy minimum"},
      Row{"/baseline/metrics/parameter_count", "true", "$.baseline.metrics.parameter_count type"},
      Row{"/baseline/metrics/parameter_count", "2.5", "$.baseline.metrics.parameter_count type"},
      Row{"/baseline/metrics/model_size_mb", "0",
          "$.baseline.metrics.model_size_mb exclusiveMinimum"},
      Row{"/optimized/metrics/latency_ms_mean", "\"1\"",
          "$.optimized.metrics.latency_ms_mean type"},
      Row{"/optimized/techniques_applied", "\"int8\"", "$.optimized.techniques_applied type"},
      Row{"/optimized/techniques_applied", "[1]", "$.optimized.techniques_applied[0] type"},
      Row{"/improvements/speedup", "4.01", "$.improvements.speedup derived"},
      Row{"/improvements/compression_ratio", "3", "$.improvements.compression_ratio derived"},
      Row{"/improvements/accuracy_delta", "0.26", "$.improvements.accuracy_delta derived"},
      Row{"/improvements/accuracy_delta", "2", "$.improvements.accuracy_delta maximum"},
      Row{"/improvements", "{}", "$.improvements.speedup required"},
      Row{"/timestamp", "\"yesterday\"", "$.timestamp pattern"},
      Row{"/timestamp", "\"2025-13-01 00:00:00\"", "$.timestamp pattern"},
      Row{"/submission_type", "\"homework\"", "$.submission_type const"},
      Row{"/system_info", "[]", "$.system_info type"},
      Row{"/system_info/platform", "1", "$.system_info.platform type"},
      Row{"/baseline/model_name", "null", "$.baseline.model_name type"},
      Row{"/baseline/metrics/model_size_bytes", "1", "$.baseline.metrics.model_size_mb derived"},
      Row{"/baseline/metrics/latency_ms_p90", "9", "valid"});
  CAPTURE(row.pointer, row.value);
  Json submission = valid();
  submission[Json::json_pointer(row.pointer)] = parse_json(row.value);
  CHECK(first(submission) == row.verdict);
}

TEST_CASE("percentiles must rise") {
  Json submission = valid();
  submission["baseline"]["metrics"]["latency_ms_p50"] = 3.0;
  submission["baseline"]["metrics"]["latency_ms_p99"] = 2.0;
  CHECK(first(submission) == "$.baseline.metrics.latency_ms_p99 derived");
}

TEST_CASE("numbers must be finite, wherever they are") {
  Json submission = valid();
  submission["baseline"]["metrics"]["accuracy"] = std::numeric_limits<double>::quiet_NaN();
  CHECK(first(submission) == "$.baseline.metrics.accuracy finite");
  submission = valid();
  submission["extra"] = {1, {{"deep", -std::numeric_limits<double>::infinity()}}};
  CHECK(first(submission) == "$.extra[1].deep finite");
}

TEST_CASE("four decimals of an improvement are enough") {
  const Json optimized = report(0.7, 0.3, 0.6333333);
  Json submission = generate_submission(report(2.0, 1.0, 0.5), &optimized, "", {});
  submission["improvements"] = {
      {"speedup", 2.8571}, {"compression_ratio", 3.3333}, {"accuracy_delta", 0.1333}};
  CHECK(first(submission) == "valid");
  submission["improvements"]["speedup"] = 2.86;
  CHECK(first(submission) == "$.improvements.speedup derived");
}

TEST_CASE("improvements need numbers that divide") {
  const Json good = report(1, 1, 1)["metrics"];
  Json bad = good;
  bad.erase("accuracy");
  CHECK_THROWS_AS(improvements(good, bad), MissingMetric);
  CHECK_THROWS_AS(improvements(Json::object(), good), MissingMetric);
  bad = good;
  bad["latency_ms_mean"] = 0;
  CHECK_THROWS_AS(improvements(good, bad), ValueError);
  bad["latency_ms_mean"] = "fast";
  CHECK_THROWS_AS(improvements(good, bad), TypeError);
}

TEST_CASE("the error lists what is wrong") {
  Json submission = valid();
  submission["baseline"]["metrics"]["accuracy"] = 2;
  submission.erase("timestamp");
  try {
    validate_submission(submission);
    FAIL("accepted");
  } catch (const SubmissionError& error) {
    CHECK(error.violations.size() == 2);
    const std::string text = error.what();
    CHECK(text.find("$.timestamp is missing (rule: required)") != std::string::npos);
    CHECK(text.find("$.baseline.metrics.accuracy got 2, must be at most 1 (rule: maximum)") !=
          std::string::npos);
  }
}

TEST_CASE("saving validates first and loading gives the same") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / concat("tt-submission-", ::getpid());
  fs::create_directories(folder);
  const std::string path = (folder / "s.json").string();
  save_submission(valid(), path);
  CHECK(load_submission(path) == valid());
  Json broken = valid();
  broken["baseline"]["metrics"]["accuracy"] = 7;
  CHECK_THROWS_AS(save_submission(broken, path), SubmissionError);
  CHECK(load_submission(path) == valid());
  write_file_atomic(path, "{\"a\": 1, \"a\": 2}");
  CHECK_THROWS_AS(load_submission(path), FormatError);
  write_file_atomic(path, "{}");
  CHECK_THROWS_AS(load_submission(path), SubmissionError);
  CHECK_THROWS_AS(load_submission((folder / "missing.json").string()), IoError);
  CHECK_THROWS_AS(load_submission(folder.string()), IoError);
  fs::remove_all(folder);
}
