// tt_bench NAME runs one hot kernel. What an instruction counter is to count happens inside
// tt_bench_measured (callgrind: --toggle-collect=tt_bench_measured). --list names all,
// --compiler says what built this.
#include <cstdio>
#include <cstring>

#include "cases.hpp"
#include "tinytorch/base/rng.hpp"

#define TT_TEXT(x) #x
#define TT_VALUE_TEXT(x) TT_TEXT(x)
#if defined(__clang__)
#define TT_COMPILER "clang-" TT_VALUE_TEXT(__clang_major__)
#else
#define TT_COMPILER "gcc-" TT_VALUE_TEXT(__GNUC__)
#endif

namespace tt::bench {

Array normal(const Shape& shape, std::uint64_t seed, float scale) {
  const Array a = Array::empty(shape);
  Generator generator(seed);
  generator.normal(a.data<float>(), a.size());
  for (index_t i = 0; i < a.size(); ++i) a.data<float>()[i] *= scale;
  return a;
}

}  // namespace tt::bench

extern "C" __attribute__((noinline, visibility("default"))) void tt_bench_measured(
    const std::function<void()>& work) {
  work();
  __asm__ volatile("" ::: "memory");  // keeps this a call of its own, not a jump to the work
}

int main(int argc, char** argv) {
  using namespace tt::bench;
  Cases all = matrix_products();
  for (const Cases& more : {networks(), rows_and_elements()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  if (argc == 2 && std::strcmp(argv[1], "--compiler") == 0) return std::puts(TT_COMPILER) < 0;
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const Case& c : all) std::puts(c.name.c_str());
    return 0;
  }
  for (const Case& c : all) {
    if (argc != 2 || c.name != argv[1]) continue;
    const std::function<void()> work = c.make();
    work();  // tables, scratch memory and caches of memory are made here
    tt_bench_measured(work);
    return 0;
  }
  std::fprintf(stderr, "usage: %s NAME | --list | --compiler\n", argv[0]);
  return 2;
}
