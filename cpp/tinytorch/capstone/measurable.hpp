// A thing that can be measured: the whole of what the capstone knows about models. Engine models
// and Python objects come in through adapters, so that all are timed by the same loop.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tt::capstone {

struct StoredSize {
  std::int64_t bytes =
      0;               // of the weights as they are stored: int8, sparse and shared ones included
  std::string source;  // how `bytes` was found, e.g. "float32_parameters", "stored_bytes"
};

class Measurable {
 public:
  virtual ~Measurable() = default;

  // Makes the input of the next run() calls: the first `rows` rows of the test data, repeated from
  // the start where there are fewer. Never timed.
  virtual void prepare(std::int64_t rows) = 0;
  virtual void run() = 0;  // one forward pass over the prepared rows; the result is dropped

  // The predicted class of every row of the test data; -1 where the model gave no usable answer.
  virtual std::vector<std::int64_t> predict() = 0;

  virtual std::int64_t count_parameters() = 0;
  virtual StoredSize stored_size() = 0;
};

}  // namespace tt::capstone
