// pixels.cu: 8-bit images become reals in [0,1], cropped, flipped and jittered.
#include "common.cuh"

__device__ __forceinline__ float clamp01(float v) { return v < 0 ? 0.0f : v > 1 ? 1.0f : v; }

// A thread a pixel. place: y0, x0, flipH, flipV of each sample; jitter, brightness and
// saturation, may be null.
KERNEL pixels(const uint8_t* __restrict__ from, const int* __restrict__ places, const float* __restrict__ jitter, float* __restrict__ to, int samples, int length, int size) {
  const int i = place();
  if (i >= samples * size * size) return;
  const int n = i / size / size, h = i / size % size, w = i % size;
  const int* p = places + n * 4;
  const int y = p[0] + (p[3] ? size - 1 - h : h), x = p[1] + (p[2] ? size - 1 - w : w);
  const uint8_t* u = from + ((size_t(n) * length + y) * length + x) * 3;
  float r = __fdiv_rn(float(u[0]), 255.0f), g = __fdiv_rn(float(u[1]), 255.0f), b = __fdiv_rn(float(u[2]), 255.0f);
  if (jitter) {
    const float brightness = jitter[n * 2], saturation = jitter[n * 2 + 1];
    r = clamp01(brightness * r);
    g = clamp01(brightness * g);
    b = clamp01(brightness * b);
    const float grey = 0.299f * r + 0.587f * g + 0.114f * b;
    r = clamp01(grey + saturation * (r - grey));
    g = clamp01(grey + saturation * (g - grey));
    b = clamp01(grey + saturation * (b - grey));
  }
  float* t = to + size_t(i) * 3;
  t[0] = r;
  t[1] = g;
  t[2] = b;
}
