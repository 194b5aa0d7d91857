// losses.cu: losses with one value a shard, in double, and their gradients.
#include "fmath.cuh"

// What is summed: (p - target)^2, or |a - b|.
enum Loss { kMSE, kL1 };

// One lane of one sample: its elements i, i+16, ... in order. part: (samples, lanes).
KERNEL loss_lanes(const float* __restrict__ a, const float* __restrict__ b, double* __restrict__ part, int samples, int per, int loss, double target) {
  const int at = place();
  if (at >= samples * kLanes) return;
  const size_t first = size_t(at / kLanes) * per;
  double s = 0;
  for (int i = at % kLanes; i < per; i += kLanes) {
    if (loss == kMSE) {
      const double e = double(a[first + i]) - target;
      s += e * e;
    } else {
      s += fabs(double(a[first + i]) - double(b[first + i]));
    }
  }
  part[at] = s;
}

KERNEL add_lanes(const double* __restrict__ part, float* __restrict__ l, Segments seg, double scale) {
  const int v = place();
  if (v >= seg.shards) return;
  double total = 0;
  for (int j = 0; j < seg.samples(); j++) {
    const double* p = part + size_t(seg.sample(v, j)) * kLanes;
    double s = p[0];
    for (int lane = 1; lane < kLanes; lane++) s += p[lane];
    total += s;
  }
  l[v] = float(scale * total);
}

KERNEL mse_grad(const float* p, const float* __restrict__ g, float* dp, int n, float scale, float target) {
  const int i = place();
  if (i < n) dp[i] = g[0] * scale * (p[i] - target);
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
