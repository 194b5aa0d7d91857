// elementwise.cu: operations on one element at a time, of n.
#include "fmath.cuh"

KERNEL activation(const float* __restrict__ x, float* y, int n, int a) {
  const int i = place();
  if (i >= n) return;
  const float v = x[i];
  y[i] = a == kTanh ? float(fmath::tanh(v)) : a == kSigmoid ? float(fmath::sigmoid(v)) : act(a, v);
}

KERNEL activation_grad(const float* dy, const float* y, float* dx, int n, int a) {
  const int i = place();
  if (i >= n) return;
  const float v = y[i];
  dx[i] = dy[i] * (a == kTanh ? 1 - v * v : a == kSigmoid ? v * (1 - v) : slope(a, v));
}

KERNEL affine(const float* x, float* y, int n, float scale, float shift) {
  const int i = place();
  if (i < n) y[i] = scale * x[i] + shift;
}

// y = a + b (+ c (+ d)), from the left; c and d may be null.
KERNEL add(const float* a, const float* b, const float* c, const float* d, float* y, int n) {
  const int i = place();
  if (i >= n) return;
  float s = a[i] + b[i];
  if (c) s += c[i];
  if (d) s += d[i];
  y[i] = s;
}

// The binary tree over shards [lo, hi) of x: (V,n), split in the middle.
__device__ float tree(const float* x, int n, int lo, int hi) {
  if (hi - lo == 1) return x[size_t(lo) * n];
  const int mid = (lo + hi) / 2;
  return tree(x, n, lo, mid) + tree(x, n, mid, hi);
}

KERNEL tree_sum(const float* __restrict__ x, float* __restrict__ y, int n, int shards) {
  const int i = place();
  if (i < n) y[i] = tree(x + i, n, 0, shards);
}
