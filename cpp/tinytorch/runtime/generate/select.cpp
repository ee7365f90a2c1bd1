#include "tinytorch/runtime/generate/select.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <iterator>
#include <numeric>

#include "tinytorch/kernels/dispatch.hpp"

namespace tt::runtime {
namespace {

constexpr index_t kBlock = 256;     // values whose largest is looked at first
constexpr index_t kHeapMost = 512;  // beyond, a heap costs more than a selection among all

constexpr int kMagnitudes = 512;  // classes of values, eight from one power of two to the next

int magnitude(double x) { return static_cast<int>(std::bit_cast<std::uint64_t>(x) >> 49); }

// A heap of the k largest, its smallest on top: few blocks have anything to add to it.
void collect(const float* x, index_t n, index_t k, std::vector<float>& heap) {
  const auto largest = kernels::active().reduce.max;
  heap.assign(x, x + k);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  for (index_t begin = k; begin < n; begin += kBlock) {
    const index_t end = std::min(n, begin + kBlock);
    if (!(largest(x + begin, static_cast<std::size_t>(end - begin)) > heap.front())) continue;
    for (index_t i = begin; i < end; ++i) {
      if (!(x[i] > heap.front())) continue;
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      heap.back() = x[i];
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
  }
}

}  // namespace

Cut<float> cut_top_k(const float* x, index_t n, index_t k, std::vector<float>& scratch) {
  if (k <= kHeapMost) {
    collect(x, n, k, scratch);
  } else {
    scratch.assign(x, x + n);
    std::nth_element(scratch.begin(), scratch.begin() + (k - 1), scratch.end(), std::greater<>());
    scratch.resize(static_cast<std::size_t>(k));
  }
  const float value = *std::min_element(scratch.begin(), scratch.end());
  return {value, std::count(scratch.begin(), scratch.end(), value)};
}

Cut<double> cut_mass(const std::vector<double>& x, double mass, MassScratch& scratch) {
  // First the class of magnitude that the cut lies in, then the cut among its values.
  const int top = magnitude(*std::max_element(x.begin(), x.end()));
  const auto class_of = [&](double v) { return std::min(top - magnitude(v), kMagnitudes - 1); };
  scratch.sums.assign(kMagnitudes, 0.0);
  for (const double v : x) scratch.sums[static_cast<std::size_t>(class_of(v))] += v;
  int at = 0, last = 0;
  double before = 0;
  for (int c = 0; c < kMagnitudes; ++c) {
    if (scratch.sums[static_cast<std::size_t>(c)] > 0) last = c;
  }
  while (at < last && before + scratch.sums[static_cast<std::size_t>(at)] < mass) {
    before += scratch.sums[static_cast<std::size_t>(at++)];
  }
  auto& values = scratch.values;
  values.clear();
  values.reserve(x.capacity());
  std::copy_if(x.begin(), x.end(), std::back_inserter(values),
               [&](double v) { return class_of(v) == at; });
  // values[lo] is where the sum of the sorted values reaches the mass; the range of lo is halved.
  auto lo = values.begin(), hi = values.end();
  while (hi - lo > 1) {
    const auto middle = lo + (hi - lo) / 2;
    std::nth_element(lo, middle, hi, std::greater<>());
    const double sum = std::accumulate(lo, middle, before);
    if (sum >= mass) {
      hi = middle;
    } else {
      lo = middle;
      before = sum;
    }
  }
  return {*lo, std::count(values.begin(), lo + 1, *lo)};
}

}  // namespace tt::runtime
