#include "tinytorch/models/gpt.hpp"

#include <utility>

#include "tinytorch/base/error.hpp"
#include "tinytorch/base/interrupt.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::models {
namespace {

using Need = GptArray::Need;

Need need_if(bool needed) { return needed ? Need::required : Need::absent; }

void append_block(const GptConfig& c, const std::string& p, GptBlock& b,
                  std::vector<GptArray>& all) {
  const index_t w = c.width, queries = c.query_width(), qkv = c.qkv_width();
  const Need beta = c.norm == GptNorm::layer ? Need::optional : Need::absent;
  const Need gate_bias = c.gated ? Need::optional : Need::absent;
  all.push_back({p + "norm1.gamma", &b.norm1_gamma, {w}, Need::required});
  all.push_back({p + "norm1.beta", &b.norm1_beta, {w}, beta});
  all.push_back({p + "qkv.weight", &b.qkv, {qkv, w}, Need::required});
  all.push_back({p + "qkv.bias", &b.qkv_bias, {qkv}, Need::optional});
  all.push_back({p + "proj.weight", &b.proj, {w, queries}, Need::required});
  all.push_back({p + "proj.bias", &b.proj_bias, {w}, Need::optional});
  all.push_back({p + "norm2.gamma", &b.norm2_gamma, {w}, Need::required});
  all.push_back({p + "norm2.beta", &b.norm2_beta, {w}, beta});
  all.push_back({p + "gate.weight", &b.gate, {c.hidden, w}, need_if(c.gated)});
  all.push_back({p + "gate.bias", &b.gate_bias, {c.hidden}, gate_bias});
  all.push_back({p + "up.weight", &b.up, {c.hidden, w}, Need::required});
  all.push_back({p + "up.bias", &b.up_bias, {c.hidden}, Need::optional});
  all.push_back({p + "down.weight", &b.down, {w, c.hidden}, Need::required});
  all.push_back({p + "down.bias", &b.down_bias, {w}, Need::optional});
}

const char* why_absent(const std::string& name) {
  if (name == "positions") return "only models with learned positions have it";
  if (name == "head.weight") return "this one is tied to the token table";
  if (name.find(".gate.") != std::string::npos) return "only gated models have it";
  return "rms norms have no beta";
}

void require_finite(const std::string& name, const Array& a) {
  // A transposed matrix is read in the order of its memory.
  const Array plain = a.ndim() == 2 && !a.is_contiguous() ? a.transpose(0, 1) : a;
  const Array rows = plain.contiguous();
  const auto n = static_cast<std::size_t>(rows.size());
  constexpr std::uint32_t kInfinityBits = 0x7f800000u;
  if (kernels::active().gemm_s8.abs_max_bits(rows.data<float>(), n) >= kInfinityBits) {
    fail<ValueError>("GPT: ", name,
                     " holds NaN or infinity; the model has diverged, or its file is damaged");
  }
}

void check_array(GptArray& entry) {
  Array& a = *entry.array;
  if (!a.defined()) {
    if (entry.need == Need::required) {
      fail<ValueError>("GPT: the weights lack '", entry.name, "' of shape ",
                       to_string(entry.shape));
    }
    return;
  }
  if (entry.need == Need::absent) {
    fail<ValueError>("GPT: the weights have '", entry.name, "', but ", why_absent(entry.name));
  }
  if (!(a.shape() == entry.shape)) {
    fail<ShapeError>("GPT: ", entry.name, " must have shape ", to_string(entry.shape), ", got ",
                     to_string(a.shape()));
  }
  a = a.astype(DType::f32);
  require_finite(entry.name, a);
}

}  // namespace

std::vector<GptArray> arrays_of(GptModel& m) {
  const GptConfig& c = m.config;
  const Need beta = c.norm == GptNorm::layer ? Need::optional : Need::absent;
  std::vector<GptArray> all;
  all.push_back({"tokens", &m.tokens, {c.vocabulary, c.width}, Need::required});
  all.push_back({"positions",
                 &m.positions,
                 {c.max_length, c.width},
                 need_if(c.positions == GptPositions::learned)});
  for (std::size_t i = 0; i < m.blocks.size(); ++i) {
    append_block(c, "blocks." + std::to_string(i) + ".", m.blocks[i], all);
  }
  all.push_back({"norm.gamma", &m.norm_gamma, {c.width}, Need::required});
  all.push_back({"norm.beta", &m.norm_beta, {c.width}, beta});
  all.push_back({"head.weight", &m.head, {c.vocabulary, c.width}, need_if(!c.tied)});
  return all;
}

GptModel checked(GptModel m) {
  m.config = completed(m.config);
  const auto layers = static_cast<std::size_t>(m.config.layers);
  if (m.blocks.size() != layers) {
    fail<ValueError>("GPT: the config has ", layers, " layers, the weights ", m.blocks.size());
  }
  for (GptArray& entry : arrays_of(m)) {
    stop_if_interrupted();
    check_array(entry);
  }
  return m;
}

GptModel gpt_from_arrays(const GptConfig& config, const std::map<std::string, Array>& arrays) {
  GptModel m;
  m.config = completed(config);
  m.blocks.resize(static_cast<std::size_t>(m.config.layers));
  std::map<std::string, Array> rest = arrays;
  for (const GptArray& entry : arrays_of(m)) {
    if (auto given = rest.extract(entry.name)) *entry.array = std::move(given.mapped());
  }
  if (!rest.empty()) {
    fail<ValueError>("GPT: no array of this model is called '", rest.begin()->first,
                     "'; it has tokens, positions, blocks.N.{norm1,norm2}.{gamma,beta}, "
                     "blocks.N.{qkv,proj,gate,up,down}.{weight,bias} with N below ",
                     m.config.layers, ", norm.{gamma,beta} and head.weight");
  }
  return checked(std::move(m));
}

}  // namespace tt::models
