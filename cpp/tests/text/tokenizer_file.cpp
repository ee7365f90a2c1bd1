#include "tinytorch/text/tokenizer_file.hpp"

#include <random>

#include "io/io_support.hpp"
#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/text/bpe_trainer.hpp"

using namespace tt;
using namespace tt::text;
using namespace tt::test;

namespace {

using Ids = std::vector<std::int64_t>;

std::unique_ptr<Tokenizer> trained(SplitPattern pattern, bool digits = false) {
  BpeTrainer trainer({pattern, digits});
  trainer.feed("so shaken as we are, so wan with care, find we a time for frighted peace to pant");
  return trainer.train({.vocabulary_size = 300, .special = {"<|endoftext|>"}});
}

const std::string kText = "we are 1234 so\n\n wan'S<|endoftext|> \xff\u00e9";

std::string tiny(const std::string& model, const std::string& rest) {
  return R"({"added_tokens":[],"model":{"type":"BPE","vocab":)" + model + "}" + rest + "}";
}

const std::string kByteLevel =
    R"(,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true})";

}  // namespace

TEST_CASE("a tokenizer survives its file") {
  const SplitPattern pattern = GENERATE(SplitPattern::gpt2, SplitPattern::llama3);
  const bool digits = pattern == SplitPattern::gpt2 && GENERATE(false, true);
  const auto made = trained(pattern, digits);
  const std::string json = to_json(*made);
  const auto again = parse_tokenizer(json, "test");
  CHECK(again->encode(kText) == made->encode(kText));
  CHECK(again->decode(again->encode(kText)) == kText);
  CHECK(to_json(*again) == json);
}

TEST_CASE("merges are read as pairs and as text") {
  const std::string vocab = R"({"a":0,"b":1,"ab":2},"merges":)";
  const auto pairs = parse_tokenizer(tiny(vocab + R"([["a","b"]])", kByteLevel), "test");
  const auto text = parse_tokenizer(tiny(vocab + R"(["a b"])", kByteLevel), "test");
  CHECK(pairs->encode("abba") == Ids{2, 1, 0});
  CHECK(text->encode("abba") == Ids{2, 1, 0});
}

TEST_CASE("GPT-2's two files are read") {
  const TemporaryFolder folder;
  const std::string vocab =
      write_bytes(folder / "vocab.json", R"({"a":0,"b":1,"ab":2,"<|endoftext|>":3})");
  const std::string merges = write_bytes(folder / "merges.txt", "#version: 0.2\na b\r\n");
  const auto t = load_gpt2_files(vocab, merges, {"<|endoftext|>"});
  CHECK(t->encode("abba<|endoftext|>") == Ids{2, 1, 0, 3});
  CHECK_THROWS_WITH(load_gpt2_files(vocab, merges, {"<x>"}), Catch::Contains("not in the vocab"));
  write_bytes(folder / "merges.txt", "a b\n\n");
  CHECK_THROWS_WITH(load_gpt2_files(vocab, merges, {}), Catch::Contains("line 2"));
  CHECK_THROWS_AS(load_gpt2_files(folder / "none", merges, {}), IoError);
  CHECK_THROWS_AS(load_tokenizer(folder / ""), IoError);
}

TEST_CASE("unsound and unsupported files are refused by name") {
  const std::string vocab = R"({"a":0,"b":1,"ab":2},"merges":[])";
  const std::pair<std::string, std::string> cases[] = {
      {"", "not JSON"},
      {"[]", "expected an object"},
      {"{}", "'model' is missing"},
      {R"({"model":{"type":"WordPiece"}})", "WordPiece"},
      {R"({"model":{"vocab":{}}})", "'merges' is missing"},
      {tiny(R"([],"merges":[])", kByteLevel), "'vocab' must be an object"},
      {tiny(R"({"a":0,"b":0},"merges":[])", kByteLevel), "same id 0"},
      {tiny(R"({"a":0,"a":1},"merges":[])", kByteLevel), "occurs twice"},
      {tiny(R"({"a":-1},"merges":[])", kByteLevel), "whole number"},
      {tiny(R"({"a":1.0},"merges":[])", kByteLevel), "whole number"},
      {tiny(R"({"a":1048576},"merges":[])", kByteLevel), "1048575"},
      {tiny(R"({"":0},"merges":[])", kByteLevel), "empty token"},
      {tiny(R"({"a":0},"merges":["a"])", kByteLevel), "two tokens"},
      {tiny(R"({"a":0},"merges":["a a a"])", kByteLevel), "two tokens"},
      {tiny(R"({"a":0},"merges":[["a"]])", kByteLevel), "two tokens"},
      {tiny(R"({"a":0},"merges":[["a",1]])", kByteLevel), "must be text"},
      {tiny(R"({"a":0},"merges":[["a","c"]])", kByteLevel), "'c' is not in the vocabulary"},
      {tiny(R"({"a":0},"merges":[["a","a"]])", kByteLevel), "'aa', which is not"},
      {tiny(vocab + R"(,"dropout":0.1)", kByteLevel), "dropout"},
      {tiny(vocab + R"(,"byte_fallback":true)", kByteLevel), "byte_fallback"},
      {tiny(vocab + R"(,"end_of_word_suffix":"</w>")", kByteLevel), "end_of_word_suffix"},
      {tiny(vocab + R"(,"unk_token":"x")", kByteLevel), "unk_token"},
      {tiny(vocab, ""), "one character"},
      {tiny(vocab, kByteLevel + R"(,"normalizer":{"type":"NFC"})"), "NFC"},
      {tiny(vocab, kByteLevel + R"(,"decoder":{"type":"WordPiece"})"), "WordPiece"},
      {tiny(vocab, kByteLevel + R"(,"post_processor":{"type":"BertProcessing"})"), "BertProcess"},
      {tiny(vocab, R"(,"pre_tokenizer":{"type":"Metaspace"})"), "Metaspace"},
      {tiny(vocab, R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[]})"), "no step"},
      {tiny(vocab, R"(,"pre_tokenizer":{"type":"ByteLevel"})"), "add_prefix_space"},
      {std::string(100000, '['), "nested deeper"},
      {tiny(vocab, kByteLevel + R"(,"x":)" + std::string(100000, '[')), "nested deeper"}};
  for (const auto& [json, message] : cases) {
    CAPTURE(json.substr(0, 200));
    CHECK_THROWS_WITH(parse_tokenizer(json, "the file"),
                      Catch::StartsWith("the file: ") && Catch::Contains(message));
  }
}

TEST_CASE("a damaged file is read or refused, and never more") {
  const std::string valid = to_json(*trained(SplitPattern::llama3));
  std::mt19937 draw(17);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text = valid;
    for (std::size_t n = 1 + draw() % 3; n > 0; --n) {
      const std::size_t at = draw() % text.size();
      if (draw() % 2 == 0) {
        text[at] = static_cast<char>(draw());
      } else {
        text.erase(at, 1 + draw() % 8);
      }
    }
    try {
      const auto t = parse_tokenizer(text, "test");
      try {
        t->decode(t->encode(kText));
      } catch (const ValueError&) {  // a byte lost its token
      }
    } catch (const FormatError&) {
      ++refused;
    }
  }
  CHECK(refused > 100);
}
