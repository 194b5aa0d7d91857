// good.cu: kernels that are right, with results that a test computes again.
#include <cuda_bf16.h>

#include "ptx.cuh"

extern "C" __global__ void __launch_bounds__(256) scaled_add(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, int n, float alpha) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
  if (i + 3 < n) {
    const float4 x = *reinterpret_cast<const float4*>(a + i), y = *reinterpret_cast<const float4*>(b + i);
    *reinterpret_cast<float4*>(c + i) = make_float4(x.x + alpha * y.x, x.y + alpha * y.y, x.z + alpha * y.z, x.w + alpha * y.w);
    return;
  }
  for (int j = i; j < n; j++) c[j] = a[j] + alpha * b[j];
}

// Each block of 256 adds 256 integers by shuffles and shared memory.
extern "C" __global__ void block_sum(const int* __restrict__ x, int* __restrict__ out) {
  __shared__ int part[8];
  int s = x[blockIdx.x * 256 + threadIdx.x];
  for (int o = 16; o; o >>= 1) s += __shfl_xor_sync(0xffffffffu, s, o);
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  if (lane == 0) part[warp] = s;
  __syncthreads();
  if (warp == 0) {
    s = lane < 8 ? part[lane] : 0;
    for (int o = 4; o; o >>= 1) s += __shfl_down_sync(0xffffffffu, s, o);
    if (lane == 0) out[blockIdx.x] = s;
  }
}

// C[M,N] = A[M,K] B[N,K]^T: bf16 in, float32 out, by ldmatrix, mma and copies in two
// stages. 64×64 tiles by 128 threads, K in steps of 32.
constexpr int kTile = 64, kStep = 32, kStage = 2 * kTile * kStep * 2;

__device__ __forceinline__ uint32_t place(int row, int chunk) { return uint32_t(row * 64 + ((chunk ^ (row >> 1 & 3)) << 4)); }

extern "C" __global__ void __launch_bounds__(128) gemm(const __nv_bfloat16* __restrict__ A, const __nv_bfloat16* __restrict__ B, float* __restrict__ C, int M, int N, int K) {
  extern __shared__ __align__(1024) unsigned char smem[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, m0 = blockIdx.y * kTile, n0 = blockIdx.x * kTile;
  const int wm = (warp >> 1) * 32, wn = (warp & 1) * 32;
  const uint32_t base = uint32_t(__cvta_generic_to_shared(smem));
  auto load = [&](int k, int stage) {
    for (int c = tid; c < kTile * 4; c += 128) {
      const int row = c >> 2, chunk = c & 3;
      const bool a = m0 + row < M, b = n0 + row < N;
      cp_async_16(base + stage * kStage + place(row, chunk), A + (a ? size_t(m0 + row) * K + k * kStep + chunk * 8 : 0), a ? 16 : 0);
      cp_async_16(base + stage * kStage + kStage / 2 + place(row, chunk), B + (b ? size_t(n0 + row) * K + k * kStep + chunk * 8 : 0), b ? 16 : 0);
    }
    cp_async_commit();
  };
  float acc[2][4][4] = {};
  const int steps = K / kStep;
  load(0, 0);
  for (int k = 0; k < steps; k++) {
    if (k + 1 < steps) {
      load(k + 1, (k + 1) & 1);
#ifndef PLANT_NO_WAIT
      cp_async_wait<1>();
#endif
    } else {
      cp_async_wait<0>();
    }
#ifndef PLANT_NO_BARRIER
    __syncthreads();
#endif
    const uint32_t a0 = base + (k & 1) * kStage, b0 = a0 + kStage / 2;
    for (int kk = 0; kk < 2; kk++) {
      uint32_t a[2][4], b[2][4];
      for (int i = 0; i < 2; i++) ldmatrix_x4(a[i], a0 + place(wm + i * 16 + (lane & 15), kk * 2 + (lane >> 4)));
      for (int j = 0; j < 2; j++) ldmatrix_x4(b[j], b0 + place(wn + j * 16 + (lane & 7) + ((lane >> 4) << 3), kk * 2 + ((lane >> 3) & 1)));
      for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++) mma_m16n8k16(acc[i][j], a[i], b[j >> 1][(j & 1) * 2], b[j >> 1][(j & 1) * 2 + 1]);
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 4; j++)
      for (int e = 0; e < 4; e++) {
        const int r = m0 + wm + i * 16 + (e >> 1) * 8 + (lane >> 2), c = n0 + wn + j * 8 + (lane & 3) * 2 + (e & 1);
        if (r < M && c < N) C[size_t(r) * N + c] = acc[i][j][e];
      }
}

// The same by wgmma, with a warp that brings tiles by tensor maps for 128 threads that
// multiply. 64×64 tiles, K in steps of 64, four stages.
constexpr int kStages = 4, kTileBytes = 64 * 64 * 2;

__device__ __forceinline__ uint64_t tile_descriptor(uint32_t address) {
  return uint64_t((address & 0x3ffff) >> 4) | uint64_t(1) << 16 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 62;
}

extern "C" __global__ void __launch_bounds__(160) gemm_hopper(const __grid_constant__ TensorMap ma, const __grid_constant__ TensorMap mb, float* __restrict__ C, int N, int K) {
  extern __shared__ __align__(1024) unsigned char smem[];
  __shared__ __align__(8) uint64_t full[kStages], empty[kStages];
  const uint32_t base = uint32_t(__cvta_generic_to_shared(smem)), f = uint32_t(__cvta_generic_to_shared(full)), e = uint32_t(__cvta_generic_to_shared(empty));
  const int tid = threadIdx.x, steps = K / 64;
  if (tid == 0) {
    for (int i = 0; i < kStages; i++) {
      mbarrier_init(f + i * 8, 1);
      mbarrier_init(e + i * 8, 128);
    }
    mbarrier_fence();
  }
  __syncthreads();
  if (tid >= 128) {
    for (int k = 0; tid == 128 && k < steps; k++) {
      const int s = k % kStages, turn = k / kStages & 1;
      mbarrier_wait(e + s * 8, turn ^ 1);
      mbarrier_arrive_expect(f + s * 8, 2 * kTileBytes);
      tma_load_2d(base + s * 2 * kTileBytes, &ma, k * 64, blockIdx.y * 64, f + s * 8);
      tma_load_2d(base + s * 2 * kTileBytes + kTileBytes, &mb, k * 64, blockIdx.x * 64, f + s * 8);
    }
    return;
  }
  float d[32] = {};
  for (int k = 0; k < steps; k++) {
    const int s = k % kStages;
#ifndef PLANT_NO_WAIT
    mbarrier_wait(f + s * 8, k / kStages & 1);
#endif
    wgmma_fence();
    const uint32_t a = base + s * 2 * kTileBytes, b = a + kTileBytes;
    for (int j = 0; j < 4; j++) wgmma_m64n64k16(d, tile_descriptor(a + j * 32), tile_descriptor(b + j * 32));
    wgmma_commit();
    wgmma_wait<0>();
    mbarrier_arrive(e + s * 8);
  }
  const int w = tid >> 5, l = tid & 31;
  for (int i = 0; i < 32; i++) C[size_t(blockIdx.y * 64 + 16 * w + (l >> 2) + 8 * (i >> 1 & 1)) * N + blockIdx.x * 64 + 8 * (i >> 2) + (l & 3) * 2 + (i & 1)] = d[i];
}
