// pixel_sum.cu: per-channel sums over pixels, in the order of kernels.PixelSum. One
// kernel sums chunks of 64 pixels, a thread a chunk and channel; another adds the
// chunks of a shard in order.
#include "common.cuh"

// Chunks is the layout of partial sums: (samples, chunks, channels).
struct Chunks {
  int samples, pixels, channels, count;  // count: chunks a sample
};
struct Chunk {
  int sample, channel, from, end;  // elements of one channel, every channels-th
  size_t first;
  __device__ Chunk(int i, const Chunks& k) {
    channel = i % k.channels;
    sample = i / k.channels / k.count;
    from = i / k.channels % k.count * kPixelChunk;
    end = min(from + kPixelChunk, k.pixels);
    first = size_t(sample) * k.pixels * k.channels + channel;
  }
};
__device__ __forceinline__ int chunk_count(const Chunks& k) { return k.samples * k.count * k.channels; }

KERNEL chunk_sums(const float* __restrict__ x, float* __restrict__ part, Chunks k) {
  const int i = place();
  if (i >= chunk_count(k)) return;
  const Chunk c(i, k);
  float s = 0;
  for (int p = c.from; p < c.end; p++) s += x[c.first + size_t(p) * k.channels];
  part[i] = s;
}

// Squares of distances to the mean of the sample's shard: mean[shard*step + channel].
KERNEL chunk_squares(const float* __restrict__ x, const float* __restrict__ mean, float* __restrict__ part, Chunks k, Segments seg, int step) {
  const int i = place();
  if (i >= chunk_count(k)) return;
  const Chunk c(i, k);
  const float m = mean[seg.shard(c.sample) * step + c.channel];
  float s = 0;
  for (int p = c.from; p < c.end; p++) {
    const float d = x[c.first + size_t(p) * k.channels] - m;
    s += d * d;
  }
  part[i] = s;
}

KERNEL chunk_products(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ part, Chunks k) {
  const int i = place();
  if (i >= chunk_count(k)) return;
  const Chunk c(i, k);
  float s = 0;
  for (int p = c.from; p < c.end; p++) {
    const size_t at = c.first + size_t(p) * k.channels;
    s = fmaf(a[at], b[at], s);
  }
  part[i] = s;
}

// g = dy behind the activation, told from y, or from h if y is null; h = (x-m)*rstd:
// the sums of g, and behind them those of g*h.
KERNEL chunk_gradients(const float* __restrict__ dy, const float* __restrict__ x, const float* __restrict__ y, const float* __restrict__ mean, const float* __restrict__ variance, float* __restrict__ part, Chunks k, Segments seg, int step, int a, float eps) {
  const int i = place();
  if (i >= chunk_count(k)) return;
  const Chunk c(i, k);
  const int stat = seg.shard(c.sample) * step + c.channel;
  const float m = mean[stat], rstd = inverse_deviation(variance[stat], eps);
  float sum_g = 0, sum_gh = 0;
  for (int p = c.from; p < c.end; p++) {
    const size_t at = c.first + size_t(p) * k.channels;
    const float h = (x[at] - m) * rstd, g = dy[at] * slope(a, y ? y[at] : h);
    sum_g += g;
    sum_gh += g * h;
  }
  part[i] = sum_g;
  part[chunk_count(k) + i] = sum_gh;
}

// out[shard*step + channel] = the sum of the shard's chunks / divisor.
KERNEL add_chunks(const float* __restrict__ part, float* __restrict__ out, Chunks k, Segments seg, int step, float divisor) {
  const int i = place();
  if (i >= seg.shards * k.channels) return;
  const int shard = i / k.channels, channel = i % k.channels;
  float s = part[size_t(seg.sample(shard, 0)) * k.count * k.channels + channel];
  for (int j = 0; j < seg.samples(); j++) {
    const float* p = part + size_t(seg.sample(shard, j)) * k.count * k.channels + channel;
    for (int c = j == 0 ? 1 : 0; c < k.count; c++) s += p[size_t(c) * k.channels];
  }
  out[shard * step + channel] = __fdiv_rn(s, divisor);
}
