// conv2d_mma.cuh: what brings images and weights of bf16 into shared memory, as
// operands of a product (mma.cuh). Where the channels are a multiple of eight, a chunk
// of eight lies in one place and is copied asynchronously; else it is put together
// element by element, by loads and a store.
#pragma once
#include "conv2d.cuh"
#include "mma.cuh"

namespace mma {

using namespace conv;

// Pixels brings gathered pixels as rows, with taps and channels as depth.
template <class OPERAND, int THREADS, bool VECTOR>
struct Pixels {
  static constexpr int kAcross = OPERAND::kChunks, kMine = OPERAND::kAll / THREADS;
  static_assert(OPERAND::kAll % THREADS == 0 && THREADS % kAcross == 0, "as many chunks for each thread, at one place of the depth");

  const Gather& g;
  const bf16* image[kMine];
  int y[kMine], x[kMine];  // of tap (0,0)
  int depth;               // where the thread's chunks start
  Tap tap;

  __device__ __forceinline__ Pixels(const bf16* __restrict__ images, const Gather& gather, int row0, int rows)
      : g(gather), depth(int(threadIdx.x) % kAcross * kChunk), tap(depth, gather.c, gather.taps_w) {
#pragma unroll
    for (int m = 0; m < kMine; m++) {
      const int row = row0 + (threadIdx.x + m * THREADS) / kAcross, n = row / g.grid_w / g.grid_h;
      const bool real = row < rows;
      image[m] = images + (real ? size_t(n) * g.h * g.w * g.c : 0);
      y[m] = real ? row / g.grid_w % g.grid_h * g.scale + g.top : 1 << 24;  // beyond every image
      x[m] = row % g.grid_w * g.scale + g.left;
    }
  }

  __device__ __forceinline__ int at(int m, const Tap& t) const { return g.at(y[m] + t.i * g.turn, x[m] + t.j * g.turn, t.i, t.c); }

  __device__ __forceinline__ void load(unsigned char* shared, uint32_t base) {
#pragma unroll
    for (int m = 0; m < kMine; m++) {
      const uint32_t to = seat<kAcross>((threadIdx.x + m * THREADS) / kAcross, int(threadIdx.x) % kAcross);
      if constexpr (VECTOR) {
        const int from = at(m, tap);
        cp_async_16(base + to, image[m] + max(from, 0), from < 0 ? 0 : 16);
      } else {
        Pack p;
        Tap t = tap;
#pragma unroll
        for (int e = 0; e < kChunk; e++) {
          const int from = at(m, t);
          p.v[e] = from < 0 ? zero() : image[m][from];
          t.advance(1, g.c, g.taps_w);
        }
        p.put(shared + to);
      }
    }
    depth += kStep;
    if (VECTOR) tap.advance(kStep, g.c, g.taps_w);
    else tap = Tap(depth, g.c, g.taps_w);
  }
};

// Padding is where a gradient by the input goes under reflection: pixels that no other
// pixel is added to go to the image, the others to the padded image, for a second
// kernel. o is the convolution of the padded image without padding.
struct Padding {
  bf16 *dx, *padded;
  int h, w;  // the padding

  __device__ __forceinline__ bf16* at(const Conv& o, int n, int y, int x) const {
    if (!padded) return dx + ((size_t(n) * o.h + y) * o.w + x) * o.c;
    const int height = o.h - 2 * h, width = o.w - 2 * w, inner_y = y - h, inner_x = x - w;
    const bool alone = Images::one(inner_y, height, h) && Images::one(inner_x, width, w);
    return alone ? dx + ((size_t(n) * height + inner_y) * width + inner_x) * o.c : padded + ((size_t(n) * o.h + y) * o.w + x) * o.c;
  }
};

// Filters brings weights (K,depth) as columns, their depth along rows.
template <class OPERAND, int THREADS, bool VECTOR>
struct Filters {
  static constexpr int kAcross = OPERAND::kChunks, kMine = (OPERAND::kAll + THREADS - 1) / THREADS;

  const bf16* w;
  int column0, columns, all, depth;

  __device__ __forceinline__ Filters(const bf16* __restrict__ weights, int column, int k, int length) : w(weights), column0(column), columns(k), all(length), depth(int(threadIdx.x) % kAcross * kChunk) {}

