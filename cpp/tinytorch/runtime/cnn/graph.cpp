#include "tinytorch/runtime/cnn/graph.hpp"

#include <algorithm>
#include <cmath>

namespace tt::runtime {
namespace {

using Kind = CnnNode::Kind;

constexpr int kMaxDepth = 16;            // of branches in branches
constexpr index_t kMaxPixels = 1 << 24;  // per image and value
constexpr index_t kFewChannels = 4;
constexpr index_t kMaxWindow = 1 << 10;  // stride, padding, dilation, pool

std::vector<float> floats(const Array& a) {
  const Array plain = a.astype(DType::f32).contiguous();
  return {plain.data<float>(), plain.data<float>() + plain.size()};
}

std::string shape_of(const Value& v) { return to_string(Dims{v.channels, v.height, v.width}); }

void check_vector(const CnnNode& node, const char* what, const Array& a, index_t size) {
  if (!a.defined() || !(a.shape() == Shape{size})) {
    fail<ShapeError>("'", node.name, "': ", what, " must have shape (", size, ",), got ",
                     a.defined() ? to_string(a.shape()) : "nothing");
  }
}

void check_range(const CnnNode& node, const char* what, index_t value, index_t least) {
  if (value < least || value > kMaxWindow) {
    fail<ValueError>("'", node.name, "': ", what, " must be between ", least, " and ", kMaxWindow,
                     ", got ", value);
  }
}

class Builder {
 public:
  Builder(const Value& input, Precision precision) : precision_(precision) {
    if (input.channels < 1 || input.height < 1 || input.width < 1 ||
        std::max(input.height, input.width) > kMaxPixels ||
        input.height * input.width > kMaxPixels || input.channels > kMaxPixels) {
      fail<ShapeError>(
          "input_shape must be (channels, height, width), each at least 1 and at most ", kMaxPixels,
          " pixels, got ", shape_of(input));
    }
    graph_.values.push_back(input);
  }

  CnnGraph finish(const std::vector<CnnNode>& nodes) {
    if (nodes.empty()) fail<ValueError>("a network needs at least one node");
    // A first convolution over all channels reads floats as they are, and codes of few channels.
    const bool convolution = nodes.front().kind == Kind::conv && nodes.front().groups == 1;
    if (precision_ == Precision::int8) {
      turn_input(convolution ? kFewChannels : kernels::kChannelBlock);
    } else if (!convolution) {
      turn_input(kernels::kChannelBlock);
    }
    run(nodes, 0);
    const Value& last = value();
    if (last.height != 1 || last.width != 1 || graph_.layers.empty()) {
      fail<ShapeError>("the network must end in one row of numbers per image, got ", shape_of(last),
                       "; add ('gap',) or ('linear', ...)");
    }
    if (graph_.layers.back().output != current_) {
      fail<ValueError>("the last node must compute the result");
    }
    return std::move(graph_);
  }

 private:
  const Value& value() const { return graph_.values[static_cast<std::size_t>(current_)]; }

  void run(const std::vector<CnnNode>& nodes, int depth) {
    if (depth > kMaxDepth) fail<ValueError>("branches are nested more than ", kMaxDepth, " deep");
    const std::size_t kept = stack_.size();
    for (const CnnNode& node : nodes) {
      if (node.kind == Kind::project) {
        need_kept(kept, "proj");
        const int before = current_;
        current_ = stack_.back();
        held_.push_back(before);
        run(node.branch, depth + 1);
        held_.pop_back();
        stack_.back() = current_;
        current_ = before;
      } else if (node.kind == Kind::add) {
        need_kept(kept, "add");
        const int other = stack_.back();
        stack_.pop_back();
        add(other);
      } else {
        apply(node);
      }
    }
    if (stack_.size() != kept) fail<ValueError>("('push',) without ('add',) after it");
  }

  void need_kept(std::size_t kept, const char* what) const {
    if (stack_.size() <= kept) fail<ValueError>("('", what, "', ...) without ('push',) before it");
  }

  void apply(const CnnNode& node) {
    switch (node.kind) {
      case Kind::conv:
        return conv(node);
      case Kind::batch_norm:
        return batch_norm(node);
      case Kind::relu:
        return relu();
      case Kind::max_pool:
        return max_pool(node);
      case Kind::average_pool:
        return average_pool();
      case Kind::linear:
        return linear(node);
      case Kind::push:
        stack_.push_back(current_);
        return;
      default:
        return;  // flatten: linear reads images as they are
    }
  }

