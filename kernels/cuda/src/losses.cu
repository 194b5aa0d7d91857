// losses.cu: losses with one value a shard, in double, and their gradients.
#include "fmath.cuh"

// What is summed: (p - target)^2, |a - b|, or the cross-entropy of a logit and its target.
enum Loss { kMSE, kL1, kBCE };

constexpr int kLossDeep = 16, kLossPiece = kThreads * kLossDeep;  // elements of a thread, of a block

// sum adds the threads' values by a tree; thread 0 has the result.
__device__ __forceinline__ double sum(double s) {
  __shared__ double all[kThreads];
  all[threadIdx.x] = s;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) all[threadIdx.x] = s += all[threadIdx.x + half];
    __syncthreads();
  }
  return s;
}

// A piece of one sample: a thread takes every 256th element, in order. Block (piece,
// sample); part: (samples, pieces).
KERNEL loss_pieces(const float* __restrict__ a, const float* __restrict__ b, double* __restrict__ part, int per, int loss, double target) {
  const size_t first = size_t(blockIdx.y) * per;
  const int from = blockIdx.x * kLossPiece, end = min(from + kLossPiece, per);
  double s = 0;
  for (int i = from + threadIdx.x; i < end; i += kThreads) {
    if (loss == kMSE) {
      const double e = double(a[first + i]) - target;
      s += e * e;
    } else if (loss == kBCE) {
      const double p = a[first + i];
      s += (p > 0 ? p : 0) - target * p + fmath::log(1 + fmath::exp(-fabs(p)));
    } else {
      s += fabs(double(a[first + i]) - double(b[first + i]));
    }
  }
  s = sum(s);
  if (threadIdx.x == 0) part[size_t(blockIdx.y) * gridDim.x + blockIdx.x] = s;
}

// A block a shard: a thread takes every 256th piece of its samples, in order.
KERNEL add_losses(const double* __restrict__ part, float* __restrict__ l, int pieces, Segments seg, double scale) {
  double s = 0;
  for (int i = threadIdx.x; i < seg.samples() * pieces; i += kThreads) s += part[size_t(seg.sample(blockIdx.x, i / pieces)) * pieces + i % pieces];
  s = sum(s);
  if (threadIdx.x == 0) l[blockIdx.x] = float(scale * s);
}

KERNEL mse_grad(const float* p, const float* __restrict__ g, float* dp, int n, float scale, float target) {
  const int i = place();
  if (i < n) dp[i] = g[0] * scale * (p[i] - target);
}

KERNEL bce_grad(const float* p, const float* __restrict__ g, float* dp, int n, float scale, double target) {
  const int i = place();
  if (i < n) dp[i] = g[0] * scale * float(fmath::sigmoid(double(p[i])) - target);
}

KERNEL l1_grad(const float* a, const float* __restrict__ b, const float* __restrict__ g, float* da, int n, float scale) {
  const int i = place();
  if (i >= n) return;
  const float x = a[i], y = b[i];
  const float sign = x > y ? 1.0f : x < y ? -1.0f : x == y ? 0.0f : x - y;  // a NaN stays one
  da[i] = g[0] * scale * sign;
}

// Row is one row of logits: the logarithm of its softmax is z[k] - top - log.
struct Row {
  const float* z;
  double top, log;
  __device__ Row(const float* z, int k) : z(z), top(z[0]) {
    for (int i = 0; i < k; i++) top = isnan(z[i]) || double(z[i]) > top ? double(z[i]) : top;
    double sum = 0;
    for (int i = 0; i < k; i++) sum += fmath::exp(double(z[i]) - top);
    log = fmath::log(sum);
  }
  __device__ double log_p(int i) const { return double(z[i]) - top - log; }
};

KERNEL softmax(const float* __restrict__ z, float* __restrict__ p, int n, int k) {
  const int row = place();
  if (row >= n) return;
  const Row r(z + size_t(row) * k, k);
  for (int i = 0; i < k; i++) p[size_t(row) * k + i] = float(fmath::exp(r.log_p(i)));
}

KERNEL focal(const float* __restrict__ z, const int* __restrict__ labels, float* __restrict__ l, int k, Segments seg, double gamma, double scale) {
  const int v = place();
  if (v >= seg.shards) return;
  double total = 0;
  for (int j = 0; j < seg.samples(); j++) {
    const int n = seg.sample(v, j);
    const Row r(z + size_t(n) * k, k);
    const double log_q = r.log_p(labels[n]);
    total -= fmath::power(1 - fmath::exp(log_q), gamma) * log_q;
  }
  l[v] = float(scale * total);
}

KERNEL focal_grad(const float* __restrict__ z, const int* __restrict__ labels, const float* __restrict__ g, float* __restrict__ dz, int n, int k, double gamma, double scale) {
  const int row = place();
  if (row >= n) return;
  const Row r(z + size_t(row) * k, k);
  const int y = labels[row];
  const double log_q = r.log_p(y), q = fmath::exp(log_q);
  double d = -fmath::power(1 - q, gamma);
  if (gamma > 0) d += gamma * fmath::power(1 - q, gamma - 1) * q * log_q;
  const double f = double(g[0]) * scale * d;
  for (int i = 0; i < k; i++) dz[size_t(row) * k + i] = float(f * ((i == y ? 1.0 : 0.0) - fmath::exp(r.log_p(i))));
}
