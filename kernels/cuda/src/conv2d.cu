// conv2d.cu: convolutions in float32 as implicit products of matrices, their operands
// gathered from images on the way into shared memory. Each result is one chain of
// fused multiply-adds in the order of the contract (kernels/conv2d.go), whatever the tile,
// except that the gradient by weights is cut into slices of pixels, which are added in order.
//
// While a block multiplies one stage of 16 elements of the depth, the next is on its way into
// registers. Loaders mirror those of bf16 (conv2d_mma.cuh), four elements at a time.
#include "conv2d.cuh"

namespace direct {

using namespace conv;

constexpr int kDepth = 16;  // of a stage, along the sum

// Quad is four consecutive elements along one axis of an operand.
struct Quad {
  float v[4];
  __device__ __forceinline__ Quad() : v{0, 0, 0, 0} {}
  __device__ __forceinline__ void load(const float* p) {
    const float4 f = *reinterpret_cast<const float4*>(p);
    v[0] = f.x, v[1] = f.y, v[2] = f.z, v[3] = f.w;
  }
};

// Side is one operand of a tile: SIZE rows or columns of a stage. A quad runs along the depth,
// or across it.
template <int SIZE, bool ALONG>
struct Side {
  static constexpr int kSize = SIZE, kQuads = SIZE * kDepth / 4, kMine = (kQuads + kThreads - 1) / kThreads;
  static constexpr int kAcross = ALONG ? kDepth / 4 : SIZE / 4;  // quads side by side
  static constexpr int kApart = kThreads / kAcross;              // from a thread's quad to its next
  static_assert(kThreads % kAcross == 0, "a thread's quads stand below each other");
  using Stage = float[kDepth][SIZE + 4];

  __device__ __forceinline__ static int across() { return int(threadIdx.x) % kAcross * 4; }
  __device__ __forceinline__ static int down(int m) { return int(threadIdx.x) / kAcross + m * kApart; }
  __device__ __forceinline__ static bool real(int m) { return kQuads % kThreads == 0 || int(threadIdx.x) + m * kThreads < kQuads; }

  __device__ __forceinline__ static void put(Stage& s, int m, const Quad& q) {
    if (!ALONG) {
      *reinterpret_cast<float4*>(&s[down(m)][across()]) = make_float4(q.v[0], q.v[1], q.v[2], q.v[3]);
      return;
    }
#pragma unroll
    for (int j = 0; j < 4; j++) s[across() + j][down(m)] = q.v[j];
  }
};

// Tile is ROWS × COLUMNS results of a block; a thread has 4×4 of them, or four such squares.
template <int ROWS, int COLUMNS, bool ALONG_A, bool ALONG_B>
struct Tile {
  using A = Side<ROWS, ALONG_A>;
  using B = Side<COLUMNS, ALONG_B>;
  static constexpr int kRows = ROWS, kColumns = COLUMNS;
  static constexpr int kAcross = COLUMNS < 64 ? COLUMNS / 4 : 16, kDown = kThreads / kAcross;  // threads
  static constexpr int kTall = ROWS / 4 / kDown, kWide = COLUMNS / 4 / kAcross;                // squares
  static_assert(kTall * kDown * 4 == ROWS && kWide * kAcross * 4 == COLUMNS, "threads cover the tile");

  struct Shared {
    typename A::Stage a[2];
    typename B::Stage b[2];
  };

  float acc[kTall * 4][kWide * 4] = {};

  __device__ __forceinline__ static int row(int i) { return (i * kDown + int(threadIdx.x) / kAcross) * 4; }
  __device__ __forceinline__ static int column(int j) { return (j * kAcross + int(threadIdx.x) % kAcross) * 4; }

  // run makes the product over so many stages.
  template <class LOAD_A, class LOAD_B>
  __device__ __forceinline__ void run(Shared& t, int stages, LOAD_A& a, LOAD_B& b) {
    Quad qa[A::kMine], qb[B::kMine];
    const auto fetch = [&] {
      a.next(qa);
      b.next(qb);
    };
    const auto put = [&](int stage) {
#pragma unroll
      for (int m = 0; m < A::kMine; m++)
        if (A::real(m)) A::put(t.a[stage], m, qa[m]);
#pragma unroll
      for (int m = 0; m < B::kMine; m++)
        if (B::real(m)) B::put(t.b[stage], m, qb[m]);
    };
    fetch();
    put(0);
    __syncthreads();
#pragma unroll 1
    for (int i = 0; i < stages; i++) {
      if (i + 1 < stages) fetch();
      multiply(t.a[i & 1], t.b[i & 1]);
      if (i + 1 < stages) put((i + 1) & 1);
      __syncthreads();  // the next stage is there, and nobody reads this one any more
    }
  }

