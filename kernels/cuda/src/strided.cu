// strided.cu: moving blocks of elements.
#include "common.cuh"

// For o < outer and i < len: y[o*y_step + y_from + i] = x[o*x_step + x_from + i].
KERNEL move(const float* __restrict__ x, float* __restrict__ y, int outer, int len, int x_step, int x_from, int y_step, int y_from) {
  const int at = place();
  if (at >= outer * len) return;
  const int o = at / len, i = at % len;
  y[size_t(o) * y_step + y_from + i] = x[size_t(o) * x_step + x_from + i];
}

// The gradient of a slice: dy at [from, from+len) of every step, zeros elsewhere.
KERNEL slice_grad(const float* __restrict__ dy, float* __restrict__ dx, int outer, int len, int step, int from) {
  const int at = place();
  if (at >= outer * step) return;
  const int o = at / step, i = at % step - from;
  dx[at] = i >= 0 && i < len ? dy[size_t(o) * len + i] : 0;
}

// y[n,h,w,c] = x[n,h,w,c] * s[n,c], with pixels = H*W.
KERNEL scale_channels(const float* x, const float* __restrict__ s, float* y, int n, int pixels, int channels) {
  const int i = place();
  if (i >= n) return;
  y[i] = x[i] * s[i / (pixels * channels) * channels + i % channels];
}

// dx[n,h,w,c] = dy[n,c] / pixels.
KERNEL global_avg_pool_grad(const float* __restrict__ dy, float* __restrict__ dx, int n, int pixels, int channels) {
  const int i = place();
  if (i < n) dx[i] = __fdiv_rn(dy[i / (pixels * channels) * channels + i % channels], float(pixels));
}
