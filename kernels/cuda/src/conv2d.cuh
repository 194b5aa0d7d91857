// conv2d.cuh: the geometry that every convolution shares.
#pragma once
#include "common.cuh"

// Conv is a geometry: x (N,H,W,C), w (K,R,S,C), y (N,P,Q,K).
struct Conv {
  int n, h, w, c, p, q, k, r, s, stride, pad_h, pad_w, reflect;

  // source maps a coordinate that may lie in the padding to the image, or to -1.
  __device__ __forceinline__ int source(int i, int length) const {
    if (i >= 0 && i < length) return i;
    if (!reflect) return -1;
    return i < 0 ? -i : 2 * length - 2 - i;
  }
};

// The coordinates of the padded axis that map to i, in rising order: i itself and,
// under reflection, its images beyond the borders.
struct Images {
  int at[3], count = 0;
  __device__ __forceinline__ Images(int i, int length, int pad, int reflect) {
    if (reflect && i > 0 && i <= pad) at[count++] = -i;
    at[count++] = i;
    if (reflect && i < length - 1 && 2 * length - 2 - i < length + pad) at[count++] = 2 * length - 2 - i;
  }
  // one says whether i lies in the image, and under reflection has no other.
  __device__ __forceinline__ static bool one(int i, int length, int pad) {
    return i >= 0 && i < length && !(i > 0 && i <= pad) && !(i < length - 1 && i > length - 2 - pad);
  }
};
