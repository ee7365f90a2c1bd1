#include "tinytorch/runtime/precision.hpp"

#include "tinytorch/base/error.hpp"

namespace tt::runtime {
namespace {

constexpr std::string_view kNames[] = {"f32", "bf16", "int8", "int4"};

}  // namespace

std::string_view name_of(Precision precision) { return kNames[static_cast<int>(precision)]; }

Precision precision_from_name(std::string_view name) {
  for (int i = 0; i < 4; ++i) {
    if (name == kNames[i]) return static_cast<Precision>(i);
  }
  fail<ValueError>("unknown precision '", name, "'; use f32, bf16, int8 or int4");
}

}  // namespace tt::runtime
