#include "steps.hpp"

// The build writes the list of TT_FILL(ladder, isa).
#define TT_FILL(name, isa)                                       \
  namespace tt::kernels::isa_##isa {                             \
    void fill_ladder_##name(decltype(tt::ladder::Steps::name)&); \
  }
#include "tinytorch_ladder_fills.inc"
#undef TT_FILL

namespace tt::ladder {

Steps steps(Isa limit) {
  Steps all{};
  for (const Isa level : supported_isas()) {
    if (level > limit) continue;
#define TT_FILL(name, isa) \
  if (level == Isa::isa) kernels::isa_##isa::fill_ladder_##name(all.name);
#include "tinytorch_ladder_fills.inc"
#undef TT_FILL
  }
  return all;
}

}  // namespace tt::ladder
