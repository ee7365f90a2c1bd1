#include "tinytorch/capstone/system_info.hpp"

#include "tinytorch/base/cpu.hpp"
#include "tinytorch/base/memory.hpp"
#include "tinytorch/base/thread_pool.hpp"

namespace tt::capstone {

SystemInfo system_info() {
  return {cpu_name(), std::string(name_of(active_isa())), num_threads(), total_memory_bytes() >> 20,
          TINYTORCH_VERSION};
}

}  // namespace tt::capstone
