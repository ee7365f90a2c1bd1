#include "tinytorch/deploy/model_file.hpp"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "tinytorch/capstone/json_text.hpp"
#include "tinytorch/io/safetensors.hpp"
#include "tinytorch/ops/shape.hpp"

namespace tt::deploy {
namespace {

using capstone::Json;
using runtime::CnnNode;
using Kind = CnnNode::Kind;

constexpr const char* kConfigKey = "tinytorch.model";
constexpr index_t kMaxSize = 1 << 14;
constexpr std::size_t kMaxNodes = 512;
constexpr int kMaxDepth = 8;

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), file_(io::load_safetensors(path)) {
    for (auto& [name, array] : file_.tensors) arrays_.emplace(name, array);
  }

  ModelFile read() {
    const Json config = parsed_config();
    const Json& sizes = member(config, "sizes");
    ModelFile model;
    model.name = text(member(config, "model"));
    const Json& shape = member(sizes, "input_shape");
    if (!shape.is_array() || shape.size() != 3) refuse("input_shape must have three numbers");
    model.input = {size(shape[0]), size(shape[1]), size(shape[2])};
    if (model.input.channels != 3) refuse("only networks for red, green and blue can be read here");
    if (sizes.contains("mirror_pairs")) one_of_pair_ = truth(sizes["mirror_pairs"]);
    model.nodes = nodes(member(sizes, "nodes"), 0);
    model.normalization = {floats(member(sizes, "mean"), model.input.channels),
                           floats(member(sizes, "std"), model.input.channels)};
    if (sizes.contains("ranges")) read_ranges(sizes["ranges"], model.ranges);
    const index_t classes = size(member(sizes, "classes"));
    for (index_t i = 0; i < classes; ++i) model.classes.push_back(std::to_string(i));
    if (config.contains("class_names")) read_names(config["class_names"], model.classes);
    return model;
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<FormatError>(path_, ": ", parts...);
  }

  Json parsed_config() const {
    const auto found = file_.metadata.find(kConfigKey);
    if (found == file_.metadata.end()) refuse("has no config of a model in its metadata");
    Json config = capstone::parse_json(found->second);
    if (!config.is_object()) refuse("the config must be an object");
    return config;
  }

  const Json& member(const Json& object, const char* key) const {
    if (!object.is_object() || !object.contains(key)) {
      refuse("the config has no '", key, "': only networks of nodes can be read here");
    }
    return object[key];
  }
  std::string text(const Json& value) const {
    if (!value.is_string()) refuse(capstone::excerpt(value), " must be text");
    return value.get<std::string>();
  }
  index_t size(const Json& value, index_t least = 1) const {
    const bool whole = value.is_number_integer() && value >= least && value <= kMaxSize;
    if (!whole) {
      refuse(capstone::excerpt(value), " must be a whole number from ", least, " to ", kMaxSize);
    }
    return value.get<index_t>();
  }
  bool truth(const Json& value) const {
    if (!value.is_boolean()) refuse(capstone::excerpt(value), " must be true or false");
    return value.get<bool>();
  }
  float number(const Json& value) const {
    if (!value.is_number()) refuse(capstone::excerpt(value), " must be a number");
    return value.get<float>();
  }
  std::vector<float> floats(const Json& list, index_t count) const {
    if (!list.is_array() || list.size() != static_cast<std::size_t>(count)) {
      refuse(capstone::excerpt(list), " must be a list of ", count, " numbers");
    }
    std::vector<float> values;
    for (const Json& v : list) values.push_back(number(v));
    return values;
  }
  void read_ranges(const Json& list, std::vector<quant::Range>& ranges) const {
    if (!list.is_array() || list.empty()) refuse("ranges must be a list");
    for (const Json& pair : list) {
      const auto both = floats(pair, 2);
      ranges.push_back({both[0], both[1]});
    }
  }
  void read_names(const Json& list, std::vector<std::string>& names) const {
    if (!list.is_array() || list.size() != names.size()) {
      refuse("class_names must be a list of ", names.size(), " names");
    }
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = text(list[i]);
  }

  std::vector<CnnNode> nodes(const Json& list, int depth) {
    if (!list.is_array() || list.size() > kMaxNodes || depth > kMaxDepth) {
      refuse("nodes must be a list of at most ", kMaxNodes, ", in at most ", kMaxDepth, " levels");
    }
    std::vector<CnnNode> made;
    std::vector<bool> kept;
    for (const Json& node : list) {
      if (!node.is_array() || node.empty()) refuse(capstone::excerpt(node), " is no node");
      const std::string kind = text(node[0]);
      const bool branch = kind == "proj" && !kept.empty(), after = paired_;
      if (branch) paired_ = kept.back();
      made.push_back(one(node, depth));
      if (branch) kept.back() = std::exchange(paired_, after);
      if (kind == "push") kept.push_back(paired_);
      if (kind == "add" && !kept.empty()) kept.pop_back();
    }
    return made;
  }

