#include "tinytorch/text/added_tokens.hpp"

#include <algorithm>

#include "tinytorch/base/error.hpp"
#include "tinytorch/io/json_text.hpp"
#include "tinytorch/text/model.hpp"
#include "tinytorch/text/unicode_classes.hpp"
#include "tinytorch/text/utf8.hpp"

namespace tt::text {
namespace {

constexpr std::size_t kMaxContent = 4096;  // bytes: looking for tokens costs that much per byte

void check(const AddedToken& token) {
  const std::string& name = token.content;
  if (name.empty()) fail<FormatError>("added token ", token.id, " is empty");
  if (name.size() > kMaxContent) {
    fail<FormatError>("added token ", token.id, " has ", name.size(), " bytes; at most ",
                      kMaxContent, " are allowed");
  }
  if (token.id < 0 || token.id >= kMaxTokens) {
    fail<FormatError>("added token ", io::quoted(name), " has the id ", token.id, "; ids are 0 to ",
                      kMaxTokens - 1);
  }
  for (std::size_t at = 0; at < name.size();) {
    const Utf8Char c = utf8_at(name, at);
    if (c.code == kMalformed) fail<FormatError>("added token ", token.id, " is not UTF-8");
    at += c.length;
  }
}

bool space_at(std::string_view text, std::size_t at) {
  return class_of(utf8_at(text, at).code) == CharClass::space;
}

// Where the character before `at` begins.
std::size_t before(std::string_view text, std::size_t at) {
  for (std::size_t length = 1; length <= std::min<std::size_t>(at, 4); ++length) {
    const Utf8Char c = utf8_at(text.substr(0, at), at - length);
    if (c.code != kMalformed && c.length == length) return at - length;
  }
  return at - 1;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), by_id_(tokens_.size()), by_content_(tokens_.size()) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    check(token);
    if (!by_id_.insert(static_cast<std::uint64_t>(token.id), i).second) {
      fail<FormatError>("two added tokens have the id ", token.id);
    }
    if (!by_content_.insert(token.content, i).second) {
      fail<FormatError>("the added token ", io::quoted(token.content), " occurs twice");
    }
    (token.normalized ? normalized_ : plain_).add(token.content, i);
  }
}

const AddedToken* AddedTokens::find(std::int64_t id) const {
  const std::uint64_t* found = by_id_.find(static_cast<std::uint64_t>(id));
  return found == nullptr ? nullptr : &tokens_[*found];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const std::uint64_t* found = by_content_.find(content);
  return found == nullptr ? nullptr : &tokens_[*found];
}

void AddedTokens::Tree::add(std::string_view content, std::size_t index) {
  if (ends_.empty()) ends_.push_back(-1);
  first_[static_cast<unsigned char>(content[0])] = true;
  std::uint64_t node = 0;
  for (const char c : content) {
    const std::uint64_t key = node * 256 + static_cast<unsigned char>(c);
    const auto [child, added] = children_.insert(key, ends_.size());
    if (added) ends_.push_back(-1);
    node = *child;
  }
  ends_[node] = static_cast<std::int64_t>(index);
}

std::int64_t AddedTokens::Tree::longest_at(std::string_view text, std::size_t at) const {
  if (!first_[static_cast<unsigned char>(text[at])]) return -1;
  std::int64_t found = -1;
  std::uint64_t node = 0;
  for (; at < text.size(); ++at) {
    const std::uint64_t key = node * 256 + static_cast<unsigned char>(text[at]);
    const std::uint64_t* child = children_.find(key);
    if (child == nullptr) break;
    node = *child;
    if (ends_[node] >= 0) found = ends_[node];
  }
  return found;
}

void AddedTokens::split(std::string_view text, Part within, const Tree& tree,
                        std::vector<Part>& parts) const {
  std::size_t done = within.begin;  // everything before is in a part
  const std::string_view seen = text.substr(0, within.end);
  for (std::size_t at = within.begin; at < within.end;) {
    const std::int64_t index = tree.longest_at(seen, at);
    if (index < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(index)];
    std::size_t begin = at, end = at + token.content.size();
    at = end;
    while (token.strip_left && begin > done && space_at(seen, before(seen, begin))) {
      begin = before(seen, begin);
    }
    while (token.strip_right && end < within.end && space_at(seen, end)) {
      end += utf8_at(seen, end).length;
    }
    if (token.strip_left) begin = std::max(begin, done);
    if (done < begin) parts.push_back({done, begin, nullptr});
    if (begin < end) parts.push_back({begin, end, &token});  // else the one before took it along
    done = end;
  }
  if (done < within.end) parts.push_back({done, within.end, nullptr});
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  if (text.empty()) return parts;
  parts.push_back({0, text.size(), nullptr});
  for (const Tree* tree : {&plain_, &normalized_}) {
    if (tree->empty()) continue;
    std::vector<Part> finer;
    for (const Part& part : parts) {
      if (part.token == nullptr) {
        split(text, part, *tree, finer);
      } else {
        finer.push_back(part);
      }
    }
    parts.swap(finer);
  }
  return parts;
}

}  // namespace tt::text
