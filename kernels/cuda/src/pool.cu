// pool.cu: pooling over windows. x: (N,H,W,C), y: (N,P,Q,C); a thread takes V channels.
#include "vec.cuh"

struct Pooling {
  int k, stride, pad, inside, differ, h, w, p, q, channels;  // differ: windows may have areas that differ

  // span is the number of places of an axis of length n under window i that count: none past the padding, and none in it if inside.
  __device__ __forceinline__ int span(int i, int n) const {
    const int from = i * stride - pad;
    return inside ? min(from + k, n) - max(from, 0) : min(k, n + pad - from);
  }
  __device__ __forceinline__ float area(int p, int q) const { return float(span(p, h) * span(q, w)); }
};

// Position is a pixel of an image of rows×columns, and V channels of it.
template <int V>
struct Position {
  int channel, x, y, sample;
  size_t at;
  bool inside;
  // n is the number of elements of all images.
  __device__ __forceinline__ Position(int n, int rows, int columns, int channels) {
    const int vectors = channels / V;
    int i = place();
    at = size_t(i) * V;
    inside = at < size_t(n);
    channel = i % vectors * V;
    i /= vectors;
    x = i % columns;
    i /= columns;
    y = i % rows;
    sample = i / rows;
  }
};

// Of equal values the first wins, a NaN wins over everything.
template <class T, int V>
__device__ __forceinline__ void max_pool_each(const T* __restrict__ x, T* __restrict__ y, int* __restrict__ arg, int n, const Pooling& o) {
  const Position<V> i(n, o.p, o.q, o.channels);
  if (!i.inside) return;
  Numbers<T, V> best;
  int where[V];
#pragma unroll
  for (int j = 0; j < V; j++) best.v[j] = 0, where[j] = -1;
  for (int r = 0; r < o.k; r++)
    for (int s = 0; s < o.k; s++) {
      const int h = i.y * o.stride - o.pad + r, w = i.x * o.stride - o.pad + s;
      if (h < 0 || h >= o.h || w < 0 || w >= o.w) continue;
      const auto v = Numbers<T, V>::load(x + ((size_t(i.sample) * o.h + h) * o.w + w) * o.channels + i.channel);
#pragma unroll
      for (int j = 0; j < V; j++)
        if (where[j] < 0 || v.v[j] > best.v[j] || (isnan(v.v[j]) && !isnan(best.v[j]))) best.v[j] = v.v[j], where[j] = h * o.w + w;
    }
  best.store(y + i.at);
#pragma unroll
  for (int j = 0; j < V; j++) arg[i.at + j] = where[j];
}
#define PARAMS(T) (const T* __restrict__ x, T* __restrict__ y, int* __restrict__ arg, int n, Pooling o)
TYPED_KERNELS(max_pool, PARAMS, (x, y, arg, n, o))
#undef PARAMS

// first_window is the first window that holds position i of an axis.
__device__ __forceinline__ int first_window(int i, const Pooling& o) {
  const int from = i + o.pad - o.k + 1;
  return from > 0 ? (from + o.stride - 1) / o.stride : 0;
}

// windows adds the gradients of all windows that hold a pixel: f(at, p, q) adds those of one.
template <int V, class F>
__device__ __forceinline__ void windows(const Position<V>& i, const Pooling& o, const F& f) {
  for (int p = first_window(i.y, o); p < o.p && p * o.stride - o.pad <= i.y; p++)
    for (int q = first_window(i.x, o); q < o.q && q * o.stride - o.pad <= i.x; q++) f(((size_t(i.sample) * o.p + p) * o.q + q) * o.channels + i.channel, p, q);
}

template <class T, int V>
__device__ __forceinline__ void max_pool_grad_each(const T* __restrict__ dy, const int* __restrict__ arg, T* __restrict__ dx, int n, const Pooling& o) {
  const Position<V> i(n, o.h, o.w, o.channels);
  if (!i.inside) return;
  Numbers<T, V> sum;
#pragma unroll
  for (int j = 0; j < V; j++) sum.v[j] = 0;
  const int me = i.y * o.w + i.x;
  windows(i, o, [&](size_t at, int, int) {
    const auto d = Numbers<T, V>::load(dy + at);
#pragma unroll
    for (int j = 0; j < V; j++)
      if (arg[at + j] == me) sum.v[j] += d.v[j];
  });
  sum.store(dx + i.at);
}
#define PARAMS(T) (const T* __restrict__ dy, const int* __restrict__ arg, T* __restrict__ dx, int n, Pooling o)
TYPED_KERNELS(max_pool_grad, PARAMS, (dy, arg, dx, n, o))
#undef PARAMS

template <class T, int V>
__device__ __forceinline__ void avg_pool_each(const T* __restrict__ x, T* __restrict__ y, int n, const Pooling& o) {
  const Position<V> i(n, o.p, o.q, o.channels);
  if (!i.inside) return;
  Numbers<T, V> sum;
#pragma unroll
  for (int j = 0; j < V; j++) sum.v[j] = 0;
  for (int r = 0; r < o.k; r++)
    for (int s = 0; s < o.k; s++) {
      const int h = i.y * o.stride - o.pad + r, w = i.x * o.stride - o.pad + s;
      if (h < 0 || h >= o.h || w < 0 || w >= o.w) continue;
      const auto v = Numbers<T, V>::load(x + ((size_t(i.sample) * o.h + h) * o.w + w) * o.channels + i.channel);
#pragma unroll
      for (int j = 0; j < V; j++) sum.v[j] += v.v[j];
    }
  const float area = o.area(i.y, i.x);
#pragma unroll
  for (int j = 0; j < V; j++) sum.v[j] = __fdiv_rn(sum.v[j], area);
  sum.store(y + i.at);
}
#define PARAMS(T) (const T* __restrict__ x, T* __restrict__ y, int n, Pooling o)
TYPED_KERNELS(avg_pool, PARAMS, (x, y, n, o))
#undef PARAMS

template <class T, int V>
__device__ __forceinline__ void avg_pool_grad_each(const T* __restrict__ dy, T* __restrict__ dx, int n, const Pooling& o) {
  const Position<V> i(n, o.h, o.w, o.channels);
  if (!i.inside) return;
  Numbers<T, V> sum;
#pragma unroll
  for (int j = 0; j < V; j++) sum.v[j] = 0;
  windows(i, o, [&](size_t at, int p, int q) {
    const auto d = Numbers<T, V>::load(dy + at);
    const float area = o.area(p, q);
#pragma unroll
    for (int j = 0; j < V; j++) sum.v[j] += o.differ ? __fdiv_rn(d.v[j], area) : d.v[j];
  });
#pragma unroll
  for (int j = 0; j < V; j++)
    if (!o.differ) sum.v[j] = __fdiv_rn(sum.v[j], float(o.k * o.k));
  sum.store(dx + i.at);
}
#define PARAMS(T) (const T* __restrict__ dy, T* __restrict__ dx, int n, Pooling o)
TYPED_KERNELS(avg_pool_grad, PARAMS, (dy, dx, n, o))
#undef PARAMS
