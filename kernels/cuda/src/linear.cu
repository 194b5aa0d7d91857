// linear.cu: small matrix products, each result one chain of fused multiply-adds.
#include "common.cuh"

// y[n,o] = b[o] + sum over i of x[n,i] w[o,i].
KERNEL linear(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ b, float* __restrict__ y, int n, int in, int out) {
  const int at = place();
  if (at >= n * out) return;
  const int o = at % out;
  const float *px = x + size_t(at / out) * in, *pw = w + size_t(o) * in;
  float s = 0;
  for (int i = 0; i < in; i++) s = fmaf(px[i], pw[i], s);
  y[at] = s + b[o];
}

// dx[n,i] = sum over o of dy[n,o] w[o,i].
KERNEL linear_grad_x(const float* __restrict__ dy, const float* __restrict__ w, float* __restrict__ dx, int n, int in, int out) {
  const int at = place();
  if (at >= n * in) return;
  const int i = at % in;
  const float* p = dy + size_t(at / in) * out;
  float s = 0;
  for (int o = 0; o < out; o++) s = fmaf(p[o], w[size_t(o) * in + i], s);
  dx[at] = s;
}

// dw[v,o,i] = sum over the samples of shard v of x[n,i] dy[n,o].
KERNEL linear_grad_w(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ dw, Segments seg, int in, int out) {
  const int at = place();
  if (at >= seg.shards * out * in) return;
  const int i = at % in, o = at / in % out, v = at / in / out;
  float s = 0;
  for (int j = 0; j < seg.samples(); j++) {
    const size_t n = size_t(seg.sample(v, j));
    s = fmaf(x[n * in + i], dy[n * out + o], s);
  }
  dw[at] = s;
}
