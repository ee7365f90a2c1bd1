// Rules of a submission that a JSON schema cannot say.
#pragma once
#include <vector>

#include "tinytorch/capstone/json_fwd.hpp"
#include "tinytorch/capstone/json_schema.hpp"

namespace tt::capstone {

// Relative for ratios, absolute for accuracy_delta: four decimals survive, a better figure does
// not.
inline constexpr double kDerivedTolerance = 1e-4;

std::vector<Violation> check_finite(const Json& document);  // rule "finite": no NaN, no infinity

// For a submission that its schema accepts. Recomputes the improvements, holds model_size_mb
// against model_size_bytes / 2^20 and the order p50 <= p90 <= p99, where they are given.
std::vector<Violation> check_derived_values(const Json& submission);

}  // namespace tt::capstone
