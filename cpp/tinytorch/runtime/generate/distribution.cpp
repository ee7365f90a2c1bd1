#include "tinytorch/runtime/generate/distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tinytorch/base/error.hpp"
#include "tinytorch/kernels/call_counter.hpp"
#include "tinytorch/kernels/dispatch.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kBlock = 512;      // weights whose sum is looked at first
constexpr double kRounding = 1e-12;  // probabilities that differ less are equal

float largest_of(const float* logits, index_t n) {
  kernels::count_call(kernels::Family::reduce);
  const float top = kernels::active().reduce.max(logits, static_cast<std::size_t>(n));
  if (std::isfinite(top)) return top;
  if (std::isnan(top)) fail<ValueError>("a logit of the next token is NaN");
  if (top > 0) fail<ValueError>("a logit of the next token is +inf; forbid the others with -inf");
  fail<ValueError>("no token is allowed: all logits are -inf");
}

double sum_of(const float* x, index_t n) {
  return kernels::active().reduce.sum(x, static_cast<std::size_t>(n));
}

}  // namespace

void Distribution::expect_drafts(index_t vocabulary) {
  rests_.reserve(static_cast<std::size_t>(vocabulary));
}

void Distribution::set(const float* logits, index_t vocabulary, const SamplingOptions& o) {
  vocabulary_ = vocabulary;
  kept_.clear();
  dense_ = false;
  const float top = largest_of(logits, vocabulary);
  if (o.temperature == 0.0) {
    keep_likeliest(std::find(logits, logits + vocabulary, top) - logits);
    return;
  }
  double floor;
  if (o.top_k > 0 && o.top_k < vocabulary) {
    keep_top_k(logits, top, o);
    floor = o.min_p;  // the likeliest has weight 1
  } else {
    keep_all(logits, top, o.temperature);
    if (o.top_p == 1.0 && o.min_p == 0.0) return;
    const double most = 1.0 / static_cast<double>(vocabulary);
    const auto likeliest = kernels::active().reduce.max(weights_.data(), weights_.size());
    // Tokens below (1 - p) / vocabulary sum to less than 1 - p: top-p has no use for them.
    floor = std::max(o.min_p * likeliest, 0.999 * most * (1.0 - o.top_p));
  }
  const double mass = o.top_p * total_;
  keep_from(floor);
  if (o.top_p < 1.0) keep_nucleus(mass);
}

void Distribution::keep_likeliest(std::int64_t token) {
  kept_.assign(1, {token, 1.0});
  total_ = 1.0;
}

void Distribution::keep_top_k(const float* logits, float top, const SamplingOptions& o) {
  kept_.reserve(static_cast<std::size_t>(o.top_k));
  auto [value, equal] = cut_top_k(logits, vocabulary_, o.top_k, selection_);
  for (index_t t = 0; t < vocabulary_; ++t) {
    if (logits[t] < value || (logits[t] == value && equal-- <= 0)) continue;
    kept_.push_back({t, std::exp((static_cast<double>(logits[t]) - top) / o.temperature)});
  }
  add_up();
}

void Distribution::keep_all(const float* logits, float top, double temperature) {
  dense_ = true;
  weights_.resize(static_cast<std::size_t>(vocabulary_));
  float* w = weights_.data();
  if (temperature == 1.0) {
    std::copy_n(logits, vocabulary_, w);
  } else if (const auto t = static_cast<float>(temperature); t > 0.0f && std::isfinite(t)) {
    for (index_t i = 0; i < vocabulary_; ++i) w[i] = (logits[i] - top) / t;
  } else {  // beyond float's range
    for (index_t i = 0; i < vocabulary_; ++i) {
      w[i] = static_cast<float>((static_cast<double>(logits[i]) - top) / temperature);
    }
  }
  kernels::count_call(kernels::Family::softmax);
  kernels::active().softmax.softmax(w, w, weights_.size());
  add_up();
}

// Those at least as likely as that, to the list; never none, the likeliest stays.
void Distribution::keep_from(double floor) {
  if (dense_) {
    kept_.reserve(weights_.size());
    const auto least =
        std::max(static_cast<float>(floor), std::numeric_limits<float>::denorm_min());
    std::array<Kept, kBlock> block;
    for (index_t begin = 0; begin < vocabulary_; begin += kBlock) {
      std::size_t count = 0;  // without branches, which nobody could predict
      for (index_t t = begin; t < std::min(begin + kBlock, vocabulary_); ++t) {
        const float w = weights_[static_cast<std::size_t>(t)];
        block[count] = {t, w};
        count += w >= least;
      }
      kept_.insert(kept_.end(), block.begin(), block.begin() + count);
    }
    dense_ = false;
  } else {
    std::erase_if(kept_, [&](const Kept& k) { return k.weight < floor || k.weight == 0.0; });
  }
  add_up();
}

