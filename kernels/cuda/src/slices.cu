// slices.cu: gradients by weights whose sums were cut into slices of pixels.
#include "common.cuh"

// dw[i] = the slices' parts of i, added in order.
KERNEL add_slices(const float* __restrict__ part, float* __restrict__ dw, int n, int slices) {
  const int i = place();
  if (i >= n) return;
  float s = part[i];
  for (int k = 1; k < slices; k++) s += part[size_t(k) * n + i];
  dw[i] = s;
}
