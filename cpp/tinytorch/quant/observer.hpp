// Observers watch calibration batches and choose the symmetric range [-t, t] that int8 codes cover.
//   minmax       t = largest magnitude seen: nothing saturates
//   percentile   t = magnitude that `percentile` per cent of the values do not exceed
//   mse          t that minimises the mean squared error of quantizing what was seen, in `steps`
//   steps
//                from 0 to t
// The last two keep a histogram of magnitudes whose range doubles when a larger value arrives, so
// memory is constant and the result does not depend on how the values were cut into batches.
#pragma once
#include <string>
#include <vector>

#include "tinytorch/array/array.hpp"

namespace tt::quant {

enum class Calibration { minmax, percentile, mse };
Calibration calibration_from_name(const std::string& name);  // ValueError naming the allowed ones

class Observer {
 public:
  explicit Observer(Calibration method = Calibration::minmax, double percentile = 99.99,
                    int steps = 127);

  void observe(const Array& x);       // ValueError on NaN or infinity
  float threshold() const;            // StateError before any value was observed
  float scale() const;                // threshold / steps, positive
  float low() const { return low_; }  // smallest and largest value seen
  float high() const { return high_; }
  index_t count() const { return count_; }

 private:
  void add_to_histogram(const float* x, index_t n, float most);
  float percentile_threshold() const;
  float mse_threshold() const;

  Calibration method_;
  double percentile_;
  int steps_;
  index_t count_ = 0;
  float low_ = 0.0f, high_ = 0.0f;
  double limit_ = 0.0;  // magnitudes counted: [0, limit), a power of two
  std::vector<double> histogram_;
};

}  // namespace tt::quant
