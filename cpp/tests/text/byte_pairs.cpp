// The encoder and the trainer against plain ones that look at everything again after each merge.
#include <map>
#include <random>

#include "support/catch.hpp"
#include "tinytorch/base/error.hpp"
#include "tinytorch/text/bpe_model.hpp"
#include "tinytorch/text/bpe_trainer.hpp"
#include "tinytorch/text/byte_alphabet.hpp"

using namespace tt;
using namespace tt::text;

namespace {

using Word = std::vector<std::string>;
using Merge = std::pair<std::string, std::string>;

void merge_all(Word& word, const Merge& pair) {
  for (std::size_t i = 0; i + 1 < word.size(); ++i) {
    if (word[i] != pair.first || word[i + 1] != pair.second) continue;
    word[i] += word[i + 1];
    word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
}

Word single_bytes(std::string_view text) {
  Word word;
  for (const char c : text) word.push_back(to_alphabet(std::string_view(&c, 1)));
  return word;
}

std::string random_text(std::mt19937& draw, std::string_view alphabet, std::size_t most) {
  std::string text;
  for (std::size_t n = draw() % (most + 1); n > 0; --n) text += alphabet[draw() % alphabet.size()];
  return text;
}

const BpeData& data_of(const Tokenizer& t) {
  return dynamic_cast<const BpeModel&>(t.model()).data();
}

std::vector<Merge> merges_of(const Tokenizer& t) {
  std::vector<Merge> merges;
  for (const auto& [a, b] : data_of(t).merges) {
    merges.emplace_back(t.model().name(a), t.model().name(b));
  }
  return merges;
}

// Merges of the words, all pairs counted anew each time.
std::vector<Merge> plain_training(std::vector<Word> words, std::size_t count, const Tokenizer& t) {
  std::map<std::string, std::int64_t> ids;
  for (std::int64_t id = 0; id < 256; ++id) ids[std::string(t.model().name(id))] = id;
  std::vector<Merge> merges;
  while (merges.size() < count) {
    std::map<std::pair<std::int64_t, std::int64_t>, int> counts;
    std::map<std::pair<std::int64_t, std::int64_t>, Merge> names;
    for (const Word& word : words) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        const auto key = std::make_pair(ids[word[i]], ids[word[i + 1]]);
        ++counts[key];
        names[key] = {word[i], word[i + 1]};
      }
    }
    if (counts.empty()) break;
    auto best = counts.begin();
    for (auto i = counts.begin(); i != counts.end(); ++i) {
      if (i->second > best->second) best = i;
    }
    const Merge pair = names[best->first];
    ids.try_emplace(pair.first + pair.second, std::ssize(ids));
    merges.push_back(pair);
    for (Word& word : words) merge_all(word, pair);
  }
  return merges;
}

}  // namespace

TEST_CASE("training finds the merges that counting everything anew finds") {
  std::mt19937 draw(11);
  for (int round = 0; round < 150; ++round) {
    const std::string_view alphabet =
        round % 3 == 0 ? "ab" : (round % 3 == 1 ? "aaab" : "abcd\xe9");
    BpeTrainer trainer({SplitPattern::none});
    std::vector<Word> words;
    for (int i = 0; i < 6; ++i) {
      const std::string text = random_text(draw, alphabet, 40);
      trainer.feed(text);
      words.push_back(single_bytes(text));
    }
    const auto made = trainer.train({.vocabulary_size = 256 + 30, .special = {}});
    CHECK(merges_of(*made) == plain_training(words, 30, *made));
  }
}

TEST_CASE("encoding merges the earliest merge first, from the left") {
  std::mt19937 draw(12);
  for (int round = 0; round < 40; ++round) {
    BpeTrainer trainer({SplitPattern::none});
    for (int i = 0; i < 4; ++i) trainer.feed(random_text(draw, "aab c", 60));
    const auto made = trainer.train({.vocabulary_size = 256 + 40, .special = {}});
    for (int i = 0; i < 40; ++i) {
      const std::string text = random_text(draw, "aab cd\xff", 80);
      Word word = single_bytes(text);
      for (const Merge& pair : merges_of(*made)) merge_all(word, pair);
      Word got;
      for (const std::int64_t id : made->encode(text)) got.emplace_back(made->model().name(id));
      REQUIRE(got == word);
      CHECK(made->decode(made->encode(text)) == text);
    }
  }
}

TEST_CASE("rare pairs and small vocabularies end training") {
  BpeTrainer trainer({SplitPattern::gpt2});
  trainer.feed("ab ab ac");
  const auto twice = trainer.train({.vocabulary_size = 1000, .min_frequency = 2, .special = {}});
  CHECK(merges_of(*twice) == std::vector<Merge>{{"a", "b"}});
  CHECK(trainer.train({.vocabulary_size = 1000, .special = {}})->vocabulary_size() < 270);
  CHECK(trainer.train({.vocabulary_size = 256, .special = {}})->vocabulary_size() == 256);
  CHECK_THROWS_AS(trainer.train({.vocabulary_size = 255, .special = {}}), ValueError);
  CHECK_THROWS_AS(trainer.train({.vocabulary_size = 256, .special = {"<s>"}}), ValueError);
  CHECK_THROWS_AS(trainer.train({.vocabulary_size = kMaxTokens + 1, .special = {}}), ValueError);
  CHECK_THROWS_AS(trainer.train({.special = {"\u0120"}}), ValueError);
  CHECK_THROWS_AS(trainer.train({.special = {""}}), ValueError);
  CHECK_THROWS_AS(trainer.train({.special = {"<s>", "<s>"}}), FormatError);
}

TEST_CASE("a model refuses what is no tokenizer") {
  const auto model = [](std::vector<std::string> tokens,
                        std::vector<std::array<std::int32_t, 2>> merges) {
    return BpeModel({std::move(tokens), std::move(merges)}, {});
  };
  CHECK(model({"a", "b", "ab"}, {{0, 1}}).size() == 3);
  CHECK_THROWS_AS(model({"a", "a"}, {}), FormatError);
  CHECK_THROWS_AS(model({"a", "b"}, {{0, 1}}), FormatError);
  CHECK_THROWS_AS(model({"a", "b", "ab"}, {{0, 3}}), FormatError);
  CHECK_THROWS_AS(model({"a", "b", "ab"}, {{-1, 1}}), FormatError);
  CHECK_THROWS_AS(model({"a", "b", "ab", ""}, {{0, 3}}), FormatError);
  CHECK_THROWS_AS(model({"a", "b", "ab"}, {{0, 1}, {0, 1}}), FormatError);
}

TEST_CASE("bytes without a token are refused or unknown") {
  const auto ids = [](BpeData data, std::string_view text) {
    Work work;
    std::vector<std::int64_t> made;
    BpeModel(std::move(data), {}).encode(text, work, made);
    return made;
  };
  using Ids = std::vector<std::int64_t>;
  const BpeData known{.tokens = {"a", "b", "ab", "?"}, .merges = {{0, 1}}, .unknown = 3};
  CHECK(ids(known, "abxya") == Ids{2, 3, 3, 0});
  BpeData fused = known;
  fused.fuse_unknown = true;
  CHECK(ids(fused, "abxya") == Ids{2, 3, 0});
  BpeData strict = known;
  strict.unknown = -1;
  CHECK_THROWS_AS(ids(strict, "abx"), ValueError);
  CHECK(ids({.tokens = {"a", "b", "ab"}, .merges = {}}, "ab") == Ids{0, 1});
  CHECK(ids({.tokens = {"a", "b", "ab"}, .merges = {}, .ignore_merges = true}, "ab") == Ids{2});
}
