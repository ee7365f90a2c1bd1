#include "tinytorch/base/cpu.hpp"

#include <array>
#include <fstream>

#include "tinytorch/base/env.hpp"
#include "tinytorch/base/error.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace tt {
namespace {

constexpr std::array kIsas = {Isa::baseline,    Isa::avx2,        Isa::avx_vnni, Isa::avx512,
                              Isa::avx512_vnni, Isa::avx512_bf16, Isa::amx,      Isa::neon_dot};
constexpr std::array<std::string_view, 8> kIsaNames = {
    "baseline", "avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx", "neon_dot"};

#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512cd");
}
bool has_avx512_vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }

// Features whose names older compilers do not know.
struct Leaf7 {
  unsigned eax = 0, edx = 0;
};
Leaf7 cpuid_leaf_7(unsigned subleaf) {
  Leaf7 leaf;
  unsigned b = 0, c = 0;
  if (!__get_cpuid_count(7, subleaf, &leaf.eax, &b, &c, &leaf.edx)) return {};
  return leaf;
}
bool has_avx_vnni() { return has_avx2() && (cpuid_leaf_7(1).eax & (1u << 4)) != 0; }
bool has_avx512_bf16() { return has_avx512_vnni() && (cpuid_leaf_7(1).eax & (1u << 5)) != 0; }

// The operating system hands out the tile registers on request, to the whole process and to its
// children; it refuses where a thread's signal stack is too small to save them.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
bool has_amx() {
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25;
  constexpr unsigned kAll = kBf16 | kTile | kInt8;
  static const bool usable =
      has_avx512_bf16() && (cpuid_leaf_7(0).edx & kAll) == kAll && may_use_tiles();
  return usable;
}
#endif

Isa choose() {
  const auto cap = env_string("TINYTORCH_ISA");
  const Isa limit = cap ? isa_from_name(*cap) : kIsas.back();
  Isa best = Isa::baseline;
  for (Isa isa : supported_isas()) {
    if (isa <= limit) best = isa;
  }
  return best;
}

}  // namespace

std::string_view name_of(Isa isa) { return kIsaNames[static_cast<std::size_t>(isa)]; }

Isa isa_from_name(std::string_view name) {
  for (Isa isa : kIsas) {
    if (name == name_of(isa)) return isa;
  }
  fail<ValueError>(
      "unknown instruction set '", name,
      "' (TINYTORCH_ISA); use baseline, avx2, avx_vnni, avx512, avx512_vnni, avx512_bf16, amx or "
      "neon_dot");
}

bool cpu_supports(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return true;
#if defined(__x86_64__)
    case Isa::avx2:
      return has_avx2();
    case Isa::avx_vnni:
      return has_avx_vnni();
    case Isa::avx512:
      return has_avx512();
    case Isa::avx512_vnni:
      return has_avx512_vnni();
    case Isa::avx512_bf16:
      return has_avx512_bf16();
    case Isa::amx:
      return has_amx();
#elif defined(__aarch64__) && defined(__linux__)
    case Isa::neon_dot:
      return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#endif
    default:
      return false;
  }
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> found;
  for (Isa isa : kIsas) {
    if (cpu_supports(isa)) found.push_back(isa);
  }
  return found;
}

Isa active_isa() {
  static const Isa chosen = choose();
  return chosen;
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0) {
      const auto colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
#if defined(__aarch64__)
  return "aarch64";
#else
  return "x86-64";
#endif
}

std::vector<std::string> cpu_feature_names() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  const auto add = [&](bool has, const char* name) {
    if (has) names.emplace_back(name);
  };
  add(__builtin_cpu_supports("sse4.2"), "sse4_2");
  add(__builtin_cpu_supports("avx2"), "avx2");
  add(__builtin_cpu_supports("fma"), "fma");
  add(has_avx_vnni(), "avx_vnni");
  add(__builtin_cpu_supports("avx512f"), "avx512f");
  add(__builtin_cpu_supports("avx512bw"), "avx512bw");
  add(__builtin_cpu_supports("avx512vnni"), "avx512_vnni");
  add(has_avx512_bf16(), "avx512_bf16");
  add(has_amx(), "amx");
#elif defined(__aarch64__)
  names.emplace_back("neon");
  if (cpu_supports(Isa::neon_dot)) names.emplace_back("asimddp");
#endif
  return names;
}

}  // namespace tt