  __device__ __forceinline__ void multiply(const typename A::Stage& a, const typename B::Stage& b) {
#pragma unroll
    for (int d = 0; d < kDepth; d++) {
      Quad x[kTall], y[kWide];
#pragma unroll
      for (int i = 0; i < kTall; i++) x[i].load(&a[d][row(i)]);
#pragma unroll
      for (int j = 0; j < kWide; j++) y[j].load(&b[d][column(j)]);
#pragma unroll
      for (int i = 0; i < kTall * 4; i++)
#pragma unroll
        for (int j = 0; j < kWide * 4; j++) acc[i][j] = fmaf(x[i / 4].v[i % 4], y[j / 4].v[j % 4], acc[i][j]);
    }
  }

  // store writes the thread's results; where gives the address of a row of the tile, or null,
  // and bias may be null.
  template <class WHERE>
  __device__ __forceinline__ void store(int column0, int columns, const float* __restrict__ bias, WHERE where) const {
    const bool whole = columns % 4 == 0;
#pragma unroll
    for (int i = 0; i < kTall * 4; i++) {
      float* to = where(row(i / 4) + i % 4);
      if (!to) continue;
#pragma unroll
      for (int j = 0; j < kWide; j++) {
        const int c = column0 + column(j);
        float v[4];
#pragma unroll
        for (int e = 0; e < 4; e++) v[e] = bias && c + e < columns ? acc[i][j * 4 + e] + bias[c + e] : acc[i][j * 4 + e];
        if (whole) {
          if (c < columns) *reinterpret_cast<float4*>(to + c) = make_float4(v[0], v[1], v[2], v[3]);
          continue;
        }
#pragma unroll
        for (int e = 0; e < 4; e++)
          if (c + e < columns) to[c + e] = v[e];
      }
    }
  }
};

// Each loader's next fills a thread's quads of the next stage.

// Pixels brings gathered pixels as rows, with taps and channels as depth; VECTOR if channels
// come in fours.
template <class SIDE, bool VECTOR>
struct Pixels {
  const Gather& g;
  const float* image[SIDE::kMine];
  int y[SIDE::kMine], x[SIDE::kMine];  // of tap (0,0)
  int depth;
  Tap tap;

  __device__ __forceinline__ Pixels(const float* __restrict__ images, const Gather& gather, int row0, int rows) : g(gather), depth(SIDE::across()), tap(depth, gather.c, gather.taps_w) {
#pragma unroll
    for (int m = 0; m < SIDE::kMine; m++) {
      const int row = row0 + SIDE::down(m), n = row / g.grid_w / g.grid_h;
      const bool real = row < rows;
      image[m] = images + (real ? size_t(n) * g.h * g.w * g.c : 0);
      y[m] = real ? row / g.grid_w % g.grid_h * g.scale + g.top : 1 << 24;  // beyond every image
      x[m] = row % g.grid_w * g.scale + g.left;
    }
  }

  __device__ __forceinline__ void next(Quad (&q)[SIDE::kMine]) {
#pragma unroll
    for (int m = 0; m < SIDE::kMine; m++) {
      q[m] = Quad();
      Tap t = tap;
#pragma unroll
      for (int e = 0; e < (VECTOR ? 1 : 4); e++) {
        const int from = g.at(y[m] + t.i * g.turn, x[m] + t.j * g.turn, t.i, t.c);
        if (from >= 0) {
          if (VECTOR) q[m].load(image[m] + from);
          else q[m].v[e] = image[m][from];
        }
        if (!VECTOR) t.advance(1, g.c, g.taps_w);
      }
    }
    depth += kDepth;
    if (VECTOR) tap.advance(kDepth, g.c, g.taps_w);
    else tap = Tap(depth, g.c, g.taps_w);
  }
};

// output is the place on the axis of y that reads coordinate i through a tap, or -1.
__device__ __forceinline__ int output(int i, int tap, int pad, int stride, int limit) {
  const int at = i + pad - tap;
  if (at < 0 || at % stride) return -1;
  return at / stride < limit ? at / stride : -1;
}

// Mirrored brings what a gradient by the input gathers under reflection: for each tap the
// pixels of dy that meet in one of dx, added in the order of the contract.
template <class SIDE, bool VECTOR>
struct Mirrored {
  const Conv& o;
  const float* dy;
  int row0, rows, depth;
  Tap tap;

