// JSON values of the capstone: objects keep the order of their keys.
#pragma once
#include <nlohmann/json_fwd.hpp>

namespace tt::capstone {
using Json = nlohmann::ordered_json;
}
