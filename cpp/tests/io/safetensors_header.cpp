#include "tinytorch/io/safetensors_header.hpp"

#include "support/catch.hpp"

using namespace tt;
using namespace tt::io;

namespace {

SafetensorsHeader parse(std::string_view json, std::uint64_t data_bytes = 0) {
  return parse_header(json, data_bytes, "'test'");
}

std::string why_refused(std::string_view json, std::uint64_t data_bytes = 0) {
  try {
    parse(json, data_bytes);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "accepted";
}

// One tensor named a.
std::string tensor(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return concat(R"({"a":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets,
                "}}");
}

struct Refused {
  std::string json;
  std::uint64_t data_bytes;
  std::string reason;
};

void check_refused(const std::vector<Refused>& cases) {
  using Catch::Matchers::Contains;
  for (const Refused& c : cases) {
    CAPTURE(c.json);
    CHECK_THAT(why_refused(c.json, c.data_bytes), Contains(c.reason));
  }
}

}  // namespace

TEST_CASE("a safetensors header is read in its own order") {
  const auto header = parse(R"({"__metadata__":{"k":"v","":""},)"
                            R"("b":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},)"
                            R"("a":{"shape":[],"data_offsets":[0,8],"dtype":"I64"},)"
                            R"("empty":{"dtype":"U8","shape":[0,7],"data_offsets":[32,32]}}   )",
                            32);
  REQUIRE(header.entries.size() == 3);
  CHECK(header.entries[0].name == "b");
  CHECK(header.entries[0].dtype == DType::f32);
  CHECK(header.entries[0].shape == Shape{2, 3});
  CHECK(header.entries[0].begin == 8);
  CHECK(header.entries[0].end == 32);
  CHECK(header.entries[1].shape == Shape{});
  CHECK(header.entries[2].shape == Shape{0, 7});
  CHECK(header.metadata == Metadata{{"k", "v"}, {"", ""}});
  CHECK(parse("{}").entries.empty());
}

TEST_CASE("every supported dtype has its name") {
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::size_t size = size_of(dtype);
    const auto header = parse(tensor(format_name_of(dtype), "[1]", concat("[0,", size, "]")), size);
    CHECK(header.entries[0].dtype == dtype);
  }
}

TEST_CASE("headers of the wrong form are refused by name") {
  check_refused({
      {"", 0, "does not begin with '{'"},
      {" {}", 0, "does not begin with '{'"},
      {"[]", 0, "does not begin with '{'"},
      {"{", 0, "ends where"},
      {"{}x", 0, "after the object"},
      {std::string("{}\0", 3), 0, "after the object"},
      {R"({"a":1})", 0, "expected '{'"},
      {R"({"a":{}})", 0, "missing dtype"},
      {R"({"a":{"dtype":"U8","shape":[0]}})", 0, "missing data_offsets"},
      {R"({"a":{"dtype":"U8","dtype":"U8"}})", 0, "duplicate key 'dtype'"},
      {R"({"a":{"x":{"x":{"x":1}}}})", 0, "unknown key 'x'"},
      {tensor("u8", "[0]", "[0,0]"), 0, "dtype 'u8' is not supported"},
      {tensor("F8_E4M3", "[0]", "[0,0]"), 0, "dtype 'F8_E4M3' is not supported"},
      {tensor("U8", "[-1]", "[0,0]"), 0, "expected an integer"},
      {tensor("U8", "[1.0]", "[0,1]"), 1, "fraction"},
      {tensor("U8", "[[1]]", "[0,1]"), 1, "expected an integer"},
      {tensor("U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "more than 12 dimensions"},
      {tensor("U8", "[1]", "[0]"), 1, "needs two numbers"},
      {tensor("U8", "[1]", "[0,1,2]"), 1, "more than two"},
      {R"({"__metadata__":{"k":1}})", 0, "expected '\"'"},
      {R"({"__metadata__":null})", 0, "expected '{'"},
      {R"({"__metadata__":{"k":"a","k":"b"}})", 0, "duplicate metadata key 'k'"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "duplicate key '__metadata__'"},
      {R"({"a\u0000b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0, "null character"},
  });
}

TEST_CASE("sizes that overflow or disagree are refused by name") {
  check_refused({
      {tensor("U8", "[4194305,4194305,211106198978564]", "[0,4]"), 4, "too many elements"},
      {tensor("F32", "[4611686018427387905]", "[0,4]"), 4, "too many elements"},
      {tensor("U8", "[1099511627776,1099511627776,0]", "[0,0]"), 0, "too many elements"},
      {tensor("U8", "[9223372036854775808]", "[0,0]"), 0, "too large"},
      {tensor("U8", "[18446744073709551616]", "[0,0]"), 0, "does not fit 64 bits"},
      {tensor("U8", "[0]", "[0,9223372036854775808]"), 0, "reach past"},
      {tensor("U8", "[1]", "[18446744073709551615,0]"), 0, "run backwards"},
      {tensor("F32", "[2]", "[0,4]"), 4, "needs 8"},
      {tensor("F32", "[1]", "[0,8]"), 8, "needs 4"},
      {tensor("F32", "[2]", "[0,8]"), 4, "truncated"},
      {tensor("U8", "[2]", "[0,2]"), 3, "3 bytes of data follow"},
      {tensor("U8", "[2]", "[1,3]"), 3, "hole after byte 0"},
      {"{}", 1, "1 bytes of data follow"},
  });
}

TEST_CASE("holes, overlaps and repeated names are refused") {
  const auto two = [](const char* a, const char* b, const char* x, const char* y) {
    return concat("{\"", a, R"(":{"dtype":"U8","shape":[2],"data_offsets":)", x, "},\"", b,
                  R"(":{"dtype":"U8","shape":[2],"data_offsets":)", y, "}}");
  };
  CHECK(why_refused(two("a", "b", "[2,4]", "[0,2]"), 4) == "accepted");
  check_refused({
      {two("a", "b", "[0,2]", "[3,5]"), 5, "hole after byte 2"},
      {two("a", "b", "[0,2]", "[1,3]"), 3, "inside the tensor before it"},
      {two("a", "b", "[0,2]", "[0,2]"), 2, "inside the tensor before it"},
      {two("a", "a", "[0,2]", "[2,4]"), 4, "appears twice"},
      {two("a", "\\u0061", "[0,2]", "[2,4]"), 4, "appears twice"},
  });
}

TEST_CASE("the number of entries is bounded") {
  const auto many = [](std::size_t count) {
    std::string json = "{";
    for (std::size_t i = 0; i < count; ++i) {
      json += concat(i ? ",\"" : "\"", i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
    }
    return json + "}";
  };
  CHECK(parse(many(kMaxEntries)).entries.size() == kMaxEntries);
  check_refused({{many(kMaxEntries + 1), 0, "more than 65536 tensors"}});
}

TEST_CASE("a formatted header reads back and is aligned") {
  SafetensorsHeader header;
  header.metadata = {{"note", "a \"quoted\" \u20ac"}, {"b", ""}};
  header.entries = {{"w\n1", DType::bf16, {3, 0}, 0, 0}, {"x", DType::f64, {}, 0, 8}};
  const std::string text = format_header(header);
  CHECK(text.size() % 8 == 0);
  const auto back = parse(std::string_view(text).substr(8), 8);
  CHECK(back.metadata == header.metadata);
  REQUIRE(back.entries.size() == 2);
  CHECK(back.entries[0].name == "w\n1");
  CHECK(back.entries[1].shape == Shape{});
}
