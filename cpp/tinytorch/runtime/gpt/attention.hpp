// Attention of new positions to their sequences, all heads; queries may share keys and values.
#pragma once
#include "tinytorch/runtime/gpt/rotary.hpp"
#include "tinytorch/runtime/gpt/rows.hpp"

namespace tt::runtime {

// Keeps keys and values of rows.qkv in a layer of the sequences; turns queries and keys if the
// positions are rotary, and scales queries by 1 / sqrt(head_size).
void keep_positions(const GptRows& rows, index_t layer, const Rotary& rotary);

// mixed = attention of every row to the positions of its sequence up to itself.
void attend(const GptRows& rows, index_t layer);

}  // namespace tt::runtime