  CnnNode one(const Json& node, int depth) {
    static const std::map<std::string, Kind> kPlain = {{"relu", Kind::relu},
                                                       {"gap", Kind::average_pool},
                                                       {"flatten", Kind::flatten},
                                                       {"push", Kind::push},
                                                       {"add", Kind::add}};
    const std::string kind = text(node[0]);
    CnnNode n;
    if (const auto plain = kPlain.find(kind); plain != kPlain.end()) {
      need(node, 1, 1);
      n.kind = plain->second;
    } else if (kind == "conv" || kind == "whiten") {
      convolution(node, kind == "whiten", n);
    } else if (kind == "linear") {
      need(node, 4, 4);
      n.kind = Kind::linear, n.name = text(node[1]);
      n.weight = weight(n.name);
      if (!arrays_.contains(n.name + ".q_weight")) n.weight = n.weight.transpose(0, 1).contiguous();
      n.bias = optional(n.name + ".bias");
    } else if (kind == "bn") {
      need(node, 3, 3);
      n.kind = Kind::batch_norm, n.name = text(node[1]);
      n.gamma = array(n.name + ".gamma"), n.beta = array(n.name + ".beta");
      n.mean = array(n.name + ".running_mean"), n.variance = array(n.name + ".running_var");
    } else if (kind == "maxpool") {
      need(node, 2, 2);
      n.kind = Kind::max_pool, n.size = size(node[1]);
    } else if (kind == "proj") {
      need(node, 2, 2);
      n.kind = Kind::project, n.branch = nodes(node[1], depth + 1);
    } else {
      refuse("unknown node '", kind, "'");
    }
    return n;
  }

  void convolution(const Json& node, bool whitening, CnnNode& n) {
    whitening ? need(node, 5, 5) : need(node, 7, 8);
    n.kind = Kind::conv, n.name = text(node[1]);
    n.weight = weight(n.name), n.bias = optional(n.name + ".bias");
    if (!whitening) {
      n.stride = size(node[5]), n.padding = size(node[6], 0);
      if (node.size() == 8) n.groups = size(node[7]);
    }
    if (one_of_pair_) {
      if (whitening || n.stride > 1 || node.size() == 8) {
        refuse("'", n.name, "' cannot have mirror pairs");
      }
      add_partners(n);
    }
  }

  // Of filters o, given, and their partners p(o): W[p(o), p(i), y, -x] = W[o, i, y, x]. The
  // partner of a channel is half of them away, but for those of the image.
  void add_partners(CnnNode& n) {
    const bool right = n.weight.ndim() == 4 && (!n.bias.defined() || n.bias.ndim() == 1) &&
                       (!paired_ || n.weight.shape(1) % 2 == 0);
    if (!right) refuse("'", n.name, "' has no filters of mirror pairs");
    Array partners = n.weight.flip(3);
    if (paired_) {
      const index_t half = n.weight.shape(1) / 2;
      partners = ops::concat({partners.slice(1, half, half), partners.slice(1, 0, half)}, 1);
    }
    n.weight = ops::concat({n.weight, partners}, 0);
    if (n.bias.defined()) n.bias = ops::concat({n.bias, n.bias}, 0);
    paired_ = true;
  }

  void need(const Json& node, std::size_t least, std::size_t most) const {
    if (node.size() < least || node.size() > most) {
      refuse("node ", capstone::excerpt(node), " has ", node.size(), " parts");
    }
  }

  const Array& array(const std::string& key) const {
    const auto found = arrays_.find(key);
    if (found == arrays_.end()) refuse("the weights lack '", key, "'");
    return found->second;
  }
  Array optional(const std::string& key) const {
    const auto found = arrays_.find(key);
    return found == arrays_.end() ? Array() : found->second;
  }

  // Floats, or int8 with a scale per output.
  Array weight(const std::string& name) const {
    if (!arrays_.contains(name + ".q_weight")) return array(name + ".weight").astype(DType::f32);
    const Array q = array(name + ".q_weight"), scales = array(name + ".scales");
    if (q.dtype() != DType::i8 || q.ndim() < 1 || scales.ndim() != 1 ||
        scales.shape(0) != q.shape(0)) {
      refuse("'", name, "' must have int8 weights and a scale per output");
    }
    const Array plain = q.astype(DType::f32).contiguous(),
                s = scales.astype(DType::f32).contiguous();
    const index_t outputs = q.shape(0), per = outputs > 0 ? plain.size() / outputs : 0;
    for (index_t i = 0; i < plain.size(); ++i) plain.data<float>()[i] *= s.data<float>()[i / per];
    return plain;
  }

  const std::string& path_;
  io::LoadedArrays file_;
  std::map<std::string, Array> arrays_;
  bool one_of_pair_ = false;  // the file has of each pair of filters one
  bool paired_ = false;       // channels before the next node are in pairs
};

}  // namespace

ModelFile read_model(const std::string& path) { return Reader(path).read(); }

std::unique_ptr<runtime::CnnSession> make_session(const ModelFile& model, index_t batch) {
  runtime::CnnOptions options;
  options.batch = batch;
  options.precision = model.int8() ? runtime::Precision::int8 : runtime::Precision::f32;
  options.ranges = model.ranges;
  auto session = std::make_unique<runtime::CnnSession>(model.nodes, model.input, options);
  if (session->outputs() != static_cast<index_t>(model.classes.size())) {
    fail<ValueError>("the network gives ", session->outputs(), " scores for ", model.classes.size(),
                     " classes");
  }
  return session;
}

}  // namespace tt::deploy