  __device__ __forceinline__ void load(unsigned char* shared, uint32_t base) {
#pragma unroll
    for (int m = 0; m < kMine; m++) {
      const int u = threadIdx.x + m * THREADS, column = column0 + u / kAcross;
      if (u >= OPERAND::kAll) continue;
      const uint32_t to = seat<kAcross>(u / kAcross, u % kAcross);
      const bool real = column < columns;
      const bf16* from = w + (real ? size_t(column) * all : 0);
      if constexpr (VECTOR) {
        cp_async_16(base + to, from + (depth < all ? depth : 0), real && depth < all ? 16 : 0);
      } else {
        Pack p;
#pragma unroll
        for (int e = 0; e < kChunk; e++) p.v[e] = real && depth + e < all ? from[depth + e] : zero();
        p.put(shared + to);
      }
    }
    depth += kStep;
  }
};

// TurnedFilters brings the weights (K,R,S,C) of a phase as columns of C, with taps and K as
// depth along columns: a row of a stage is one filter's tap.
template <class OPERAND, int THREADS, bool VECTOR>
struct TurnedFilters {
  static constexpr int kAcross = OPERAND::kChunks, kMine = (OPERAND::kAll + THREADS - 1) / THREADS;
  static_assert(THREADS % kAcross == 0, "a thread's chunks are of the same columns");

  const Conv& o;
  const Gather& g;
  const bf16* w;  // of the phase's first tap
  int column;
  Tap tap;

  __device__ __forceinline__ TurnedFilters(const bf16* __restrict__ weights, const Conv& conv, const Gather& gather, const Phase& phase, int column0)
      : o(conv), g(gather), w(weights + (size_t(phase.r) * conv.s + phase.s) * conv.c), column(column0 + int(threadIdx.x) % kAcross * kChunk), tap(threadIdx.x / kAcross, gather.c, gather.taps_w) {}

  __device__ __forceinline__ void load(unsigned char* shared, uint32_t base) {
    Tap t = tap;
#pragma unroll
    for (int m = 0; m < kMine; m++) {
      if (m) t.advance(THREADS / kAcross, g.c, g.taps_w);
      const int u = threadIdx.x + m * THREADS;
      if (u >= OPERAND::kAll) continue;
      const uint32_t to = seat<kAcross>(u / kAcross, u % kAcross);
      const bool real = t.i < g.taps_h && column < o.c;
      const bf16* from = w + (real ? ((size_t(t.c) * o.r + t.i * o.stride) * o.s + t.j * o.stride) * o.c + column : 0);
      if constexpr (VECTOR) {
        cp_async_16(base + to, from, real ? 16 : 0);
      } else {
        Pack p;
#pragma unroll
        for (int e = 0; e < kChunk; e++) p.v[e] = real && column + e < o.c ? from[e] : zero();
        p.put(shared + to);
      }
    }
    tap.advance(kStep, g.c, g.taps_w);
  }
};

// TurnedPixels brings taps and channels of gathered pixels as rows or columns, with
// the pixels of one shard, from one to before another, as depth along them.
template <class OPERAND, int THREADS, bool VECTOR>
struct TurnedPixels {
  static constexpr int kAcross = OPERAND::kChunks, kMine = (OPERAND::kAll + THREADS - 1) / THREADS;
  static_assert(THREADS % kAcross == 0, "a thread's chunks are of the same tap");

  const Gather& g;
  const bf16* images;
  const Segments& seg;
  int shard, depth, end;
  Tap tap;
  Spot spot;

  __device__ __forceinline__ TurnedPixels(const bf16* __restrict__ all, const Gather& gather, const Segments& segments, int v, int from, int to, int first)
      : g(gather), images(all), seg(segments), shard(v), depth(from + int(threadIdx.x) / kAcross), end(to), tap(first + int(threadIdx.x) % kAcross * kChunk, gather.c, gather.taps_w), spot(depth, gather, segments, v) {}

  __device__ __forceinline__ int at(const Spot& s, const Tap& t) const { return g.at(s.y * g.scale + g.top + t.i * g.turn, s.x * g.scale + g.left + t.j * g.turn, t.i, t.c); }

  __device__ __forceinline__ void load(unsigned char* shared, uint32_t base) {
    Spot s = spot;
#pragma unroll
    for (int m = 0; m < kMine; m++) {
      if (m) s.advance(THREADS / kAcross, g, seg, shard);
      const int u = threadIdx.x + m * THREADS;
      if (u >= OPERAND::kAll) continue;
      const uint32_t to = seat<kAcross>(u / kAcross, u % kAcross);
      const bool real = depth + m * (THREADS / kAcross) < end;
      const bf16* image = images + (real ? size_t(s.sample) * g.h * g.w * g.c : 0);
      if constexpr (VECTOR) {
        const int from = real ? at(s, tap) : -1;
        cp_async_16(base + to, image + max(from, 0), from < 0 ? 0 : 16);
      } else {
        Pack p;
        Tap t = tap;
#pragma unroll
        for (int e = 0; e < kChunk; e++) {
          const int from = real ? at(s, t) : -1;
          p.v[e] = from < 0 ? zero() : image[from];
          t.advance(1, g.c, g.taps_w);
        }
        p.put(shared + to);
      }
    }
    depth += kStep;
    spot.advance(kStep, g, seg, shard);
  }
};

}  // namespace mma
