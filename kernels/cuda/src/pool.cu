// pool.cu: pooling over windows. x: (N,H,W,C), y: (N,P,Q,C).
#include "common.cuh"

struct Pooling {
  int k, stride, pad, h, w, p, q, channels;
};

// Of equal values the first wins, a NaN wins over everything.
KERNEL max_pool(const float* __restrict__ x, float* __restrict__ y, int* __restrict__ arg, int n, Pooling o) {
  const int i = place();
  if (i >= n) return;
  const int c = i % o.channels, q = i / o.channels % o.q, p = i / o.channels / o.q % o.p, sample = i / o.channels / o.q / o.p;
  float best = 0;
  int where = -1;
  for (int r = 0; r < o.k; r++)
    for (int s = 0; s < o.k; s++) {
      const int h = p * o.stride - o.pad + r, w = q * o.stride - o.pad + s;
      if (h < 0 || h >= o.h || w < 0 || w >= o.w) continue;
      const float v = x[((size_t(sample) * o.h + h) * o.w + w) * o.channels + c];
      if (where < 0 || v > best || (isnan(v) && !isnan(best))) {
        best = v;
        where = h * o.w + w;
      }
    }
  y[i] = best;
  arg[i] = where;
}

// first_window is the first window that holds position i of an axis.
__device__ __forceinline__ int first_window(int i, const Pooling& o) {
  const int from = i + o.pad - o.k + 1;
  return from > 0 ? (from + o.stride - 1) / o.stride : 0;
}

KERNEL max_pool_grad(const float* __restrict__ dy, const int* __restrict__ arg, float* __restrict__ dx, int n, Pooling o) {
  const int i = place();
  if (i >= n) return;
  const int c = i % o.channels, w = i / o.channels % o.w, h = i / o.channels / o.w % o.h, sample = i / o.channels / o.w / o.h;
  float sum = 0;
  for (int p = first_window(h, o); p < o.p && p * o.stride - o.pad <= h; p++)
    for (int q = first_window(w, o); q < o.q && q * o.stride - o.pad <= w; q++) {
      const size_t at = ((size_t(sample) * o.p + p) * o.q + q) * o.channels + c;
      if (arg[at] == h * o.w + w) sum += dy[at];
    }
  dx[i] = sum;
}

KERNEL avg_pool(const float* __restrict__ x, float* __restrict__ y, int n, Pooling o) {
  const int i = place();
  if (i >= n) return;
  const int c = i % o.channels, q = i / o.channels % o.q, p = i / o.channels / o.q % o.p, sample = i / o.channels / o.q / o.p;
  float sum = 0;
  for (int r = 0; r < o.k; r++)
    for (int s = 0; s < o.k; s++) {
      const int h = p * o.stride - o.pad + r, w = q * o.stride - o.pad + s;
      if (h >= 0 && h < o.h && w >= 0 && w < o.w) sum += x[((size_t(sample) * o.h + h) * o.w + w) * o.channels + c];
    }
  y[i] = __fdiv_rn(sum, float(o.k * o.k));
}

KERNEL avg_pool_grad(const float* __restrict__ dy, float* __restrict__ dx, int n, Pooling o) {
  const int i = place();
  if (i >= n) return;
  const int c = i % o.channels, w = i / o.channels % o.w, h = i / o.channels / o.w % o.h, sample = i / o.channels / o.w / o.h;
  float sum = 0;
  for (int p = first_window(h, o); p < o.p && p * o.stride - o.pad <= h; p++)
    for (int q = first_window(w, o); q < o.q && q * o.stride - o.pad <= w; q++) sum += dy[((size_t(sample) * o.p + p) * o.q + q) * o.channels + c];
  dx[i] = __fdiv_rn(sum, float(o.k * o.k));
}