void Distribution::keep_nucleus(double mass) {
  candidates_.clear();
  candidates_.reserve(kept_.capacity());
  for (const Kept& k : kept_) candidates_.push_back(k.weight);
  auto [value, equal] = cut_mass(candidates_, mass, mass_scratch_);
  std::erase_if(kept_, [v = value, &rest = equal](const Kept& k) {
    return k.weight < v || (k.weight == v && rest-- <= 0);
  });
  add_up();
}

void Distribution::add_up() {
  total_ = 0;
  if (!dense_) {
    for (const Kept& k : kept_) total_ += k.weight;
    return;
  }
  for (index_t i = 0; i < vocabulary_; i += kBlock) {
    total_ += sum_of(weights_.data() + i, std::min(kBlock, vocabulary_ - i));
  }
}

double Distribution::probability(std::int64_t token) const {
  if (dense_) return static_cast<double>(weights_[static_cast<std::size_t>(token)]) / total_;
  const auto at = std::lower_bound(kept_.begin(), kept_.end(), token,
                                   [](const Kept& k, std::int64_t t) { return k.token < t; });
  return at != kept_.end() && at->token == token ? at->weight / total_ : 0.0;
}

std::int64_t Distribution::draw(double u) const {
  const double goal = u * total_;
  double sum = 0;
  if (!dense_) {
    for (const Kept& k : kept_) {
      if ((sum += k.weight) > goal) return k.token;
    }
    return kept_.back().token;  // rounding let the sum end short of the goal
  }
  const auto first_above = [&](index_t begin, index_t end, double before) {
    std::int64_t last = -1;
    for (index_t t = begin; t < end; ++t) {
      const float w = weights_[static_cast<std::size_t>(t)];
      if (w > 0.0f) last = t;
      if ((before += w) > goal) break;
    }
    return last;
  };
  for (index_t begin = 0; begin < vocabulary_; begin += kBlock) {
    const index_t end = std::min(begin + kBlock, vocabulary_);
    const double block = sum_of(weights_.data() + begin, end - begin);
    if (sum + block > goal) return first_above(begin, end, sum);
    sum += block;
  }
  return first_above(0, vocabulary_, -std::numeric_limits<double>::infinity());  // rounding again
}

// What a distribution says of tokens that are asked for in their order.
class Distribution::Reader {
 public:
  explicit Reader(const Distribution& d) : d_(d) {}
  double operator()(std::int64_t token) {
    if (d_.dense_) return d_.weights_[static_cast<std::size_t>(token)] / d_.total_;
    while (next_ < d_.kept_.size() && d_.kept_[next_].token < token) ++next_;
    const bool has = next_ < d_.kept_.size() && d_.kept_[next_].token == token;
    return has ? d_.kept_[next_].weight / d_.total_ : 0.0;
  }

 private:
  const Distribution& d_;
  std::size_t next_ = 0;
};

void Distribution::subtract(const Distribution& draft) {
  Reader given(draft);
  double left = 0;
  const auto rest = [&](std::int64_t token, double weight) {
    const double r = std::max(0.0, weight / total_ - given(token));
    left += r;
    return r;
  };
  rests_.clear();
  if (dense_) {
    for (index_t t = 0; t < vocabulary_; ++t) {
      rests_.push_back(rest(t, weights_[static_cast<std::size_t>(t)]));
    }
  } else {
    for (const Kept& k : kept_) rests_.push_back(rest(k.token, k.weight));
  }
  if (!(left > kRounding)) return;
  if (dense_) {
    std::transform(rests_.begin(), rests_.end(), weights_.begin(),
                   [](double r) { return static_cast<float>(r); });
  } else {
    for (std::size_t i = 0; i < kept_.size(); ++i) kept_[i].weight = rests_[i];
    std::erase_if(kept_, [](const Kept& k) { return k.weight == 0.0; });
  }
  add_up();
}

void Distribution::subtract(std::int64_t token) {
  if (!(probability(token) < 1.0)) return;
  if (dense_) {
    weights_[static_cast<std::size_t>(token)] = 0.0f;
  } else {
    std::erase_if(kept_, [&](const Kept& k) { return k.token == token; });
  }
  add_up();
}

}  // namespace tt::runtime
