// The machine and settings a measurement was taken under.
#pragma once
#include <cstdint>
#include <string>

namespace tt::capstone {

struct SystemInfo {
  std::string cpu;             // model name
  std::string isa;             // instruction set the kernels use, e.g. "avx2"
  int threads = 1;             // of the engine
  std::int64_t memory_mb = 0;  // machine or container, MiB; 0 if unknown
  std::string tinytorch_version;
};

SystemInfo system_info();

}  // namespace tt::capstone