  __device__ __forceinline__ Mirrored(const float* __restrict__ images, const Conv& conv, int first, int all) : o(conv), dy(images), row0(first), rows(all), depth(SIDE::across()), tap(depth, conv.k, conv.s) {}

  __device__ __forceinline__ void next(Quad (&q)[SIDE::kMine]) {
#pragma unroll
    for (int m = 0; m < SIDE::kMine; m++) {
      Quad sum;
      const int row = row0 + SIDE::down(m);
      if (row < rows) gather(sum, row);
      q[m] = sum;
    }
    depth += kDepth;
    if (VECTOR) tap.advance(kDepth, o.k, o.s);
    else tap = Tap(depth, o.k, o.s);
  }

  __device__ __forceinline__ void gather(Quad& sum, int row) const {
    const float* image = dy + size_t(row / o.w / o.h) * o.p * o.q * o.k;
    const Images hs(row / o.w % o.h, o.h, o.pad_h, 1), ws(row % o.w, o.w, o.pad_w, 1);
    Tap t = tap;
#pragma unroll
    for (int e = 0; e < (VECTOR ? 1 : 4); e++) {
#pragma unroll 1
      for (int a = 0; a < hs.count && t.i < o.r; a++) {
        const int p = output(hs.at[a], t.i, o.pad_h, o.stride, o.p);
#pragma unroll 1
        for (int b = 0; b < ws.count; b++) {
          const int q = output(ws.at[b], t.j, o.pad_w, o.stride, o.q);
          if (p < 0 || q < 0) continue;
          const float* from = image + (size_t(p) * o.q + q) * o.k + t.c;
          if (!VECTOR) {
            sum.v[e] += *from;
            continue;
          }
          Quad more;
          more.load(from);
#pragma unroll
          for (int j = 0; j < 4; j++) sum.v[j] += more.v[j];
        }
      }
      if (!VECTOR) t.advance(1, o.k, o.s);
    }
  }
};

// Filters brings weights (K,depth) as columns, their depth along rows.
template <class SIDE, bool VECTOR>
struct Filters {
  const float* w;
  int column0, columns, all, depth;

  __device__ __forceinline__ Filters(const float* __restrict__ weights, int column, int k, int length) : w(weights), column0(column), columns(k), all(length), depth(SIDE::across()) {}

  __device__ __forceinline__ void next(Quad (&q)[SIDE::kMine]) {
#pragma unroll
    for (int m = 0; m < SIDE::kMine; m++) {
      q[m] = Quad();
      const int column = column0 + SIDE::down(m);
      if (!SIDE::real(m) || column >= columns) continue;
      const float* from = w + size_t(column) * all + depth;
      if (VECTOR) {
        if (depth < all) q[m].load(from);
        continue;
      }
#pragma unroll
      for (int e = 0; e < 4; e++)
        if (depth + e < all) q[m].v[e] = from[e];
    }
    depth += kDepth;
  }
};

// TurnedFilters brings the weights (K,R,S,C) of a phase as columns of C, with taps and K as
// depth along columns.
template <class SIDE, bool VECTOR>
struct TurnedFilters {
  const Conv& o;
  const float* w;  // of the phase's first tap
  int taps_h, taps_w, step, column;
  Tap tap;

  // Every step-th tap is the phase's, from (r,s).
  __device__ __forceinline__ TurnedFilters(const float* __restrict__ weights, const Conv& conv, int r, int s, int th, int tw, int apart, int column0)
      : o(conv), w(weights + (size_t(r) * conv.s + s) * conv.c), taps_h(th), taps_w(tw), step(apart), column(column0 + SIDE::across()), tap(SIDE::down(0), conv.k, tw) {}

  __device__ __forceinline__ void next(Quad (&q)[SIDE::kMine]) {
    Tap t = tap;
#pragma unroll
    for (int m = 0; m < SIDE::kMine; m++) {
      q[m] = Quad();
      if (m) t.advance(SIDE::kApart, o.k, taps_w);
      if (!SIDE::real(m) || t.i >= taps_h || column >= o.c) continue;
      const float* from = w + ((size_t(t.c) * o.r + t.i * step) * o.s + t.j * step) * o.c + column;
      if (VECTOR) {
        q[m].load(from);
        continue;
      }
#pragma unroll
      for (int e = 0; e < 4; e++)
        if (column + e < o.c) q[m].v[e] = from[e];
    }
    tap.advance(kDepth, o.k, taps_w);
  }
};

// TurnedPixels brings taps and channels of gathered pixels as rows or columns, with the pixels
// of one shard, from one to before another, as depth along them.
template <class SIDE, bool VECTOR>
struct TurnedPixels {
  const Gather& g;
  const float* images;
  const Segments& seg;
  int shard, depth, end;
  Tap tap;
  Spot spot;