  // The layer that made the current value, if its result may still be changed.
  Layer* open_layer() {
    if (graph_.layers.empty()) return nullptr;
    Layer& last = graph_.layers.back();
    return last.output == current_ && !last.pool && !awaited(current_) ? &last : nullptr;
  }
  // The convolution whose results, pooled, are the current value, if they may still be changed.
  Layer* pooled_layer() {
    if (graph_.layers.empty()) return nullptr;
    Layer& last = graph_.layers.back();
    if (last.output != current_ || awaited(current_)) return nullptr;
    if (last.pool) return &last;
    if (last.kind != Layer::Kind::max_pool || graph_.layers.size() < 2) return nullptr;
    Layer& before = graph_.layers[graph_.layers.size() - 2];
    const bool alone = before.output == last.input && !awaited(last.input);
    return alone && before.kind == Layer::Kind::conv && !before.pool ? &before : nullptr;
  }
  // Whether a later node reads the value as it is now.
  bool awaited(int value) const {
    const auto in = [&](const std::vector<int>& list) {
      return std::find(list.begin(), list.end(), value) != list.end();
    };
    return in(stack_) || in(held_);
  }

  Layer& append(Layer::Kind kind, const std::string& name, const Value& result) {
    if (result.height * result.width > kMaxPixels) {
      fail<ShapeError>("'", name, "' would give ", shape_of(result), ", more than ", kMaxPixels,
                       " pixels");
    }
    Layer layer;
    layer.kind = kind;
    layer.name = name;
    layer.input = current_;
    graph_.values.push_back(result);
    layer.output = current_ = static_cast<int>(graph_.values.size()) - 1;
    graph_.layers.push_back(std::move(layer));
    return graph_.layers.back();
  }

  void turn_input(index_t block) {
    Layer layer;
    layer.kind = Layer::Kind::to_channels_last;
    layer.name = "input";
    layer.input = 0;
    Value turned = graph_.values[0];
    if (turned.channels <= block) turned.block = block;
    graph_.values.push_back(turned);
    layer.output = 1;
    current_ = 1;
    graph_.layers.push_back(std::move(layer));
  }

  void conv(const CnnNode& node) {
    const Value from = value();
    const Shape& s = node.weight.shape();
    if (node.weight.ndim() != 4 || s[1] * node.groups != from.channels || node.groups < 1 ||
        s[0] < 1 || s[0] % node.groups != 0 || s[2] < 1 || s[3] < 1) {
      fail<ShapeError>("'", node.name, "': a convolution of ", shape_of(from), " in ", node.groups,
                       " groups needs a weight (out, ", from.channels, " / groups, kh, kw), got ",
                       to_string(s));
    }
    check_range(node, "stride", node.stride, 1);
    check_range(node, "padding", node.padding, 0);
    check_range(node, "dilation", node.dilation, 1);
    if (s[2] > kMaxWindow || s[3] > kMaxWindow) {
      fail<ShapeError>("'", node.name, "': windows of at most ", kMaxWindow, ", got ",
                       to_string(s));
    }
    kernels::Window2d w;
    w.height = from.height, w.width = from.width;
    w.kernel_h = s[2], w.kernel_w = s[3];
    w.stride_h = w.stride_w = node.stride;
    w.pad_h = w.pad_w = node.padding;
    w.dilation_h = w.dilation_w = node.dilation;
    if (w.out_height() < 1 || w.out_width() < 1) {
      fail<ShapeError>("'", node.name, "': a window of ", s[2], " x ", s[3], " does not fit into ",
                       shape_of(from), " with padding ", node.padding);
    }
    Layer& layer = append(Layer::Kind::conv, node.name, {s[0], w.out_height(), w.out_width()});
    layer.window = w;
    layer.groups = node.groups;
    layer.weight = floats(node.weight);
    set_bias(layer, node, s[0]);
  }

  static void set_bias(Layer& layer, const CnnNode& node, index_t outputs) {
    layer.bias.assign(static_cast<std::size_t>(outputs), 0.0f);
    if (!node.bias.defined()) return;
    check_vector(node, "bias", node.bias, outputs);
    layer.bias = floats(node.bias);
  }

