// optim.cu: one step of an optimizer for a whole group of weights, in place. Behind a
// loss that was not finite the guard is set, and updates leave everything as it is.
#include "common.cuh"

// hyper: lr / (1 - beta1^t), sqrt(1 - beta2^t).
KERNEL adam(const float* w, const float* m, const float* v, const float* __restrict__ g, const float* __restrict__ hyper, float* new_w, float* new_m, float* new_v, const int* __restrict__ guard, int n, float beta1, float rest1, float beta2, float rest2, float eps) {
  const int i = place();
  if (i >= n || *guard) return;
  const float d = g[i], m1 = beta1 * m[i] + rest1 * d, v1 = beta2 * v[i] + rest2 * d * d;
  new_m[i] = m1;
  new_v[i] = v1;
  new_w[i] = w[i] - __fdiv_rn(hyper[0] * m1, __fdiv_rn(__fsqrt_rn(v1), hyper[1]) + eps);
}

// hyper: lr.
KERNEL sgd(const float* w, const float* m, const float* __restrict__ g, const float* __restrict__ hyper, float* new_w, float* new_m, const int* __restrict__ guard, int n, float momentum) {
  const int i = place();
  if (i >= n || *guard) return;
  const float m1 = momentum * m[i] + g[i];
  new_m[i] = m1;
  new_w[i] = w[i] - hyper[0] * m1;
}

// hyper: lr.
KERNEL adagrad(const float* w, const float* s, const float* __restrict__ g, const float* __restrict__ hyper, float* new_w, float* new_s, const int* __restrict__ guard, int n, float eps) {
  const int i = place();
  if (i >= n || *guard) return;
  const float d = g[i], s1 = s[i] + d * d;
  new_s[i] = s1;
  new_w[i] = w[i] - hyper[0] * __fdiv_rn(d, __fsqrt_rn(s1) + eps);
}

// g = g + rate*w, before an optimizer.
KERNEL weight_decay(const float* g, const float* __restrict__ w, float* new_g, const int* __restrict__ guard, int n, float rate) {
  const int i = place();
  if (i >= n || *guard) return;
  new_g[i] = g[i] + rate * w[i];
}

// trip sets the guard if a loss is not finite. Nothing but a new state clears it.
KERNEL trip(const float* __restrict__ loss, int* guard, int n) {
  const int i = place();
  if (i < n && !(fabsf(loss[i]) < INFINITY)) *guard = 1;
}
