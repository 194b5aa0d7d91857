// norm.cu: what instance and batch norm do to each element, once their sums are there
// (pixel_sum.cu). mean and variance are read at [shard*step + channel]; for an
// instance norm every sample is a shard.
#include "common.cuh"

KERNEL instance_norm(const float* __restrict__ x, const float* __restrict__ res, const float* __restrict__ mean, const float* __restrict__ variance, float* __restrict__ y, int n, int pixels, int channels, int a, float eps) {
  const int i = place();
  if (i >= n) return;
  const int stat = i / (pixels * channels) * channels + i % channels;
  const float r = act(a, (x[i] - mean[stat]) * inverse_deviation(variance[stat], eps));
  y[i] = res ? r + res[i] : r;
}

// sums holds mean(g), and behind all of them mean(g*h). dx may stand where dy stood.
KERNEL instance_norm_grad(const float* dy, const float* __restrict__ x, const float* __restrict__ mean, const float* __restrict__ variance, const float* __restrict__ sums, float* dx, int n, int samples, int pixels, int channels, int a, float eps) {
  const int i = place();
  if (i >= n) return;
  const int stat = i / (pixels * channels) * channels + i % channels;
  const float rstd = inverse_deviation(variance[stat], eps), h = (x[i] - mean[stat]) * rstd, g = dy[i] * slope(a, h);
  dx[i] = rstd * (g - sums[stat] - h * sums[samples * channels + stat]);
}

KERNEL batch_norm(const float* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, const float* __restrict__ stats, const float* __restrict__ res, float* __restrict__ y, int n, int pixels, int channels, Segments seg, int a, float eps) {
  const int i = place();
  if (i >= n) return;
  const int c = i % channels, stat = seg.shard(i / (pixels * channels)) * 2 * channels + c;
  float r = gamma[c] * ((x[i] - stats[stat]) * inverse_deviation(stats[stat + channels], eps)) + beta[c];
  if (res) r += res[i];
  y[i] = act(a, r);
}

// sum_gh and sum_g are the results dgamma and dbeta, count the values behind each; y is
// null without an activation, dres where nobody asks for it.
KERNEL batch_norm_grad(const float* __restrict__ dy, const float* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ stats, const float* __restrict__ y, const float* __restrict__ sum_gh, const float* __restrict__ sum_g, float* __restrict__ dx, float* __restrict__ dres, int n, int pixels, int channels, Segments seg, int a, float eps, float count) {
  const int i = place();
  if (i >= n) return;
  const int c = i % channels, shard = seg.shard(i / (pixels * channels)), stat = shard * 2 * channels + c;
  const float rstd = inverse_deviation(stats[stat + channels], eps), h = (x[i] - stats[stat]) * rstd;
  const float g = y ? dy[i] * slope(a, y[i]) : dy[i];
  const float mean_g = __fdiv_rn(sum_g[shard * channels + c], count), mean_gh = __fdiv_rn(sum_gh[shard * channels + c], count);
  dx[i] = gamma[c] * rstd * (g - mean_g - h * mean_gh);
  if (dres) dres[i] = g;
}

KERNEL batch_norm_infer(const float* __restrict__ x, const float* __restrict__ gamma, const float* __restrict__ beta, const float* __restrict__ mean, const float* __restrict__ variance, const float* __restrict__ res, float* __restrict__ y, int n, int channels, int a, float eps) {
  const int i = place();
  if (i >= n) return;
  const int c = i % channels;
  float r = gamma[c] * ((x[i] - mean[c]) * inverse_deviation(variance[c], eps)) + beta[c];
  if (res) r += res[i];
  y[i] = act(a, r);
}

// In place: mean and variance go on by a fraction momentum; rest is 1 - momentum.
KERNEL running_stats(const float* mean, const float* variance, const float* __restrict__ sums, float* new_mean, float* new_variance, int channels, float momentum, float rest, float shards, float unbias) {
  const int c = place();
  if (c >= channels) return;
  new_mean[c] = rest * mean[c] + momentum * __fdiv_rn(sums[c], shards);
  new_variance[c] = rest * variance[c] + momentum * (__fdiv_rn(sums[channels + c], shards) * unbias);
}
