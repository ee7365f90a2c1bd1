#include "tinytorch/text/tokenizer.hpp"

#include <algorithm>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/io/json_text.hpp"

namespace tt::text {
namespace {

constexpr std::int64_t kTextsPerChunk = 16;

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const Model> model, std::vector<AddedToken> added, Frame frame,
                     std::map<std::string, std::string> kept)
    : model_(std::move(model)),
      added_(std::move(added)),
      frame_(std::move(frame)),
      kept_(std::move(kept)),
      size_(model_->size()) {
  for (const AddedToken& token : added_.all()) size_ = std::max(size_, token.id + 1);
  check_added();
}

void Tokenizer::check_added() const {
  for (const AddedToken& token : added_.all()) {
    const std::string_view there = model_->name(token.id);
    if (!there.empty() && there != token.content) {
      fail<FormatError>("added token ", io::quoted(token.content), " has the id ", token.id,
                        ", which is ", io::quoted(there), " in the vocabulary");
    }
  }
  for (const auto* ids : {&frame_.begin, &frame_.end}) {
    for (const std::int64_t id : *ids) {
      if (token(id).empty()) {
        fail<FormatError>("the post-processor adds id ", id, ", which no token has");
      }
    }
  }
}

void Tokenizer::encode(std::string_view text, EncodeOptions options, Work& work,
                       std::vector<std::int64_t>& ids) const {
  if (text.size() > kMaxTextBytes) {
    fail<ValueError>("a text of ", text.size(), " bytes; at most ", kMaxTextBytes,
                     " can be encoded at once: cut it, at a line's end for instance");
  }
  if (options.frame) ids.insert(ids.end(), frame_.begin.begin(), frame_.begin.end());
  if (!options.added_tokens) {
    model_->encode(text, work, ids);
  } else {
    for (const AddedTokens::Part& part : added_.split(text)) {
      if (part.token != nullptr) {
        ids.push_back(part.token->id);
      } else {
        model_->encode(text.substr(part.begin, part.end - part.begin), work, ids);
      }
    }
  }
  if (options.frame) ids.insert(ids.end(), frame_.end.begin(), frame_.end.end());
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  Work work;
  std::vector<std::int64_t> ids;
  encode(text, options, work, ids);
  return ids;
}

std::vector<std::vector<std::int64_t>> Tokenizer::encode(const std::vector<std::string_view>& texts,
                                                         EncodeOptions options) const {
  std::vector<std::vector<std::int64_t>> ids(texts.size());
  parallel_for(std::ssize(texts), kTextsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    Work work;
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      stop_if_interrupted();
      encode(texts[i], options, work, ids[i]);
    }
  });
  return ids;
}

std::string_view Tokenizer::token(std::int64_t id) const {
  const AddedToken* added = added_.find(id);
  return added != nullptr ? std::string_view(added->content) : model_->bytes(id);
}

bool Tokenizer::special(std::int64_t id) const {
  const AddedToken* added = added_.find(id);
  return added != nullptr && added->special;
}

std::optional<std::int64_t> Tokenizer::find(std::string_view token) const {
  const AddedToken* added = added_.find(token);
  return added != nullptr ? added->id : model_->find(token);
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skip_special) const {
  std::string text;
  for (const std::int64_t id : ids) {
    const std::string_view bytes = token(id);
    if (bytes.empty()) {
      fail<ValueError>("no token has the id ", id, "; ids are 0 to ", size_ - 1,
                       id >= 0 && id < size_ ? ", and not all of these are in use" : "");
    }
    if (!skip_special || !special(id)) text += bytes;
  }
  return text;
}

}  // namespace tt::text
