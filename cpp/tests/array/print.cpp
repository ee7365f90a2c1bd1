#include "tinytorch/array/print.hpp"

#include <sstream>

#include "support/catch.hpp"

using tt::Array;

namespace {
std::string text(const Array& a) {
  std::ostringstream out;
  out << a;
  return out.str();
}
}  // namespace

TEST_CASE("arrays print their values, element type and shape") {
  const Array a = Array::from<float>({1, 2, 3, 4}, {2, 2});
  const std::string printed = text(a);
  CHECK(printed.find("2") != std::string::npos);
  CHECK(printed.find("float32 (2, 2)") != std::string::npos);
  CHECK(text(a.transpose(0, 1)).find("1.,  3.") != std::string::npos);
  CHECK(text(Array()) == "undefined");
  CHECK(text(Array::zeros({0, 3}, tt::DType::i8)).find("int8 (0, 3)") != std::string::npos);
}
