#include "tinytorch/kernels/conv_f32/winograd_products.hpp"

#include <algorithm>

#include "tinytorch/base/thread_pool.hpp"
#include "tinytorch/kernels/gemm_bf16/code_panels.hpp"
#include "tinytorch/kernels/gemm_f32/panels.hpp"
#include "tinytorch/kernels/packed_panels.hpp"
#include "tinytorch/kernels/scratch.hpp"

namespace tt::kernels {
namespace {

thread_local ScratchBuffer t_transformed;

// Input channels whose weights are transformed before they are rounded: whole groups of a panel.
constexpr std::int64_t kRows = kChannelBlock;

void pack_floats(const WinogradKernels& k, const float* taps, std::int64_t in, std::int64_t out,
                 float* packed) {
  const std::int64_t nr = k.gemm.nr;
  parallel_for(
      in, grain_for(1 << 14, kWinogradCount * out), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c) {
          for (std::int64_t o = 0; o < out; o += nr) {
            k.parts.winograd_weights({taps + c * out + o, in * out, std::min(nr, out - o),
                                      packed + (o * in + c * nr), panel_floats(k.gemm, in, out)});
          }
        }
      });
}

void pack_codes(const WinogradKernels& k, const float* taps, std::int64_t in, std::int64_t out,
                std::byte* packed) {
  const GemmBf16Table& table = *k.gemm_bf16;
  const auto layout = PackedPanels::layout(table.shape, out, in);
  const std::int64_t nr = table.shape.nr, position = kRows * out;
  parallel_for(in / kRows, 1, [&](std::int64_t begin, std::int64_t end) {
    float* moved = t_transformed.reserve<float>(kWinogradCount * position);
    for (std::int64_t c = begin * kRows; c < end * kRows; c += kRows) {
      for (std::int64_t i = 0; i < kRows; ++i) {
        k.parts.winograd_weights({taps + (c + i) * out, in * out, out, moved + i * out, position});
      }
      for (std::int64_t p = 0; p < kWinogradCount; ++p) {
        std::byte* panels = packed + p * layout.bytes();
        for (std::int64_t j = 0; j < out; j += nr) {
          table.pack(moved + p * position + j, out, 1, kRows, std::min(nr, out - j),
                     panels + layout.place(j, c) * table.shape.weight_bytes);
        }
      }
    }
  });
}

}  // namespace

std::int64_t winograd_position_bytes(const WinogradKernels& k, std::int64_t in, std::int64_t out) {
  if (k.gemm_bf16 != nullptr) return PackedPanels::layout(k.gemm_bf16->shape, out, in).bytes();
  return static_cast<std::int64_t>(sizeof(float)) * panel_floats(k.gemm, in, out);
}

void winograd_pack(const WinogradKernels& k, const float* taps, std::int64_t in, std::int64_t out,
                   std::byte* packed) {
  if (k.gemm_bf16 != nullptr) return pack_codes(k, taps, in, out, packed);
  pack_floats(k, taps, in, out, reinterpret_cast<float*>(packed));
}

void winograd_product(const WinogradKernels& k, const WinogradShape& s, const std::byte* weights,
                      const float* moved, std::int64_t tiles, float* sums) {
  const PanelView w{&k.gemm, reinterpret_cast<const float*>(weights), s.in, s.out};
  w.multiply({moved, s.in, 1, tiles}, sums, s.out, nullptr, 0, w.count());
}

void winograd_product(const WinogradKernels& k, const WinogradShape& s, const std::byte* weights,
                      const std::uint16_t* moved, std::int64_t tiles, float* sums) {
  const CodePanelView w{k.gemm_bf16, weights, s.in, s.out};
  w.multiply_codes(moved, tiles, {sums, s.out, false, nullptr});
}

void winograd_grad_product(const WinogradKernels& k, const WinogradShape& s, const float* v,
                           const float* m, std::int64_t tiles, bool accumulate, float* sums) {
  GemmTile t{};
  t.k = tiles;
  t.a_row = 1, t.a_step = s.in;
  t.b_step = s.out, t.b_padded = false;
  t.c_row = s.out;
  t.accumulate = accumulate;
  for (std::int64_t j = 0; j < s.out; j += k.gemm.nr) {
    t.cols = static_cast<int>(std::min<std::int64_t>(k.gemm.nr, s.out - j));
    for (std::int64_t i = 0; i < s.in; i += k.gemm.mr) {
      t.rows = static_cast<int>(std::min<std::int64_t>(k.gemm.mr, s.in - i));
      t.a = v + i, t.b = m + j, t.c = sums + i * s.out + j;
      k.gemm.tile(t);
    }
  }
}

void winograd_grad_product(const WinogradKernels& k, const WinogradShape& s, const std::uint16_t* v,
                           const std::uint16_t* m, std::int64_t tiles, bool accumulate,
                           float* sums) {
  multiply_turned_codes(*k.gemm_bf16, v, m, s.in, s.out, tiles, accumulate, sums);
}

}  // namespace tt::kernels
