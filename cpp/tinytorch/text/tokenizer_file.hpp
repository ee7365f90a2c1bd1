// Tokenizers in files that the `tokenizers` package reads and writes.
//
// tokenizer.json: a model of type BPE with
//   * a pre-tokenizer ByteLevel, alone or as the last of a Sequence after Digits (single ones)
//     or after a Split by the expression of GPT-2 or Llama 3; or
//   * no pre-tokenizer and no merges, one token per character, decoder Fuse.
// Whatever else would change ids (normalizers, other models, dropout...) is refused by name.
// Truncation and padding that a file asks for are kept for other programs and not acted on. Added
// tokens have the ids that the file says.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/text/tokenizer.hpp"

namespace tt::text {

inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{64} << 20;

// The text of a tokenizer.json; `what` begins every message. FormatError for one that is not sound
// or not supported.
std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& what);

// The same from a file. IoError where it cannot be read.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

// GPT-2's two files: vocab.json, tokens in GPT-2's alphabet to ids, and merges.txt, a merge of two
// tokens per line. `special` are tokens of the vocabulary that text may name.
std::unique_ptr<Tokenizer> load_gpt2_files(const std::string& vocab_path,
                                           const std::string& merges_path,
                                           const std::vector<std::string>& special);

std::string to_json(const Tokenizer& tokenizer);

}  // namespace tt::text
