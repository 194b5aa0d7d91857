// bad.cu: kernels with one fault each, which the emulator has to name.
#include "ptx.cuh"

extern "C" __global__ void diverges(float* out) {
  float v = threadIdx.x;
  if ((threadIdx.x & 31) < 16) v = __shfl_xor_sync(0xffffffffu, v, 1);
  else __syncwarp();
  out[threadIdx.x] = v;
}

extern "C" __global__ void deadlocks(float* out) {
  if (threadIdx.x < 32) __shfl_sync(0xffffffffu, out[0], 0);
  if (threadIdx.x & 1) __syncwarp(0xffffffffu);
}

extern "C" __global__ void writes_outside(float* out, int n) { out[threadIdx.x == 33 ? n : 0] = 1; }

extern "C" __global__ void writes_far_outside(float* out) { out[threadIdx.x == 33 ? 1 << 28 : threadIdx.x] = 1; }

extern "C" __global__ void reads_unwritten(const float* never, float* out) { out[threadIdx.x] = never[threadIdx.x]; }

extern "C" __global__ void reads_unwritten_shared(float* out) {
  __shared__ float part[64];
  if (threadIdx.x < 63) part[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = part[threadIdx.x];
}

extern "C" __global__ void races(float* out) {
  __shared__ float part[64];
  part[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = part[threadIdx.x ^ 32];  // no barrier
}

extern "C" __global__ void races_on_reuse(float* out) {
  __shared__ float part[64];
  for (int i = 0; i < 2; i++) {
    part[threadIdx.x] = threadIdx.x + i;
    __syncthreads();
    out[threadIdx.x] = part[threadIdx.x ^ 32];  // no barrier before the next turn
  }
}

extern "C" __global__ void overruns_shared(float* out) {
  extern __shared__ __align__(1024) unsigned char smem[];
  reinterpret_cast<float*>(smem)[threadIdx.x] = 1;  // of a launch with room for half of them
  __syncthreads();
  out[threadIdx.x] = reinterpret_cast<float*>(smem)[threadIdx.x];
}

extern "C" __global__ void never_waits(const float* in, float* out) {
  extern __shared__ __align__(1024) unsigned char smem[];
  cp_async_4(uint32_t(__cvta_generic_to_shared(smem)) + threadIdx.x * 4, in + threadIdx.x, 4);
  cp_async_commit();
  out[threadIdx.x] = 0;
}
