#include "tinytorch/runtime/generate/output.hpp"

#include <algorithm>

namespace tt::runtime {

void GeneratedText::reserve(index_t tokens) {
  tokens_.reserve(static_cast<std::size_t>(tokens));
  ends_.reserve(static_cast<std::size_t>(tokens));
}

bool GeneratedText::take(std::int64_t token, std::string_view bytes) {
  tokens_.push_back(token);
  const index_t whole = text_before(count() - 1) + static_cast<index_t>(bytes.size());
  token_stop_ = token_stops_.feed(token);
  // Text of a token that ends the request by itself, end-of-text for instance, is none.
  const bool alone = token_stop_ >= 0 && token_stops_.size(token_stop_) == 1;
  const index_t begin = alone ? -1 : feed_text(bytes);
  ends_.push_back(whole);
  if (token_stop_ >= 0) {
    const index_t before = count() - token_stops_.size(token_stop_);
    if (begin < 0 || text_before(before) <= begin) {
      text_stop_ = -1;
      cut(before, text_before(before));
      return true;
    }
    token_stop_ = -1;  // the text's stop sequence began earlier
  }
  if (begin >= 0) {
    index_t before = count();
    // A token stays if it begins before the sequence, or ends there (and has no text).
    while (before > 0 && text_before(before) > begin && text_before(before - 1) >= begin) --before;
    cut(before, begin);
    return true;
  }
  show_safe();
  return false;
}

// Where in the text a stop sequence begins that ends in these bytes; -1 if none does.
index_t GeneratedText::feed_text(std::string_view bytes) {
  for (const char c : bytes) {
    text_.push_back(c);
    if (text_stops_.empty() || text_stop_ >= 0) continue;
    text_stop_ = text_stops_.feed(c);
    if (text_stop_ >= 0) return static_cast<index_t>(text_.size()) - text_stops_.size(text_stop_);
  }
  return -1;
}

void GeneratedText::cut(index_t tokens, index_t text) {
  tokens_.resize(static_cast<std::size_t>(tokens));
  ends_.resize(static_cast<std::size_t>(tokens));
  text_.resize(static_cast<std::size_t>(text));
  show_all();
}

void GeneratedText::show_all() {
  shown_tokens_ = count();
  shown_text_ = static_cast<index_t>(text_.size());
}

void GeneratedText::show_safe() {
  const index_t safe = count() - token_stops_.pending();
  const index_t text = static_cast<index_t>(text_.size()) - text_stops_.pending();
  shown_text_ = std::min(text, text_before(safe));
  while (shown_tokens_ < safe && text_before(shown_tokens_ + 1) <= shown_text_) ++shown_tokens_;
}

}  // namespace tt::runtime
