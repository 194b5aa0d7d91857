// elementwise.cu: operations on one element at a time, of n.
#include "fmath.cuh"
#include "vec.cuh"

// at is the thread's first element; n is a multiple of V.
template <int V>
__device__ __forceinline__ int at() { return place() * V; }

// Tanh and the logistic function are for float alone: kernels.Activation.
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

template <class T, int V>
__device__ __forceinline__ void rectify_each(const T* x, T* y, int n, int a) {
  const int i = at<V>();
  if (i >= n) return;
  auto v = Numbers<T, V>::load(x + i);
#pragma unroll
  for (int j = 0; j < V; j++) v.v[j] = act(a, v.v[j]);
  v.store(y + i);
}
#define PARAMS(T) (const T* x, T* y, int n, int a)
TYPED_KERNELS(rectify, PARAMS, (x, y, n, a))
#undef PARAMS

template <class T, int V>
__device__ __forceinline__ void rectify_grad_each(const T* dy, const T* y, T* dx, int n, int a) {
  const int i = at<V>();
  if (i >= n) return;
  auto d = Numbers<T, V>::load(dy + i);
  const auto v = Numbers<T, V>::load(y + i);
#pragma unroll
  for (int j = 0; j < V; j++) d.v[j] *= slope(a, v.v[j]);
  d.store(dx + i);
}
#define PARAMS(T) (const T* dy, const T* y, T* dx, int n, int a)
TYPED_KERNELS(rectify_grad, PARAMS, (dy, y, dx, n, a))
#undef PARAMS

KERNEL affine(const float* x, float* y, int n, float scale, float shift) {
  const int i = place();
  if (i < n) y[i] = scale * x[i] + shift;
}

// Terms are the operands of a sum; those that are not there are null.
template <class T>
struct Terms {
  const T* x[8];
};

// y = x0 + x1 + ..., from the left, rounded once where T is bf16.
template <class T, int V>
__device__ __forceinline__ void add_each(const Terms<T>& terms, T* y, int n) {
  const int i = at<V>();
  if (i >= n) return;
  auto s = Numbers<T, V>::load(terms.x[0] + i);
#pragma unroll
  for (int k = 1; k < 8; k++) {
    if (!terms.x[k]) break;
    const auto more = Numbers<T, V>::load(terms.x[k] + i);
#pragma unroll
    for (int j = 0; j < V; j++) s.v[j] += more.v[j];
  }
  s.store(y + i);
}
#define PARAMS(T) (Terms<T> terms, T* y, int n)
TYPED_KERNELS(add, PARAMS, (terms, y, n))
#undef PARAMS

template <int V>
__device__ __forceinline__ void narrow_each(const float* __restrict__ x, bf16* __restrict__ y, int n) {
  const int i = at<V>();
  if (i >= n) return;
  Numbers<bf16, V> v;
#pragma unroll
  for (int j = 0; j < V; j++) v.v[j] = x[i + j];
  v.store(y + i);
}
KERNEL narrow(const float* __restrict__ x, bf16* __restrict__ y, int n) { narrow_each<1>(x, y, n); }
KERNEL narrow_x8(const float* __restrict__ x, bf16* __restrict__ y, int n) { narrow_each<8>(x, y, n); }

template <int V>
__device__ __forceinline__ void widen_each(const bf16* __restrict__ x, float* __restrict__ y, int n) {
  const int i = at<V>();
  if (i >= n) return;
  const auto v = Numbers<bf16, V>::load(x + i);
#pragma unroll
  for (int j = 0; j < V; j++) y[i + j] = v.v[j];
}
KERNEL widen(const bf16* __restrict__ x, float* __restrict__ y, int n) { widen_each<1>(x, y, n); }
KERNEL widen_x8(const bf16* __restrict__ x, float* __restrict__ y, int n) { widen_each<8>(x, y, n); }

// The binary tree over shards of x: (V,n), split in the middle. Leaves are taken in turn; a
// sum that the leaf is the last of is finished with it. open are the sums to the left that
// wait for their right half: at most one a level. Node is what becomes of every sum and leaf.
template <class Node>
__device__ __forceinline__ float tree(const float* x, int n, int shards, Node node) {
  constexpr int kLevels = 32;
  float open[kLevels], sum = 0;
  int waiting = 0;
  for (int leaf = 0; leaf < shards; leaf++) {
    sum = node(x[size_t(leaf) * n]);
    int finished = 0;
    for (int lo = 0, hi = shards; hi - lo > 1;) {
      if (hi == leaf + 1) finished++;
      const int mid = (lo + hi) / 2;
      (leaf < mid ? hi : lo) = mid;
    }
    for (; finished > 0; finished--) sum = node(open[--waiting] + sum);
    open[waiting++] = sum;
  }
  return sum;
}

KERNEL tree_sum(const float* __restrict__ x, float* __restrict__ y, int n, int shards) {
  const int i = place();
  if (i < n) y[i] = tree(x + i, n, shards, [](float v) { return v; });
}

// Every node is rounded to bf16.
KERNEL tree_sum_half(const float* __restrict__ x, float* __restrict__ y, int n, int shards) {
  const int i = place();
  if (i < n) y[i] = tree(x + i, n, shards, [](float v) { return __bfloat162float(__float2bfloat16_rn(v)); });
}
