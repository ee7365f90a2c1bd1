// Instruction sets: what this machine has, and what the kernels may use.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tt {

// In rising order per architecture. A kernel family compiles for a subset; dispatch overlays them.
enum class Isa { baseline, avx2, avx_vnni, avx512, avx512_vnni, avx512_bf16, amx, neon_dot };

std::string_view name_of(Isa isa);
Isa isa_from_name(std::string_view name);  // ValueError naming the allowed ones

bool cpu_supports(Isa isa);         // this machine and its operating system
std::vector<Isa> supported_isas();  // rising; always begins with baseline

// The highest ISA in use: the machine's best, capped by TINYTORCH_ISA. Fixed at first call.
Isa active_isa();

std::string cpu_name();                        // "Intel(R) Xeon(R) ...", or the architecture
std::vector<std::string> cpu_feature_names();  // e.g. {"avx2", "fma", "avx512_vnni"}

}  // namespace tt
