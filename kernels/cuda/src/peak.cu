// peak.cu: what a card can do, for ceilings that kernels are held to. Results are kept only
// so that the compiler computes them.
#include "common.cuh"
#include "ptx.cuh"

constexpr int kChains = 8;  // independent of each other: enough to fill the units' pipelines

// 8 products of 16×8×16 for each turn and warp, from registers.
KERNEL __launch_bounds__(kThreads) peak_mma(float* __restrict__ out, int turns) {
  float acc[kChains][4] = {};
  const uint32_t one = 0x3f803f80, a[4] = {one + threadIdx.x, one, one, one};
  for (int t = 0; t < turns; t++)
#pragma unroll
    for (int i = 0; i < kChains; i++) mma_m16n8k16(acc[i], a, one + t, one);
  float s = 0;
#pragma unroll
  for (int i = 0; i < kChains; i++) s += acc[i][0] + acc[i][1] + acc[i][2] + acc[i][3];
  if (s == -1) out[0] = s;
}

// 8 chains of 16 fused multiply-adds for each turn and thread.
KERNEL __launch_bounds__(kThreads) peak_fma(float* __restrict__ out, int turns) {
  float acc[kChains] = {};
  const float x = 1 + threadIdx.x * 0x1p-20f;
  for (int t = 0; t < turns; t++)
#pragma unroll
    for (int k = 0; k < 16; k++)
#pragma unroll
      for (int i = 0; i < kChains; i++) acc[i] = fmaf(acc[i], x, 1.0f + i);
  float s = 0;
#pragma unroll
  for (int i = 0; i < kChains; i++) s += acc[i];
  if (s == -1) out[0] = s;
}