  __device__ __forceinline__ TurnedPixels(const float* __restrict__ all, const Gather& gather, const Segments& segments, int v, int from, int to, int first)
      : g(gather), images(all), seg(segments), shard(v), depth(from + SIDE::down(0)), end(to), tap(first + SIDE::across(), gather.c, gather.taps_w), spot(depth, gather, segments, v) {}

  __device__ __forceinline__ void next(Quad (&q)[SIDE::kMine]) {
    Spot s = spot;
#pragma unroll
    for (int m = 0; m < SIDE::kMine; m++) {
      q[m] = Quad();
      if (m) s.advance(SIDE::kApart, g, seg, shard);
      if (!SIDE::real(m) || depth + m * SIDE::kApart >= end) continue;
      const float* image = images + size_t(s.sample) * g.h * g.w * g.c;
      Tap t = tap;
#pragma unroll
      for (int e = 0; e < (VECTOR ? 1 : 4); e++) {
        const int from = g.at(s.y * g.scale + g.top + t.i, s.x * g.scale + g.left + t.j, t.i, t.c);
        if (from >= 0) {
          if (VECTOR) q[m].load(image + from);
          else q[m].v[e] = image[from];
        }
        if (!VECTOR) t.advance(1, g.c, g.taps_w);
      }
    }
    depth += kDepth;
    spot.advance(kDepth, g, seg, shard);
  }
};

// y = x * w: pixels of y by K.
template <int ROWS, int COLUMNS, bool VECTOR>
__device__ __forceinline__ void forward(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ bias, float* __restrict__ y, const Conv& o) {
  using T = Tile<ROWS, COLUMNS, true, true>;
  __shared__ __align__(16) typename T::Shared shared;
  const Gather g = gather_x(o);
  const int rows = o.n * o.p * o.q, row0 = blockIdx.x * ROWS, column0 = blockIdx.y * COLUMNS;
  Pixels<typename T::A, VECTOR> a(x, g, row0, rows);
  Filters<typename T::B, VECTOR> b(w, column0, o.k, g.depth());
  T tile;
  tile.run(shared, (g.depth() + kDepth - 1) / kDepth, a, b);
  tile.store(column0, o.k, bias, [&](int r) { return row0 + r < rows ? y + size_t(row0 + r) * o.k : nullptr; });
}

// dx = dy * w, turned: pixels of one phase of dx by C.
template <int ROWS, int COLUMNS, bool VECTOR_A, bool VECTOR_B>
__device__ __forceinline__ void gradient_x(const float* __restrict__ dy, const float* __restrict__ w, float* __restrict__ dx, const Conv& o) {
  using T = Tile<ROWS, COLUMNS, true, false>;
  __shared__ __align__(16) typename T::Shared shared;
  const Phase phase(o, blockIdx.z);
  const Gather g = phase.gather(o);
  const int rows = o.n * g.grid_h * g.grid_w, row0 = blockIdx.x * ROWS, column0 = blockIdx.y * COLUMNS;
  if (row0 >= rows) return;  // of a smaller phase
  Pixels<typename T::A, VECTOR_A> a(dy, g, row0, rows);
  TurnedFilters<typename T::B, VECTOR_B> b(w, o, phase.r, phase.s, g.taps_h, g.taps_w, o.stride, column0);
  T tile;
  tile.run(shared, (g.depth() + kDepth - 1) / kDepth, a, b);
  tile.store(column0, o.c, nullptr, [&](int r) -> float* {
    const int i = row0 + r, n = i / g.grid_w / g.grid_h, h = i / g.grid_w % g.grid_h * o.stride + phase.h, x = i % g.grid_w * o.stride + phase.w;
    return i < rows ? dx + ((size_t(n) * o.h + h) * o.w + x) * o.c : nullptr;
  });
}

// The same under reflection, all taps at once.
template <int ROWS, int COLUMNS, bool VECTOR_A, bool VECTOR_B>
__device__ __forceinline__ void mirrored_x(const float* __restrict__ dy, const float* __restrict__ w, float* __restrict__ dx, const Conv& o) {
  using T = Tile<ROWS, COLUMNS, true, false>;
  __shared__ __align__(16) typename T::Shared shared;
  const int rows = o.n * o.h * o.w, row0 = blockIdx.x * ROWS, column0 = blockIdx.y * COLUMNS;
  Mirrored<typename T::A, VECTOR_A> a(dy, o, row0, rows);
  TurnedFilters<typename T::B, VECTOR_B> b(w, o, 0, 0, o.r, o.s, 1, column0);
  T tile;
  tile.run(shared, (o.r * o.s * o.k + kDepth - 1) / kDepth, a, b);
  tile.store(column0, o.c, nullptr, [&](int r) { return row0 + r < rows ? dx + size_t(row0 + r) * o.c : nullptr; });
}

// dw = x * dy: K by taps and channels, over the pixels of one slice of one shard.
template <int ROWS, int COLUMNS, bool VECTOR_A, bool VECTOR_B>
__device__ __forceinline__ void gradient_w(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ dw, const Conv& o, const Segments& seg, int slice) {
  using T = Tile<ROWS, COLUMNS, false, false>;
  __shared__ __align__(16) typename T::Shared shared;
  const Gather g = gather_x(o), flat = {o.p, o.q, o.k, o.p, o.q, 1, 1, 1, 0, 0, 1, 0};
  const int columns = g.depth(), row0 = blockIdx.x * ROWS, column0 = blockIdx.y * COLUMNS;
  const int v = blockIdx.z % seg.shards, from = blockIdx.z / seg.shards * slice, end = min(from + slice, seg.samples() * o.p * o.q);
  TurnedPixels<typename T::A, VECTOR_A> a(dy, flat, seg, v, from, end, row0);
  TurnedPixels<typename T::B, VECTOR_B> b(x, g, seg, v, from, end, column0);
  T tile;
  tile.run(shared, (end - from + kDepth - 1) / kDepth, a, b);
  dw += size_t(blockIdx.z) * o.k * columns;
  tile.store(column0, columns, nullptr, [&](int r) { return row0 + r < o.k ? dw + size_t(row0 + r) * columns : nullptr; });
}

}  // namespace direct

