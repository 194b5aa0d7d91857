// common.cuh: what every kernel shares.
//
// Files are compiled without contraction (-fmad=false): x*y + z rounds twice, and
// fmaf once. Sums run in the order that the contracts in package kernels state, so
// that a result depends neither on the launch nor on the card.
#pragma once

#include <math.h>
#include <stdint.h>

#define KERNEL extern "C" __global__ void

constexpr int kThreads = 256;  // of a block, where nothing else is said

// The activations, numbered as kernels.Act.
enum Act { kNone, kReLU, kLeaky, kTanh, kSigmoid };
constexpr float kLeakySlope = 0.2f;

// The order of sums over pixels and over all elements: kernels.PixelChunk and Lanes.
constexpr int kPixelChunk = 64, kLanes = 16;

// place is the thread's index in a launch over n elements.
__device__ __forceinline__ int place() { return int(blockIdx.x * blockDim.x + threadIdx.x); }

// act is an activation that a normalisation may carry; a NaN stays one.
__device__ __forceinline__ float act(int a, float v) {
  if (a == kReLU && v <= 0) return 0;
  if (a == kLeaky && !(v > 0)) return kLeakySlope * v;
  return v;
}

// slope is its derivative where its result, or argument, is v.
__device__ __forceinline__ float slope(int a, float v) {
  if (v > 0 || a == kNone) return 1;
  return a == kLeaky ? kLeakySlope : 0.0f;
}

// inverse_deviation is 1/sqrt(variance + eps), both operations correctly rounded.
__device__ __forceinline__ float inverse_deviation(float variance, float eps) { return __fdiv_rn(1.0f, __fsqrt_rn(variance + eps)); }

// Segments says which samples belong to which shard: kernels.Segments, with per the
// samples of one group in one shard.
struct Segments {
  int groups, shards, per;
  __device__ __forceinline__ int shard(int sample) const { return sample / per % shards; }
  // sample is the i-th sample of a shard, in the order of its sums.
  __device__ __forceinline__ int sample(int shard, int i) const { return (i / per * shards + shard) * per + i % per; }
  __device__ __forceinline__ int samples() const { return groups * per; }
};
