// conv2d.cu: convolutions in float32 as implicit products of matrices, their operands
// gathered from images on the way into shared memory. Each result is one chain of
// fused multiply-adds in the order of the contract (kernels/conv2d.go), except that
// the gradient by weights is cut into slices of pixels, which are added in order.
//
// Two shapes of tile: 64 rows by 64 columns, and 256 by 16 for few columns.
#include "conv2d.cuh"

constexpr int kDepth = 16;  // of a tile, along the sum

// Tile is one step of a block's product: its operands in shared memory and each
// thread's 4×4 results.
template <int ROWS, int COLUMNS>
struct Tile {
  static constexpr int kAcross = COLUMNS / 4;  // threads
  static constexpr int kQuadsA = ROWS * kDepth / 4 / kThreads, kQuadsB = COLUMNS * kDepth / 4 / kThreads;
  static_assert(ROWS / 4 * kAcross == kThreads, "a thread for each 4×4 results");

  struct Shared {
    float a[kDepth][ROWS + 4], b[kDepth][COLUMNS + 4];
  };

  float acc[4][4] = {};

  __device__ __forceinline__ static int row() { return threadIdx.x / kAcross * 4; }
  __device__ __forceinline__ static int column() { return threadIdx.x % kAcross * 4; }

  // store writes the thread's results where they lie in a matrix; bias may be null.
  __device__ __forceinline__ void store(float* __restrict__ out, int row0, int column0, int rows, int columns, const float* __restrict__ bias) const {
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 4; j++) {
        const int r = row0 + row() + i, c = column0 + column() + j;
        if (r < rows && c < columns) out[size_t(r) * columns + c] = bias ? acc[i][j] + bias[c] : acc[i][j];
      }
  }

  __device__ __forceinline__ void multiply(const Shared& t) {
#pragma unroll
    for (int d = 0; d < kDepth; d++) {
      const float4 a = *reinterpret_cast<const float4*>(&t.a[d][row()]), b = *reinterpret_cast<const float4*>(&t.b[d][column()]);
      const float av[4] = {a.x, a.y, a.z, a.w}, bv[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) acc[i][j] = fmaf(av[i], bv[j], acc[i][j]);
    }
  }
};

// Quad is four consecutive elements along one axis of an operand.
struct Quad {
  float v[4] = {};
  __device__ __forceinline__ void load(const float* p) {
    const float4 f = *reinterpret_cast<const float4*>(p);
    v[0] = f.x, v[1] = f.y, v[2] = f.z, v[3] = f.w;
  }
};

// Pixel is a row of a matrix whose rows are pixels of (N,rows,columns).
struct Pixel {
  int n, y, x;
  __device__ __forceinline__ Pixel(int i, int rows, int columns) : n(i / columns / rows), y(i / columns % rows), x(i % columns) {}
};

// ---- y = x * w

// Elements depth to depth+3 of the row of x that makes one pixel of y; VECTOR if C is a
// multiple of 4, so that they are of one tap.
template <bool VECTOR>
__device__ __forceinline__ Quad gather_x(const float* __restrict__ x, const Conv& o, const Pixel& m, int depth) {
  Quad quad;
#pragma unroll
  for (int j = 0; j < (VECTOR ? 1 : 4); j++) {
    const int d = depth + j, tap = d / o.c, c = d % o.c;
    if (d >= o.r * o.s * o.c) break;
    const int h = o.source(m.y * o.stride + tap / o.s - o.pad_h, o.h), w = o.source(m.x * o.stride + tap % o.s - o.pad_w, o.w);
    if (h < 0 || w < 0) continue;
    const float* p = x + ((size_t(m.n) * o.h + h) * o.w + w) * o.c + c;
    if (VECTOR) quad.load(p);
    else quad.v[j] = *p;
  }
  return quad;
}

