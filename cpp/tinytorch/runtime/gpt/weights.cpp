#include "tinytorch/runtime/gpt/weights.hpp"

#include "tinytorch/base/error.hpp"

namespace tt::runtime {
namespace {

void require(const std::string& name, const Array& a, const Shape& shape) {
  if (!a.defined() || !(a.shape() == shape)) {
    fail<ShapeError>("GPT: ", name, " must have shape ", to_string(shape), ", got ",
                     a.defined() ? to_string(a.shape()) : "nothing");
  }
}
void plain(const std::string& name, Array& a, const Shape& shape) {
  require(name, a, shape);
  a = a.astype(DType::f32).contiguous();
}

void check_block(GptBlock& b, const std::string& name, index_t width) {
  plain(name + ".norm1.gamma", b.norm1_gamma, {width});
  plain(name + ".norm1.beta", b.norm1_beta, {width});
  plain(name + ".norm2.gamma", b.norm2_gamma, {width});
  plain(name + ".norm2.beta", b.norm2_beta, {width});
  if (!b.up.defined() || b.up.ndim() != 2) {
    fail<ShapeError>("GPT: ", name, ".up must be a matrix (hidden, ", width, ")");
  }
  const index_t hidden = b.up.shape(0);
  require(name + ".qkv", b.qkv, {3 * width, width});
  require(name + ".qkv_bias", b.qkv_bias, {3 * width});
  require(name + ".proj", b.proj, {width, width});
  require(name + ".proj_bias", b.proj_bias, {width});
  require(name + ".up", b.up, {hidden, width});
  require(name + ".up_bias", b.up_bias, {hidden});
  require(name + ".down", b.down, {width, hidden});
  require(name + ".down_bias", b.down_bias, {width});
}

}  // namespace

GptModel checked(GptModel m) {
  if (!m.tokens.defined() || m.tokens.ndim() != 2 || !m.positions.defined() ||
      m.positions.ndim() != 2) {
    fail<ShapeError>("GPT: the token and position tables must be matrices (rows, width)");
  }
  const index_t width = m.width();
  if (m.heads < 1 || width < 1 || width % m.heads != 0) {
    fail<ValueError>("GPT: ", m.heads, " heads do not divide the width ", width);
  }
  plain("tokens", m.tokens, {m.vocabulary(), width});
  plain("positions", m.positions, {m.max_length(), width});
  for (std::size_t i = 0; i < m.blocks.size(); ++i) {
    check_block(m.blocks[i], "blocks[" + std::to_string(i) + "]", width);
  }
  plain("norm.gamma", m.norm_gamma, {width});
  plain("norm.beta", m.norm_beta, {width});
  if (!m.head.defined()) m.head = m.tokens;
  require("head", m.head, {m.vocabulary(), width});
  return m;
}

}  // namespace tt::runtime
