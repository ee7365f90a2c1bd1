#include "tinytorch/kernels/dispatch.hpp"

#include <map>
#include <mutex>

#include "tinytorch/base/error.hpp"

namespace tt::kernels {

// Every compiled (family, isa) pair declares its filler; the build writes the list.
#define TT_FILL(family, isa)                      \
  namespace isa_##isa {                           \
    void fill_##family(decltype(Table::family)&); \
  }
#include "tinytorch_kernel_fills.inc"
#undef TT_FILL

namespace {

void overlay(Table& table, Isa level) {
#define TT_FILL(family, isa) \
  if (level == Isa::isa) isa_##isa::fill_##family(table.family);
#include "tinytorch_kernel_fills.inc"
#undef TT_FILL
}

Table build(Isa limit) {
  Table table{};
  for (Isa isa : supported_isas()) {
    if (isa <= limit) overlay(table, isa);
  }
  return table;
}

}  // namespace

const Table& active() {
  static const Table chosen = build(active_isa());
  return chosen;
}

const Table& table(Isa isa) {
  if (!cpu_supports(isa)) fail<StateError>("this machine has no ", name_of(isa));
  static std::mutex mutex;
  static std::map<Isa, Table> tables;
  std::lock_guard lock(mutex);
  auto [entry, fresh] = tables.try_emplace(isa);
  if (fresh) entry->second = build(isa);
  return entry->second;
}

}  // namespace tt::kernels
