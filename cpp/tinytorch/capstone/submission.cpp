#include "tinytorch/capstone/submission.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "tinytorch/base/atomic_file.hpp"
#include "tinytorch/capstone/derived_values.hpp"
#include "tinytorch/capstone/json_text.hpp"

namespace tt::embedded {
extern const char submission_schema[];
}

namespace tt::capstone {
namespace {

constexpr std::size_t kShown = 10;  // violations in a message
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

const JsonSchema& submission_schema() {
  static const JsonSchema schema(submission_schema_text());
  return schema;
}

std::string describe(const std::vector<Violation>& violations) {
  std::string text = "invalid submission: ";
  for (std::size_t i = 0; i < violations.size() && i < kShown; ++i) {
    if (i > 0) text += "\n  ";
    const Violation& v = violations[i];
    text += concat(v.path, " ", v.message, " (rule: ", v.rule, ")");
  }
  if (violations.size() > kShown) text += concat("\n  and ", violations.size() - kShown, " more");
  return text;
}

double metric(const Json& metrics, const char* name) {
  const auto found = metrics.find(name);
  if (found == metrics.end()) throw MissingMetric(name);
  if (!found->is_number()) {
    fail<TypeError>("the metric '", name, "' must be a number, got ", excerpt(*found));
  }
  return found->get<double>();
}

double ratio(const Json& baseline, const Json& optimized, const char* name) {
  const double before = metric(baseline, name), after = metric(optimized, name);
  if (after == 0) fail<ValueError>("the optimized model's ", name, " is 0: measure it again");
  return before / after;
}

std::string read_bounded(const std::string& path) {
  const auto refuse = [&](int code) { throw IoError(code, path, "read", std::strerror(code)); };
  errno = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                       std::fclose);
  if (!file) refuse(errno);
  std::string text(64 << 10, '\0');
  std::size_t size = 0;
  while (const std::size_t got =
             std::fread(text.data() + size, 1, text.size() - size, file.get())) {
    size += got;
    if (size > kMaxFileBytes) {
      fail<FormatError>("a submission of more than ", kMaxFileBytes >> 20, " MiB is refused");
    }
    if (size == text.size()) text.resize(2 * size);
  }
  if (std::ferror(file.get())) refuse(errno);
  text.resize(size);
  return text;
}

Json section(const Json& report) {
  return {{"model_name", report.at("model_name")}, {"metrics", report.at("metrics")}};
}

}  // namespace

SubmissionError::SubmissionError(std::vector<Violation> found)
    : SchemaError(describe(found)), violations(std::move(found)) {}

Improvements improvements(const Json& baseline_metrics, const Json& optimized_metrics) {
  return {ratio(baseline_metrics, optimized_metrics, "latency_ms_mean"),
          ratio(baseline_metrics, optimized_metrics, "model_size_mb"),
          metric(optimized_metrics, "accuracy") - metric(baseline_metrics, "accuracy")};
}

Json generate_submission(const Json& baseline, const Json* optimized,
                         const std::string& student_name,
                         const std::vector<std::string>& techniques) {
  Json submission = {
      {"schema_version", kSchemaVersion},          {"tinytorch_version", TINYTORCH_VERSION},
      {"submission_type", "capstone_benchmark"},   {"timestamp", baseline.at("timestamp")},
      {"system_info", baseline.at("system_info")}, {"baseline", section(baseline)},
  };
  if (!student_name.empty()) submission["student_name"] = student_name;
  if (optimized == nullptr) return submission;
  submission["optimized"] = section(*optimized);
  submission["optimized"]["techniques_applied"] = techniques;
  const Improvements gained = improvements(baseline.at("metrics"), optimized->at("metrics"));
  submission["improvements"] = {{"speedup", gained.speedup},
                                {"compression_ratio", gained.compression_ratio},
                                {"accuracy_delta", gained.accuracy_delta}};
  return submission;
}

std::string_view submission_schema_text() { return embedded::submission_schema; }

std::vector<Violation> check_submission(const Json& submission) {
  std::vector<Violation> found = check_finite(submission);
  if (found.empty()) found = submission_schema().check(submission);
  if (found.empty()) found = check_derived_values(submission);  // relies on the schema's types
  return found;
}

void validate_submission(const Json& submission) {
  if (auto found = check_submission(submission); !found.empty()) {
    throw SubmissionError(std::move(found));
  }
}

void save_submission(const Json& submission, const std::string& path) {
  validate_submission(submission);
  write_file_atomic(path, to_text(submission));
}

Json load_submission(const std::string& path) {
  Json submission;
  try {
    submission = parse_json(read_bounded(path));
  } catch (const FormatError& error) {
    const std::string shown = Json(path).dump(-1, ' ', false, Json::error_handler_t::replace);
    fail<FormatError>(shown, ": ", error.what());
  }
  validate_submission(submission);
  return submission;
}

}  // namespace tt::capstone