template <int ROWS, int COLUMNS, bool VECTOR>
__device__ __forceinline__ void forward(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ bias, float* __restrict__ y, const Conv& o) {
  using T = Tile<ROWS, COLUMNS>;
  __shared__ __align__(16) typename T::Shared t;
  const int rows = o.n * o.p * o.q, depth = o.r * o.s * o.c, row0 = blockIdx.x * ROWS, column0 = blockIdx.y * COLUMNS;
  T tile;
  for (int d0 = 0; d0 < depth; d0 += kDepth) {
#pragma unroll
    for (int i = 0; i < T::kQuadsA; i++) {
      const int u = threadIdx.x + i * kThreads, row = u / 4, d = u % 4 * 4;
      Quad quad;
      if (row0 + row < rows) quad = gather_x<VECTOR>(x, o, Pixel(row0 + row, o.p, o.q), d0 + d);
#pragma unroll
      for (int j = 0; j < 4; j++) t.a[d + j][row] = quad.v[j];
    }
    for (int u = threadIdx.x; u < COLUMNS * kDepth / 4; u += kThreads) {
      const int column = u / 4, d = u % 4 * 4;
      Quad quad;
      if (column0 + column < o.k) {
        const float* p = w + size_t(column0 + column) * depth + d0 + d;
        if (VECTOR && d0 + d < depth) quad.load(p);
        for (int j = 0; !VECTOR && j < 4 && d0 + d + j < depth; j++) quad.v[j] = p[j];
      }
#pragma unroll
      for (int j = 0; j < 4; j++) t.b[d + j][column] = quad.v[j];
    }
    __syncthreads();
    tile.multiply(t);
    __syncthreads();
  }
  tile.store(y, row0, column0, rows, o.k, bias);
}

// ---- dx = dy * w, turned

// output is the place on the axis of y that reads coordinate i through a tap, or -1.
__device__ __forceinline__ int output(int i, int tap, int pad, int stride, int limit) {
  const int at = i + pad - tap;
  if (at < 0 || at % stride) return -1;
  return at / stride < limit ? at / stride : -1;
}

template <bool VECTOR>
__device__ __forceinline__ Quad gather_dy(const float* __restrict__ dy, const Conv& o, const Pixel& m, int depth) {
  Quad quad;
  const Images hs(m.y, o.h, o.pad_h, o.reflect), ws(m.x, o.w, o.pad_w, o.reflect);
#pragma unroll
  for (int j = 0; j < (VECTOR ? 1 : 4); j++) {
    const int d = depth + j, tap = d / o.k, k = d % o.k;
    if (d >= o.r * o.s * o.k) break;
#pragma unroll 1
    for (int a = 0; a < hs.count; a++) {
      const int p = output(hs.at[a], tap / o.s, o.pad_h, o.stride, o.p);
#pragma unroll 1
      for (int b = 0; b < ws.count; b++) {
        const int q = output(ws.at[b], tap % o.s, o.pad_w, o.stride, o.q);
        if (p < 0 || q < 0) continue;
        const float* from = dy + ((size_t(m.n) * o.p + p) * o.q + q) * o.k + k;
        if (!VECTOR) {
          quad.v[j] += *from;
          continue;
        }
        Quad more;
        more.load(from);
        for (int e = 0; e < 4; e++) quad.v[e] += more.v[e];
      }
    }
  }
  return quad;
}

template <int ROWS, int COLUMNS, bool VECTOR>
__device__ __forceinline__ void gradient_x(const float* __restrict__ dy, const float* __restrict__ w, const float* __restrict__ bias, float* __restrict__ dx, const Conv& o) {
  using T = Tile<ROWS, COLUMNS>;
  __shared__ __align__(16) typename T::Shared t;
  const int rows = o.n * o.h * o.w, taps = o.r * o.s, depth = taps * o.k, row0 = blockIdx.x * ROWS, column0 = blockIdx.y * COLUMNS;
  T tile;
  for (int d0 = 0; d0 < depth; d0 += kDepth) {
#pragma unroll 1  // sums over images take registers
    for (int i = 0; i < T::kQuadsA; i++) {
      const int u = threadIdx.x + i * kThreads, row = u / 4, d = u % 4 * 4;
      Quad quad;
      if (row0 + row < rows) quad = gather_dy<VECTOR>(dy, o, Pixel(row0 + row, o.h, o.w), d0 + d);
#pragma unroll
      for (int j = 0; j < 4; j++) t.a[d + j][row] = quad.v[j];
    }
    for (int u = threadIdx.x; u < COLUMNS * kDepth; u += kThreads) {
      const int d = u / COLUMNS, column = u % COLUMNS, tap = (d0 + d) / o.k, k = (d0 + d) % o.k;
      t.b[d][column] = d0 + d < depth && column0 + column < o.c ? w[(size_t(k) * taps + tap) * o.c + column0 + column] : 0;
    }
    __syncthreads();
    tile.multiply(t);
    __syncthreads();
  }
  tile.store(dx, row0, column0, rows, o.c, nullptr);
}

