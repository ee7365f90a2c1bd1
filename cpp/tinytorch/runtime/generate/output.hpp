// What a request has generated, and how much of it may be shown: tokens and text that may yet turn
// out to be the beginning of a stop sequence wait, and a stop sequence never shows.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/runtime/generate/stop.hpp"

namespace tt::runtime {

using TokenIds = std::vector<std::int64_t>;

class GeneratedText {
 public:
  // ValueError for an empty stop sequence.
  GeneratedText(const std::vector<TokenIds>& stop_tokens, const std::vector<std::string>& stop_text)
      : token_stops_(stop_tokens), text_stops_(stop_text) {}

  void reserve(index_t tokens);  // so many are taken without allocation, their text apart
  // Takes a token and its bytes. True where a stop sequence ended with it: then what belongs to the
  // sequence is cut off, of a token that it cuts in two its bytes alone. Nothing may follow.
  bool take(std::int64_t token, std::string_view bytes);
  void show_all();  // nothing will follow

  const TokenIds& tokens() const { return tokens_; }
  const std::string& text() const { return text_; }
  index_t shown_tokens() const { return shown_tokens_; }
  index_t shown_text() const { return shown_text_; }  // bytes
  // The stop sequence that was found: its number among those of tokens, else of text; else -1.
  index_t token_stop() const { return token_stop_; }
  index_t text_stop() const { return text_stop_; }

 private:
  index_t text_before(index_t tokens) const {
    return tokens == 0 ? 0 : ends_[static_cast<std::size_t>(tokens) - 1];
  }
  index_t count() const { return static_cast<index_t>(tokens_.size()); }
  index_t feed_text(std::string_view bytes);
  void cut(index_t tokens, index_t text);
  void show_safe();

  StopMatcher<TokenIds> token_stops_;
  StopMatcher<std::string> text_stops_;
  TokenIds tokens_;
  std::string text_;
  std::vector<index_t> ends_;  // of each token in the text
  index_t shown_tokens_ = 0, shown_text_ = 0, token_stop_ = -1, text_stop_ = -1;
};

}  // namespace tt::runtime
