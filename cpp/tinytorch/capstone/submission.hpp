// The capstone's submission: a baseline, optionally an optimized model, and what was gained.
//   speedup           = baseline latency_ms_mean / optimized latency_ms_mean
//   compression_ratio = baseline model_size_mb / optimized model_size_mb
//   accuracy_delta    = optimized accuracy - baseline accuracy
// Format: schemas/submission.schema.json, embedded at build. docs/guide/submission.md explains it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/base/error.hpp"
#include "tinytorch/capstone/json_fwd.hpp"
#include "tinytorch/capstone/json_schema.hpp"

namespace tt::capstone {

inline constexpr std::string_view kSchemaVersion =
    "1.1";  // absent in a file: 1.0, the course's own

// The submission breaks a rule. what() lists the first violations, one per line.
struct SubmissionError : SchemaError {
  explicit SubmissionError(std::vector<Violation> found);
  std::vector<Violation> violations;  // never empty
};

// A metric that a comparison needs is not in the report; what() is its name.
struct MissingMetric : ValueError {
  using ValueError::ValueError;
};

struct Improvements {
  double speedup = 1, compression_ratio = 1, accuracy_delta = 0;
};

// From two "metrics" objects. MissingMetric; TypeError if one is no number; ValueError if the
// optimized latency or size is 0.
Improvements improvements(const Json& baseline_metrics, const Json& optimized_metrics);

// Reports are {model_name, metrics, system_info, timestamp}; `optimized` may be null. Nothing is
// checked here beyond what improvements() needs.
Json generate_submission(const Json& baseline, const Json* optimized,
                         const std::string& student_name,
                         const std::vector<std::string>& techniques);

std::string_view submission_schema_text();  // schemas/submission.schema.json

// Every rule that is broken: finite numbers, the schema, then the values that follow from others.
std::vector<Violation> check_submission(const Json& submission);
void validate_submission(const Json& submission);  // SubmissionError if any is

void save_submission(const Json& submission, const std::string& path);  // validates, then replaces
Json load_submission(const std::string& path);  // IoError, FormatError, SubmissionError

}  // namespace tt::capstone
