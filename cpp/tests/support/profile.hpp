// How long a test may go on: with TINYTORCH_TEST_PROFILE=slow in the environment, the second.
#pragma once
#include "tinytorch/base/env.hpp"

namespace tt::test {

inline int quick_or_slow(int quick, int slow) {
  return env_string("TINYTORCH_TEST_PROFILE") == "slow" ? slow : quick;
}

}  // namespace tt::test