// ---- dw = x * dy, over the pixels of one slice of one shard

template <int ROWS, int COLUMNS>
__device__ __forceinline__ void gradient_w(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ dw, const Conv& o, const Segments& seg, int slice) {
  using T = Tile<ROWS, COLUMNS>;
  __shared__ __align__(16) typename T::Shared t;
  const int columns = o.r * o.s * o.c, area = o.p * o.q, row0 = blockIdx.x * ROWS, column0 = blockIdx.y * COLUMNS;
  const int v = blockIdx.z % seg.shards, from = blockIdx.z / seg.shards * slice, end = min(from + slice, seg.samples() * area);
  T tile;
  for (int d0 = from; d0 < end; d0 += kDepth) {
    for (int u = threadIdx.x; u < ROWS * kDepth; u += kThreads) {
      const int d = d0 + u / ROWS, row = u % ROWS;
      t.a[u / ROWS][row] = d < end && row0 + row < o.k ? dy[(size_t(seg.sample(v, d / area)) * area + d % area) * o.k + row0 + row] : 0;
    }
    for (int u = threadIdx.x; u < COLUMNS * kDepth; u += kThreads) {
      const int d = d0 + u / COLUMNS, column = column0 + u % COLUMNS;
      float f = 0;
      if (d < end && column < columns) {
        const int tap = column / o.c, rest = d % area;
        const int h = o.source(rest / o.q * o.stride + tap / o.s - o.pad_h, o.h), w = o.source(rest % o.q * o.stride + tap % o.s - o.pad_w, o.w);
        if (h >= 0 && w >= 0) f = x[((size_t(seg.sample(v, d / area)) * o.h + h) * o.w + w) * o.c + column % o.c];
      }
      t.b[u / COLUMNS][u % COLUMNS] = f;
    }
    __syncthreads();
    tile.multiply(t);
    __syncthreads();
  }
  tile.store(dw + size_t(blockIdx.z) * o.k * columns, row0, column0, o.k, columns, nullptr);
}

// dw[i] = the slices' parts of i, added in order.
KERNEL add_slices(const float* __restrict__ part, float* __restrict__ dw, int n, int slices) {
  const int i = place();
  if (i >= n) return;
  float s = part[i];
  for (int k = 1; k < slices; k++) s += part[size_t(k) * n + i];
  dw[i] = s;
}

// The kernels: wide is 64×64, slim 256×16; 4 means vectors of four channels.
#define CONV_KERNELS(name, function)                                                                                                                                                                              \
  KERNEL __launch_bounds__(kThreads) name##_wide(const float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ bias, float* __restrict__ out, Conv o) { function<64, 64, false>(a, b, bias, out, o); }   \
  KERNEL __launch_bounds__(kThreads) name##_wide4(const float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ bias, float* __restrict__ out, Conv o) { function<64, 64, true>(a, b, bias, out, o); }   \
  KERNEL __launch_bounds__(kThreads) name##_slim(const float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ bias, float* __restrict__ out, Conv o) { function<256, 16, false>(a, b, bias, out, o); }  \
  KERNEL __launch_bounds__(kThreads) name##_slim4(const float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ bias, float* __restrict__ out, Conv o) { function<256, 16, true>(a, b, bias, out, o); }
CONV_KERNELS(conv2d, forward)
CONV_KERNELS(conv2d_grad_x, gradient_x)

KERNEL __launch_bounds__(kThreads) conv2d_grad_w_wide(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ dw, Conv o, Segments seg, int slice) { gradient_w<64, 64>(x, dy, dw, o, seg, slice); }
KERNEL __launch_bounds__(kThreads) conv2d_grad_w_slim(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ dw, Conv o, Segments seg, int slice) { gradient_w<256, 16>(x, dy, dw, o, seg, slice); }
