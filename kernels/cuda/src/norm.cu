// norm.cu: what instance and batch norm do to each element, once their statistics are
// there (pixel_sum.cu). rstd is 1/sqrt(variance + eps). mean and rstd of a channel are
// read at [shard*step + channel]; for an instance norm every sample is a shard.
#include "vec.cuh"

template <class T, int V>
__device__ __forceinline__ void instance_norm_each(const T* __restrict__ x, const T* __restrict__ res, const float* __restrict__ mean, const float* __restrict__ rstd, T* __restrict__ y, int pixels, int channels, int a) {
  const Spot<V> s(pixels, channels);
  if (!s.inside) return;
  const int stat = blockIdx.y * channels + s.channel;
  auto v = Numbers<T, V>::load(x + s.at);
  const auto m = floats<V>(mean + stat), r = floats<V>(rstd + stat);
#pragma unroll
  for (int i = 0; i < V; i++) v.v[i] = act(a, (v.v[i] - m.v[i]) * r.v[i]);
  if (res) {
    const auto more = Numbers<T, V>::load(res + s.at);
#pragma unroll
    for (int i = 0; i < V; i++) v.v[i] += more.v[i];
  }
  v.store(y + s.at);
}
#define PARAMS(T) (const T* __restrict__ x, const T* __restrict__ res, const float* __restrict__ mean, const float* __restrict__ rstd, T* __restrict__ y, int pixels, int channels, int a)
TYPED_KERNELS(instance_norm, PARAMS, (x, res, mean, rstd, y, pixels, channels, a))
#undef PARAMS

// mean_g and mean_gh are the means of g and g*h. dx may stand where dy stood.
template <class T, int V>
__device__ __forceinline__ void instance_norm_grad_each(const T* dy, const T* __restrict__ x, const float* __restrict__ mean, const float* __restrict__ rstd, const float* __restrict__ mean_g, const float* __restrict__ mean_gh, T* dx, int pixels, int channels, int a) {
  const Spot<V> s(pixels, channels);
  if (!s.inside) return;
  const int stat = blockIdx.y * channels + s.channel;
  auto d = Numbers<T, V>::load(dy + s.at);
  const auto v = Numbers<T, V>::load(x + s.at);
  const auto m = floats<V>(mean + stat), r = floats<V>(rstd + stat), sum = floats<V>(mean_g + stat), sum_h = floats<V>(mean_gh + stat);
#pragma unroll
  for (int i = 0; i < V; i++) {
    const float h = (v.v[i] - m.v[i]) * r.v[i], g = d.v[i] * slope(a, h);
    d.v[i] = r.v[i] * (g - sum.v[i] - h * sum_h.v[i]);
  }
  d.store(dx + s.at);
}
#define PARAMS(T) (const T* dy, const T* __restrict__ x, const float* __restrict__ mean, const float* __restrict__ rstd, const float* __restrict__ mean_g, const float* __restrict__ mean_gh, T* dx, int pixels, int channels, int a)
TYPED_KERNELS(instance_norm_grad, PARAMS, (dy, x, mean, rstd, mean_g, mean_gh, dx, pixels, channels, a))
#undef PARAMS

// normalised is act(gamma * ((x - mean) * rstd) + beta + res) for V channels; res may be null.
template <class T, int V>
__device__ __forceinline__ void normalise(const T* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, const Floats<V>& mean, const Floats<V>& rstd, const T* __restrict__ res, T* __restrict__ y, const Spot<V>& s, int a) {
  auto v = Numbers<T, V>::load(x + s.at);
  const auto scale = floats<V>(gamma + s.channel), shift = floats<V>(beta + s.channel);
#pragma unroll
  for (int i = 0; i < V; i++) v.v[i] = scale.v[i] * ((v.v[i] - mean.v[i]) * rstd.v[i]) + shift.v[i];
  if (res) {
    const auto more = Numbers<T, V>::load(res + s.at);
#pragma unroll
    for (int i = 0; i < V; i++) v.v[i] += more.v[i];
  }
#pragma unroll
  for (int i = 0; i < V; i++) v.v[i] = act(a, v.v[i]);
  v.store(y + s.at);
}

