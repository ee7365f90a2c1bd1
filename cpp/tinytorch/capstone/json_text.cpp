#include "tinytorch/capstone/json_text.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "tinytorch/base/error.hpp"

namespace tt::capstone {
namespace {

// Builds the value from the parser's events, so that limits hold before anything large exists.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string& text) override {
    if (text.find_first_of(".eE") == std::string::npos) {
      fail<FormatError>("the integer ", text, " does not fit into 64 bits; write it as a float");
    }
    return put(value);
  }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (!names_.back().insert(name).second) {
      fail<FormatError>("the key \"", name, "\" occurs twice");
    }
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ...; last read: 'bytes'"
    std::string_view text = error.what();
    text.remove_prefix(std::min(text.find("] ") + 2, text.size()));
    fail<FormatError>("not JSON: ", text.substr(0, text.find("; last read")));
  }

 private:
  // Where the next value goes. Earlier pointers in open_ stay valid: only the innermost array or
  // object grows.
  Json& place() {
    if (++nodes_ > kMaxJsonNodes) {
      fail<FormatError>("a JSON document of more than ", kMaxJsonNodes, " values is refused");
    }
    if (open_.empty()) return root_;
    Json& parent = *open_.back();
    return parent.is_array() ? parent.emplace_back(nullptr) : append_member(parent, key_);
  }
  template <class Value>
  bool put(Value&& value) {
    place() = std::forward<Value>(value);
    return true;
  }
  bool open(Json value) {
    if (std::ssize(open_) == kMaxJsonDepth) {
      fail<FormatError>("JSON nested deeper than ", kMaxJsonDepth, " levels is refused");
    }
    Json& here = place();
    here = std::move(value);
    open_.push_back(&here);
    names_.emplace_back();
    return true;
  }
  bool close() {
    open_.pop_back();
    names_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> open_;
  std::vector<std::unordered_set<std::string>> names_;  // keys seen, per open array or object
  std::string key_;
  std::int64_t nodes_ = 0;
};

bool is_plain_name(std::string_view key) {
  const auto letter = [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
  };
  return !key.empty() && letter(key.front()) && std::all_of(key.begin(), key.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

}  // namespace

Json& append_member(Json& object, std::string key) {
  auto& members = object.get_ref<Json::object_t&>();
  members.push_back({std::move(key), nullptr});
  return members.back().second;
}

Json parse_json(std::string_view text) {
  StrictBuilder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) fail<FormatError>("not JSON");
  return builder.take();
}

std::string to_text(const Json& value) { return value.dump(2) + "\n"; }

std::string excerpt(const Json& value) {
  constexpr std::size_t kLongest = 60;
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    return concat(value.get<double>());
  }
  if (value.is_object()) return concat("an object of ", value.size(), " keys");
  if (value.is_array()) return concat("an array of ", value.size(), " items");
  if (value.is_string() && value.get_ref<const std::string&>().size() > 4 * kLongest) {
    return concat("a string of ", value.get_ref<const std::string&>().size(), " bytes");
  }
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= kLongest) return text;
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;  // whole characters
  return text.substr(0, end) + "...";
}

std::string child_path(std::string_view parent, std::string_view key) {
  if (is_plain_name(key)) return concat(parent, ".", key);
  return concat(parent, "[", excerpt(Json(key)), "]");
}

std::string child_path(std::string_view parent, std::size_t index) {
  return concat(parent, "[", index, "]");
}

}  // namespace tt::capstone
