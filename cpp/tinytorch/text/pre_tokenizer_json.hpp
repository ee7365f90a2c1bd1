// The part of a tokenizer.json that says how text is split.
#pragma once
#include "tinytorch/capstone/json_fwd.hpp"
#include "tinytorch/text/pretokenizer.hpp"

namespace tt::text {

// FormatError for what PreTokenizer cannot express.
PreTokenizer pre_tokenizer_from(const capstone::Json& value);
capstone::Json to_json(const PreTokenizer& how);

}  // namespace tt::text