// stats is (shards, 2, channels), rstd (shards, channels).
template <class T, int V>
__device__ __forceinline__ void batch_norm_each(const T* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, const float* __restrict__ stats, const float* __restrict__ rstd, const T* __restrict__ res, T* __restrict__ y, int pixels, int channels, const Segments& seg, int a) {
  const Spot<V> s(pixels, channels);
  if (!s.inside) return;
  const int shard = seg.shard(blockIdx.y);
  normalise<T, V>(x, gamma, beta, floats<V>(stats + shard * 2 * channels + s.channel), floats<V>(rstd + shard * channels + s.channel), res, y, s, a);
}
#define PARAMS(T) (const T* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, const float* __restrict__ stats, const float* __restrict__ rstd, const T* __restrict__ res, T* __restrict__ y, int pixels, int channels, Segments seg, int a)
TYPED_KERNELS(batch_norm, PARAMS, (x, gamma, beta, stats, rstd, res, y, pixels, channels, seg, a))
#undef PARAMS

template <class T, int V>
__device__ __forceinline__ void batch_norm_infer_each(const T* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, const float* __restrict__ mean, const float* __restrict__ variance, const T* __restrict__ res, T* __restrict__ y, int pixels, int channels, int a, float eps) {
  const Spot<V> s(pixels, channels);
  if (!s.inside) return;
  auto r = floats<V>(variance + s.channel);
#pragma unroll
  for (int i = 0; i < V; i++) r.v[i] = inverse_deviation(r.v[i], eps);
  normalise<T, V>(x, gamma, beta, floats<V>(mean + s.channel), r, res, y, s, a);
}
#define PARAMS(T) (const T* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, const float* __restrict__ mean, const float* __restrict__ variance, const T* __restrict__ res, T* __restrict__ y, int pixels, int channels, int a, float eps)
TYPED_KERNELS(batch_norm_infer, PARAMS, (x, gamma, beta, mean, variance, res, y, pixels, channels, a, eps))
#undef PARAMS

// sum_gh and sum_g are the results dgamma and dbeta, share is one over the values behind
// each; y is null without an activation, dres where nobody asks for it.
template <class T, int V>
__device__ __forceinline__ void batch_norm_grad_each(const T* __restrict__ dy, const T* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ stats, const float* __restrict__ rstd, const T* __restrict__ y, const float* __restrict__ sum_gh, const float* __restrict__ sum_g, T* __restrict__ dx, T* __restrict__ dres, int pixels, int channels, const Segments& seg, int a, float share) {
  const Spot<V> s(pixels, channels);
  if (!s.inside) return;
  const int shard = seg.shard(blockIdx.y), stat = shard * channels + s.channel;
  auto g = Numbers<T, V>::load(dy + s.at);
  if (y) {
    const auto made = Numbers<T, V>::load(y + s.at);
#pragma unroll
    for (int i = 0; i < V; i++) g.v[i] *= slope(a, made.v[i]);
  }
  if (dres) g.store(dres + s.at);
  auto v = Numbers<T, V>::load(x + s.at);
  const auto m = floats<V>(stats + shard * 2 * channels + s.channel), r = floats<V>(rstd + stat), scale = floats<V>(gamma + s.channel), sum = floats<V>(sum_g + stat), sum_h = floats<V>(sum_gh + stat);
#pragma unroll
  for (int i = 0; i < V; i++) {
    const float h = (v.v[i] - m.v[i]) * r.v[i];
    v.v[i] = scale.v[i] * r.v[i] * (g.v[i] - sum.v[i] * share - h * (sum_h.v[i] * share));
  }
  v.store(dx + s.at);
}
#define PARAMS(T) (const T* __restrict__ dy, const T* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ stats, const float* __restrict__ rstd, const T* __restrict__ y, const float* __restrict__ sum_gh, const float* __restrict__ sum_g, T* __restrict__ dx, T* __restrict__ dres, int pixels, int channels, Segments seg, int a, float share)
TYPED_KERNELS(batch_norm_grad, PARAMS, (dy, x, gamma, stats, rstd, y, sum_gh, sum_g, dx, dres, pixels, channels, seg, a, share))
#undef PARAMS

// In place: mean and variance go on by a fraction momentum; rest is 1 - momentum.
KERNEL running_stats(const float* mean, const float* variance, const float* __restrict__ sums, float* new_mean, float* new_variance, const int* __restrict__ guard, int channels, float momentum, float rest, float shards, float unbias) {
  const int c = place();
  if (c >= channels || *guard) return;
  new_mean[c] = rest * mean[c] + momentum * __fdiv_rn(sums[c], shards);
  new_variance[c] = rest * variance[c] + momentum * (__fdiv_rn(sums[channels + c], shards) * unbias);
}
