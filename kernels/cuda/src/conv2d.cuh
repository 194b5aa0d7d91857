// conv2d.cuh: the geometry that every convolution shares.
#pragma once
#include "common.cuh"

// Conv is a geometry: x (N,H,W,C), w (K,R,S,C), y (N,P,Q,K).
struct Conv {
  int n, h, w, c, p, q, k, r, s, stride, pad_h, pad_w, reflect;
};

// The coordinates of the padded axis that map to i, in rising order: i itself and,
// under reflection, its images beyond the borders.
struct Images {
  int at[3], count = 0;
  __device__ __forceinline__ Images(int i, int length, int pad, int reflect) {
    if (reflect && i > 0 && i <= pad) at[count++] = -i;
    at[count++] = i;
    if (reflect && i < length - 1 && 2 * length - 2 - i < length + pad) at[count++] = 2 * length - 2 - i;
  }
  // one says whether i lies in the image, and under reflection has no other.
  __device__ __forceinline__ static bool one(int i, int length, int pad) {
    return i >= 0 && i < length && !(i > 0 && i <= pad) && !(i < length - 1 && i > length - 2 - pad);
  }
};

// How the products of all convolutions find their operands.
namespace conv {

// Gather says which pixel of an image stands behind a pixel (y,x) of a grid and a tap
// (i,j): (y*scale + top + i*turn, x*scale + left + j*turn).
struct Gather {
  int h, w, c;  // the image
  int grid_h, grid_w;
  int taps_h, taps_w;
  int scale, top, left, turn, reflect;

  __device__ __forceinline__ int depth() const { return taps_h * taps_w * c; }

  // at is where a channel of the pixel (y,x), which row tap of the kernel reads, lies in
  // its image, or -1 for a zero.
  __device__ __forceinline__ int at(int y, int x, int tap, int channel) const {
    if (reflect) {
      y = y < 0 ? -y : y >= h ? 2 * h - 2 - y : y;
      x = x < 0 ? -x : x >= w ? 2 * w - 2 - x : x;
    }
    const bool inside = tap < taps_h && unsigned(y) < unsigned(h) && unsigned(x) < unsigned(w);
    return inside ? (y * w + x) * c + channel : -1;
  }
};

// Of a convolution: y gathers x.
__device__ __forceinline__ Gather gather_x(const Conv& o) { return {o.h, o.w, o.c, o.p, o.q, o.r, o.s, o.stride, -o.pad_h, -o.pad_w, 1, o.reflect}; }

// Phase is one of the stride*stride parts of a gradient by the input: the pixels
// (stride*y + h, stride*x + w), which only the taps (r + stride*i, s + stride*j) reach.
struct Phase {
  int h, w, r, s;

  __device__ __forceinline__ Phase(const Conv& o, int z) : h(z / o.stride), w(z % o.stride), r((h + o.pad_h) % o.stride), s((w + o.pad_w) % o.stride) {}
  // A phase's pixels gather dy.
  __device__ __forceinline__ Gather gather(const Conv& o) const {
    const int t = o.stride;
    return {o.p, o.q, o.k, (o.h - h + t - 1) / t, (o.w - w + t - 1) / t, max(0, (o.r - r + t - 1) / t), max(0, (o.s - s + t - 1) / t), 1, (h + o.pad_h - r) / t, (w + o.pad_w - s) / t, -1, 0};
  }
};

// Tap is a place in the depth: a tap (i,j) and a channel of it.
struct Tap {
  int i, j, c;
  __device__ __forceinline__ Tap(int depth, int channels, int taps_w) : i(depth / channels / max(1, taps_w)), j(depth / channels % max(1, taps_w)), c(depth % channels) {}
  __device__ __forceinline__ void advance(int n, int channels, int taps_w) {
    for (c += n; c >= channels; c -= channels)
      if (++j == taps_w) j = 0, i++;
  }
};

// Spot walks over the pixels of a shard's grids, sample after sample.
struct Spot {
  int i, sample, y, x;
  __device__ __forceinline__ Spot(int pixel, const Gather& g, const Segments& seg, int shard) : i(pixel / (g.grid_h * g.grid_w)), sample(seg.sample(shard, i)), y(pixel / g.grid_w % g.grid_h), x(pixel % g.grid_w) {}
  __device__ __forceinline__ void advance(int n, const Gather& g, const Segments& seg, int shard) {
    for (x += n; x >= g.grid_w; x -= g.grid_w)
      if (++y == g.grid_h) y = 0, sample = seg.sample(shard, ++i);
  }
};

}  // namespace conv
