#include "tinytorch/text/pre_tokenizer_json.hpp"

#include <nlohmann/json.hpp>

#include "tinytorch/base/error.hpp"
#include "tinytorch/text/json_members.hpp"

namespace tt::text {
namespace {

constexpr const char* kSupported =
    "; supported are ByteLevel, and a Sequence that ends with ByteLevel after Digits with "
    "individual_digits or after Split by the expression of GPT-2 or Llama 3";

SplitPattern pattern_from(const Json& split) {
  const std::string& behavior = required_text(split, "behavior");
  if (behavior != "Isolated" || flag(split, "invert", false)) {
    fail<FormatError>("the pre-tokenizer Split must have the behavior 'Isolated' and no invert, ",
                      "got ", capstone::excerpt(split["behavior"]));
  }
  const Json& expression = required(required(split, "pattern"), "Regex");
  for (const SplitPattern pattern : {SplitPattern::gpt2, SplitPattern::llama3}) {
    if (expression == expression_of(pattern)) return pattern;
  }
  fail<FormatError>("the pre-tokenizer splits by the expression ", capstone::excerpt(expression),
                    kSupported);
}

// Reads the steps of a pre-tokenizer in their order.
class Steps {
 public:
  void read(const Json& step) {
    const std::string& type = required_text(step, "type");
    if (ended_) fail<FormatError>("nothing may follow the pre-tokenizer ByteLevel");
    if (type == "ByteLevel") {
      byte_level(step);
    } else if (type == "Split" && !split_) {
      split_ = true;
      how_.pattern = pattern_from(step);
    } else if (type == "Digits" && !split_ && flag(step, "individual_digits", false)) {
      how_.single_digits = true;
    } else {
      fail<FormatError>("the pre-tokenizer ", capstone::excerpt(step["type"]),
                        " is not supported here", kSupported);
    }
  }
  PreTokenizer result() const {
    if (!ended_) fail<FormatError>("the pre-tokenizer has no step ByteLevel", kSupported);
    return how_;
  }

 private:
  void byte_level(const Json& step) {
    ended_ = true;
    how_.prefix_space = required_flag(step, "add_prefix_space");
    const bool splits = flag(step, "use_regex", true);
    if (split_ && splits) {
      fail<FormatError>(
          "the pre-tokenizer splits twice: by Split, and by ByteLevel with use_regex");
    }
    if (how_.prefix_space && (split_ || how_.single_digits)) {
      fail<FormatError>("add_prefix_space is supported for ByteLevel alone");
    }
    if (!split_) how_.pattern = splits ? SplitPattern::gpt2 : SplitPattern::none;
  }

  PreTokenizer how_;
  bool split_ = false, ended_ = false;
};

}  // namespace

PreTokenizer pre_tokenizer_from(const Json& value) {
  Steps steps;
  if (required_text(value, "type") == "Sequence") {
    for (const Json& step : required_list(value, "pretokenizers")) steps.read(step);
  } else {
    steps.read(value);
  }
  return steps.result();
}

Json to_json(const PreTokenizer& how) {
  const bool splits = how.pattern == SplitPattern::llama3;
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", how.prefix_space},
                           {"trim_offsets", true},
                           {"use_regex", how.pattern == SplitPattern::gpt2}};
  if (!splits && !how.single_digits) return byte_level;
  Json steps = Json::array();
  if (how.single_digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (splits) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", expression_of(how.pattern)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  steps.push_back(byte_level);
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

}  // namespace tt::text
