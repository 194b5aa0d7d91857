// strided.cu: moving blocks of elements. move and slice_grad know no types, only words of
// 2, 4 or 16 bytes.
#include "vec.cuh"

// For o < outer and i < len: y[o*y_step + y_from + i] = x[o*x_step + x_from + i].
template <class W>
__device__ __forceinline__ void move_each(const W* __restrict__ x, W* __restrict__ y, int outer, int len, int x_step, int x_from, int y_step, int y_from) {
  const int at = place();
  if (at >= outer * len) return;
  const int o = at / len, i = at % len;
  y[size_t(o) * y_step + y_from + i] = x[size_t(o) * x_step + x_from + i];
}

// The gradient of a slice: dy at [from, from+len) of every step, zeros elsewhere.
template <class W>
__device__ __forceinline__ void slice_grad_each(const W* __restrict__ dy, W* __restrict__ dx, int outer, int len, int step, int from) {
  const int at = place();
  if (at >= outer * step) return;
  const int o = at / step, i = at % step - from;
  W v = {};
  if (i >= 0 && i < len) v = dy[size_t(o) * len + i];
  dx[at] = v;
}

#define WORD_KERNELS(bytes, W)                                                                                                                                                                                                            \
  KERNEL move_##bytes(const W* __restrict__ x, W* __restrict__ y, int outer, int len, int x_step, int x_from, int y_step, int y_from) { move_each<W>(x, y, outer, len, x_step, x_from, y_step, y_from); }                                  \
  KERNEL slice_grad_##bytes(const W* __restrict__ dy, W* __restrict__ dx, int outer, int len, int step, int from) { slice_grad_each<W>(dy, dx, outer, len, step, from); }
WORD_KERNELS(2, uint16_t)
WORD_KERNELS(4, uint32_t)
WORD_KERNELS(16, uint4)

// y[n,h,w,c] = x[n,h,w,c] * s[n,c], with pixels = H*W.
template <class T, int V>
__device__ __forceinline__ void scale_channels_each(const T* x, const float* __restrict__ s, T* y, int pixels, int channels) {
  const Spot<V> i(pixels, channels);
  if (!i.inside) return;
  auto v = Numbers<T, V>::load(x + i.at);
  const auto scale = floats<V>(s + blockIdx.y * channels + i.channel);
#pragma unroll
  for (int j = 0; j < V; j++) v.v[j] *= scale.v[j];
  v.store(y + i.at);
}
#define PARAMS(T) (const T* x, const float* __restrict__ s, T* y, int pixels, int channels)
TYPED_KERNELS(scale_channels, PARAMS, (x, s, y, pixels, channels))
#undef PARAMS

// dx[n,h,w,c] = dy[n,c] / pixels.
template <class T, int V>
__device__ __forceinline__ void global_avg_pool_grad_each(const float* __restrict__ dy, T* __restrict__ dx, int pixels, int channels) {
  const Spot<V> i(pixels, channels);
  if (!i.inside) return;
  const auto d = floats<V>(dy + blockIdx.y * channels + i.channel);
  Numbers<T, V> v;
#pragma unroll
  for (int j = 0; j < V; j++) v.v[j] = __fdiv_rn(d.v[j], float(pixels));
  v.store(dx + i.at);
}
#define PARAMS(T) (const float* __restrict__ dy, T* __restrict__ dx, int pixels, int channels)
TYPED_KERNELS(global_avg_pool_grad, PARAMS, (dy, dx, pixels, channels))
#undef PARAMS