  void batch_norm(const CnnNode& node) {
    const index_t channels = value().channels;
    check_vector(node, "gamma", node.gamma, channels);
    check_vector(node, "beta", node.beta, channels);
    check_vector(node, "mean", node.mean, channels);
    check_vector(node, "var", node.variance, channels);
    const auto gamma = floats(node.gamma), beta = floats(node.beta);
    const auto mean = floats(node.mean), variance = floats(node.variance);
    std::vector<double> scale;
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      scale.push_back(gamma[c] /
                      std::sqrt(static_cast<double>(variance[c]) + static_cast<double>(node.eps)));
    }
    Layer* layer = open_layer();
    // The largest number stays the largest when all are multiplied by a positive one.
    const bool rising = std::all_of(scale.begin(), scale.end(), [](double s) { return s > 0.0; });
    if (layer == nullptr || layer->kind != Layer::Kind::conv) {
      layer = rising ? pooled_layer() : nullptr;
    }
    if (layer == nullptr || layer->relu || layer->residual >= 0) layer = &scale_layer(node);
    const std::size_t per = layer->weight.size() / layer->bias.size();
    for (std::size_t c = 0; c < layer->bias.size(); ++c) {
      for (std::size_t i = 0; i < per; ++i) {
        layer->weight[c * per + i] = static_cast<float>(layer->weight[c * per + i] * scale[c]);
      }
      layer->bias[c] = static_cast<float>((layer->bias[c] - mean[c]) * scale[c] + beta[c]);
    }
    layer->folded = true;
  }

  // A norm that follows no convolution: one of 1 x 1 that multiplies every channel by 1.
  Layer& scale_layer(const CnnNode& node) {
    const Value from = value();
    Layer& layer = append(Layer::Kind::conv, node.name, from);
    layer.window.height = from.height, layer.window.width = from.width;
    layer.groups = from.channels;
    layer.weight.assign(static_cast<std::size_t>(from.channels), 1.0f);
    layer.bias.assign(static_cast<std::size_t>(from.channels), 0.0f);
    return layer;
  }

  void relu() {
    Layer* layer = open_layer();
    const bool fits = layer != nullptr && layer->kind != Layer::Kind::to_channels_last &&
                      layer->kind != Layer::Kind::max_pool &&
                      layer->kind != Layer::Kind::average_pool;
    if (!fits) layer = pooled_layer();
    if (layer == nullptr) layer = &append(Layer::Kind::pointwise, "relu", value());
    layer->relu = true;
  }

  void add(int other) {
    const Value a = value(), b = graph_.values[static_cast<std::size_t>(other)];
    if (a.channels != b.channels || a.height != b.height || a.width != b.width) {
      fail<ShapeError>("('add',) joins values of one shape, got ", shape_of(a), " and ",
                       shape_of(b));
    }
    if (current_ != other) {
      if (graph_.layers.back().output == other) std::swap(current_, other);
      Layer* layer = open_layer();
      if (layer != nullptr && layer->kind == Layer::Kind::conv && !layer->relu &&
          layer->residual < 0) {
        layer->residual = other;
        return;
      }
    }
    append(Layer::Kind::pointwise, "add", a).residual = other;
  }

  void max_pool(const CnnNode& node) {
    check_range(node, "size", node.size, 1);
    const Value from = value();
    if (node.size > from.height || node.size > from.width) {
      fail<ShapeError>("a pool of ", node.size, " does not fit into ", shape_of(from));
    }
    Layer* layer = open_layer();
    const bool fits = layer != nullptr && layer->kind == Layer::Kind::conv && node.size == 2 &&
                      from.height % 2 == 0 && from.width % 2 == 0 && layer->groups == 1;
    if (fits) {
      layer->pool = true;
      Value& result = graph_.values.back();
      result.height /= 2, result.width /= 2;
      return;
    }
    Layer& pool = append(Layer::Kind::max_pool, "maxpool",
                         {from.channels, from.height / node.size, from.width / node.size});
    pool.window.height = from.height, pool.window.width = from.width;
    pool.window.kernel_h = pool.window.kernel_w = node.size;
    pool.window.stride_h = pool.window.stride_w = node.size;
  }

  void average_pool() { append(Layer::Kind::average_pool, "gap", {value().channels, 1, 1}); }

  void linear(const CnnNode& node) {
    const Value from = value();
    const index_t inputs = from.channels * from.height * from.width;
    const Shape& s = node.weight.shape();
    if (node.weight.ndim() != 2 || s[1] != inputs || s[0] < 1) {
      fail<ShapeError>("'", node.name, "': a linear layer after ", shape_of(from),
                       " needs a weight (out, ", inputs, "), got ", to_string(s));
    }
    Layer& layer = append(Layer::Kind::linear, node.name, {s[0], 1, 1});
    layer.weight = floats(node.weight);
    set_bias(layer, node, s[0]);
  }

  Precision precision_;
  CnnGraph graph_;
  int current_ = 0;
  std::vector<int> stack_;  // values kept by push
  std::vector<int> held_;   // values that wait while a branch is built
};

}  // namespace

CnnGraph build_graph(const std::vector<CnnNode>& nodes, const Value& input, Precision precision) {
  return Builder(input, precision).finish(nodes);
}

}  // namespace tt::runtime