// The tiles, named rows by columns: _ab for operands whose channels come in fours (a: the
// first, b: the second). Go's choice among them is conv2d.go.
#define FORWARD(tile, suffix, vector, rows, columns) \
  KERNEL __launch_bounds__(kThreads, 2) conv2d_##tile##suffix(const float* __restrict__ x, const float* __restrict__ w, const float* __restrict__ bias, float* __restrict__ y, Conv o) { direct::forward<rows, columns, vector>(x, w, bias, y, o); }
#define GRADIENT_X(name, function, tile, suffix, a, b, rows, columns) \
  KERNEL __launch_bounds__(kThreads, 2) name##_##tile##suffix(const float* __restrict__ dy, const float* __restrict__ w, float* __restrict__ dx, Conv o) { direct::function<rows, columns, a, b>(dy, w, dx, o); }
#define GRADIENT_W(tile, suffix, a, b, rows, columns) \
  KERNEL __launch_bounds__(kThreads, 2) conv2d_grad_w_##tile##suffix(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ dw, Conv o, Segments seg, int slice) { direct::gradient_w<rows, columns, a, b>(x, dy, dw, o, seg, slice); }
#define IN_FOURS(tile, rows, columns)                                                   \
  FORWARD(tile, _ab, true, rows, columns)                                               \
  GRADIENT_X(conv2d_grad_x, gradient_x, tile, _ab, true, true, rows, columns)           \
  GRADIENT_X(conv2d_grad_x_mirrored, mirrored_x, tile, _ab, true, true, rows, columns)  \
  GRADIENT_W(tile, _ab, true, true, rows, columns)
#define ODD(tile, rows, columns)                                                        \
  FORWARD(tile, , false, rows, columns)                                                 \
  GRADIENT_X(conv2d_grad_x, gradient_x, tile, , false, false, rows, columns)            \
  GRADIENT_X(conv2d_grad_x, gradient_x, tile, _a, true, false, rows, columns)           \
  GRADIENT_X(conv2d_grad_x_mirrored, mirrored_x, tile, , false, false, rows, columns)   \
  GRADIENT_X(conv2d_grad_x_mirrored, mirrored_x, tile, _a, true, false, rows, columns)  \
  GRADIENT_W(tile, , false, false, rows, columns)                                       \
  GRADIENT_W(tile, _a, true, false, rows, columns)
IN_FOURS(128x128, 128, 128)
IN_FOURS(64x64, 64, 64)
IN_FOURS(256x16, 256, 16)
ODD(64x64, 64, 64)
ODD(256x16, 256, 16)
