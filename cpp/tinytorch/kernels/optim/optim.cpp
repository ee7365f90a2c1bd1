#include "tinytorch/kernels/optim/optim.hpp"

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::kernels {
namespace {

constexpr std::int64_t kGrain = 1 << 15;

template <class Step>
void share_out(std::int64_t n, Step step) {
  count_call(Family::optim);
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    step(begin, static_cast<std::size_t>(end - begin));
  });
}

}  // namespace

void sgd(float* w, const float* g, float* v, std::int64_t n, const SgdArgs& args) {
  const auto kernel = active().optim.sgd;
  share_out(n, [&](std::int64_t at, std::size_t count) {
    kernel(w + at, g + at, v == nullptr ? nullptr : v + at, count, args);
  });
}

void adam(float* w, const float* g, float* m, float* v, std::int64_t n, const AdamArgs& args) {
  const auto kernel = active().optim.adam;
  share_out(n, [&](std::int64_t at, std::size_t count) {
    kernel(w + at, g + at, m + at, v + at, count, args);
  });
}

}  // namespace tt::kernels
