// pixel_sum.cu: per-channel sums over pixels, and moments, in a fixed order.
//
// A block goes over a piece of one sample's pixels: a thread takes V channels of every
// rows-th pixel, in order; the rows of a block are then added by a tree. A second kernel
// adds the pieces of a shard: 32 lanes take every 32nd piece, in order, and are added by a
// tree. The order depends on shapes alone.
#include "vec.cuh"

constexpr int kDeep = 16;   // pixels of a thread
constexpr int kLanesOf = 8; // channels of a block that adds pieces
constexpr int kPieceLanes = kThreads / kLanesOf;

// Plane is a tensor (samples, pixels, channels) cut into pieces; across is how many threads
// of a block stand side by side, a power of two: up to 32, and 64 for the pieces that a
// convolution leaves (moments.go). Partial sums of one quantity are
// (samples, pieces, channels).
struct Plane {
  int samples, pixels, channels, across, pieces;
  __device__ __forceinline__ int rows() const { return kThreads / across; }
  __device__ __forceinline__ int piece() const { return rows() * kDeep; }  // pixels
  __device__ __forceinline__ size_t parts() const { return size_t(samples) * pieces * channels; }
  // pixels_of is the length of a piece: the last may be short.
  __device__ __forceinline__ int pixels_of(int i) const { return min(piece(), pixels - i * piece()); }
};

// Walk is a thread's way through a piece: block (piece, channels, sample).
template <int V>
struct Walk {
  int channel, row, rows, first, end;
  size_t base;  // of the sample's first pixel
  bool inside;
  __device__ __forceinline__ explicit Walk(const Plane& k) {
    channel = (blockIdx.y * k.across + threadIdx.x % k.across) * V;
    row = threadIdx.x / k.across;
    rows = k.rows();
    first = blockIdx.x * k.piece();
    end = min(first + k.piece(), k.pixels);
    base = size_t(blockIdx.z) * k.pixels * k.channels + channel;
    inside = channel < k.channels;
  }
  // each calls f(j, i) for the thread's j-th pixel, whose element i comes first.
  template <class F>
  __device__ __forceinline__ void each(const Plane& k, const F& f) const {
    if (!inside) return;
    if (end - first == rows * kDeep) {  // without checks, so that many loads are under way
#pragma unroll
      for (int j = 0; j < kDeep; j++) f(j, base + size_t(first + row + j * rows) * k.channels);
      return;
    }
    for (int j = 0; first + row + j * rows < end; j++) f(j, base + size_t(first + row + j * rows) * k.channels);
  }
  // part is where the block's sums go.
  __device__ __forceinline__ size_t part(const Plane& k) const { return (size_t(blockIdx.z) * k.pieces + blockIdx.x) * k.channels + channel; }
};

// ---- sums

// Sums is Q quantities of V channels.
template <int Q, int V>
struct Sums {
  float q[Q][V] = {};

  // store adds the rows of a block and writes the sums of row 0.
  __device__ __forceinline__ void store(const Plane& k, const Walk<V>& w, float* __restrict__ part) {
    __shared__ float all[Q][V][kThreads];
    put(all);
    __syncthreads();
    for (int half = w.rows / 2; half > 0; half /= 2) {
      if (w.row < half) {
        const int other = threadIdx.x + half * k.across;
#pragma unroll
        for (int i = 0; i < Q; i++)
#pragma unroll
          for (int v = 0; v < V; v++) q[i][v] += all[i][v][other];
        put(all);
      }
      __syncthreads();
    }
    if (w.row != 0 || !w.inside) return;
#pragma unroll
    for (int i = 0; i < Q; i++)
#pragma unroll
      for (int v = 0; v < V; v++) part[i * k.parts() + w.part(k) + v] = q[i][v];
  }
  __device__ __forceinline__ void put(float (&all)[Q][V][kThreads]) const {
#pragma unroll
    for (int i = 0; i < Q; i++)
#pragma unroll
      for (int v = 0; v < V; v++) all[i][v][threadIdx.x] = q[i][v];
  }
};

template <class T, int V>
__device__ __forceinline__ void piece_sums_each(const T* __restrict__ x, float* __restrict__ part, const Plane& k) {
  const Walk<V> w(k);
  Sums<1, V> s;
  w.each(k, [&](int, size_t i) {
    const auto a = Numbers<T, V>::load(x + i);
#pragma unroll
    for (int v = 0; v < V; v++) s.q[0][v] += a.v[v];
  });
  s.store(k, w, part);
}
#define PARAMS(T) (const T* __restrict__ x, float* __restrict__ part, Plane k)
TYPED_KERNELS(piece_sums, PARAMS, (x, part, k))
#undef PARAMS

template <class T, int V>
__device__ __forceinline__ void piece_products_each(const T* __restrict__ a, const T* __restrict__ b, float* __restrict__ part, const Plane& k) {
  const Walk<V> w(k);
  Sums<1, V> s;
  w.each(k, [&](int, size_t i) {
    const auto p = Numbers<T, V>::load(a + i), q = Numbers<T, V>::load(b + i);
#pragma unroll
    for (int v = 0; v < V; v++) s.q[0][v] = fmaf(p.v[v], q.v[v], s.q[0][v]);
  });
  s.store(k, w, part);
}
#define PARAMS(T) (const T* __restrict__ a, const T* __restrict__ b, float* __restrict__ part, Plane k)
TYPED_KERNELS(piece_products, PARAMS, (a, b, part, k))
#undef PARAMS

// g = dy behind the activation, told from y, or from h if y is null; h = (x-m)*rstd:
// the sums of g, and behind them those of g*h.
template <class T, int V>
__device__ __forceinline__ void piece_gradients_each(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y, const float* __restrict__ mean, const float* __restrict__ variance, float* __restrict__ part, const Plane& k, const Segments& seg, int step, int a, float eps) {
  const Walk<V> w(k);
  Sums<2, V> s;
  if (w.inside) {
    const int stat = seg.shard(blockIdx.z) * step + w.channel;
    const auto m = floats<V>(mean + stat);
    auto r = floats<V>(variance + stat);
#pragma unroll
    for (int v = 0; v < V; v++) r.v[v] = inverse_deviation(r.v[v], eps);
    w.each(k, [&](int, size_t i) {
      const auto d = Numbers<T, V>::load(dy + i), e = Numbers<T, V>::load(x + i);
      Numbers<T, V> made;
      if (y) made = Numbers<T, V>::load(y + i);
#pragma unroll
      for (int v = 0; v < V; v++) {
        const float h = (e.v[v] - m.v[v]) * r.v[v], g = d.v[v] * slope(a, y ? made.v[v] : h);
        s.q[0][v] += g;
        s.q[1][v] = fmaf(g, h, s.q[1][v]);
      }
    });
  }
  s.store(k, w, part);
}
#define PARAMS(T) (const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y, const float* __restrict__ mean, const float* __restrict__ variance, float* __restrict__ part, Plane k, Segments seg, int step, int a, float eps)
TYPED_KERNELS(piece_gradients, PARAMS, (dy, x, y, mean, variance, part, k, seg, step, a, eps))
#undef PARAMS

// Member is a piece of a shard, in the order in which they are added.
struct Member {
  int piece;
  size_t at;  // of its sums
  __device__ __forceinline__ Member(const Plane& k, const Segments& seg, int shard, int i, int channel) : piece(i % k.pieces) {
    at = (size_t(seg.sample(shard, i / k.pieces)) * k.pieces + piece) * k.channels + channel;
  }
};

// For quantities 0 and 1 of a shard, the sum of all pieces / divisor; second may be null, and
// so may rstd, which is told from variance. Block (channels, shard); results at
// [shard*channels + channel], variance at [shard*step + channel].
KERNEL add_pieces(const float* __restrict__ part, float* __restrict__ first, float* __restrict__ second, const float* __restrict__ variance, float* __restrict__ rstd, Plane k, Segments seg, int step, float divisor, float eps) {
  __shared__ float all[2][kThreads];
  const int channel = blockIdx.x * kLanesOf + threadIdx.x % kLanesOf, lane = threadIdx.x / kLanesOf, shard = blockIdx.y, members = seg.samples() * k.pieces;
  float a = 0, b = 0;
  if (channel < k.channels) {
#pragma unroll 4
    for (int i = lane; i < members; i += kPieceLanes) {
      const Member m(k, seg, shard, i, channel);
      a += part[m.at];
      if (second) b += part[k.parts() + m.at];
    }
  }
  all[0][threadIdx.x] = a, all[1][threadIdx.x] = b;
  __syncthreads();
  for (int half = kPieceLanes / 2; half > 0; half /= 2) {
    if (lane < half) {
      all[0][threadIdx.x] = a += all[0][threadIdx.x + half * kLanesOf];
      all[1][threadIdx.x] = b += all[1][threadIdx.x + half * kLanesOf];
    }
    __syncthreads();
  }
  if (lane != 0 || channel >= k.channels) return;
  const int to = shard * k.channels + channel;
  first[to] = __fdiv_rn(a, divisor);
  if (second) second[to] = __fdiv_rn(b, divisor);
  if (rstd) rstd[to] = inverse_deviation(variance[shard * step + channel], eps);
}

// ---- moments

// Moments is the number of some values, their mean, and the sum of squares around it; add
// joins two sets. Source: Chan, Golub & LeVeque 1979.
struct Moments {
  float n, mean, m2;
  __device__ __forceinline__ void add(const Moments& o) {
    if (o.n == 0) return;
    if (n == 0) {
      *this = o;
      return;
    }
    const float all = n + o.n, share = __fdiv_rn(o.n, all), d = o.mean - mean;
    mean = fmaf(d, share, mean);
    m2 = m2 + o.m2 + d * d * (n * share);
    n = all;
  }
};

// origin is where the first pixel of a shard lies. Values are taken relative to it, so that a
// mean far from zero costs nothing.
__device__ __forceinline__ size_t origin(const Plane& k, const Segments& seg, int shard, int channel) { return size_t(seg.sample(shard, 0)) * k.pixels * k.channels + channel; }

// The moments of a piece: its means, relative to the origin of its shard, and behind all of
// those its sums of squares.
template <class T, int V>
__device__ __forceinline__ void piece_moments_each(const T* __restrict__ x, float* __restrict__ part, const Plane& k, const Segments& seg) {
  __shared__ Moments all[V][kThreads];
  const Walk<V> w(k);
  Moments s[V] = {};
  Numbers<T, V> zero;
  if (w.inside) zero = Numbers<T, V>::load(x + origin(k, seg, seg.shard(blockIdx.z), w.channel));
  w.each(k, [&](int j, size_t i) {
    const auto a = Numbers<T, V>::load(x + i);
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float u = a.v[v] - zero.v[v], d = u - s[v].mean;
      s[v].n = j + 1;
      s[v].mean = fmaf(d, 1.0f / (j + 1), s[v].mean);
      s[v].m2 = fmaf(d, u - s[v].mean, s[v].m2);
    }
  });
#pragma unroll
  for (int v = 0; v < V; v++) all[v][threadIdx.x] = s[v];
  __syncthreads();
  for (int half = w.rows / 2; half > 0; half /= 2) {
    if (w.row < half) {
#pragma unroll
      for (int v = 0; v < V; v++) {
        s[v].add(all[v][threadIdx.x + half * k.across]);
        all[v][threadIdx.x] = s[v];
      }
    }
    __syncthreads();
  }
  if (w.row != 0 || !w.inside) return;
#pragma unroll
  for (int v = 0; v < V; v++) {
    part[w.part(k) + v] = s[v].mean;
    part[k.parts() + w.part(k) + v] = s[v].m2;
  }
}
#define PARAMS(T) (const T* __restrict__ x, float* __restrict__ part, Plane k, Segments seg)
TYPED_KERNELS(piece_moments, PARAMS, (x, part, k, seg))
#undef PARAMS

// Mean, biased variance and 1/sqrt(variance + eps) of each shard; block (channels, shard).
// mean and variance are at [shard*step + channel], rstd at [shard*channels + channel]. x is
// null where the pieces' means are relative to 0.
template <class T>
__device__ __forceinline__ void add_moments_of(const float* __restrict__ part, const T* __restrict__ x, float* __restrict__ mean, float* __restrict__ variance, float* __restrict__ rstd, const Plane& k, const Segments& seg, int step, float eps) {
  __shared__ Moments all[kThreads];
  const int channel = blockIdx.x * kLanesOf + threadIdx.x % kLanesOf, lane = threadIdx.x / kLanesOf, shard = blockIdx.y, members = seg.samples() * k.pieces;
  Moments s = {};
  if (channel < k.channels) {
    for (int i = lane; i < members; i += kPieceLanes) {
      const Member m(k, seg, shard, i, channel);
      Moments o;
      o.n = k.pixels_of(m.piece), o.mean = part[m.at], o.m2 = part[k.parts() + m.at];
      s.add(o);
    }
  }
  all[threadIdx.x] = s;
  __syncthreads();
  for (int half = kPieceLanes / 2; half > 0; half /= 2) {
    if (lane < half) {
      s.add(all[threadIdx.x + half * kLanesOf]);
      all[threadIdx.x] = s;
    }
    __syncthreads();
  }
  if (lane != 0 || channel >= k.channels) return;
  const float v = __fdiv_rn(s.m2, s.n);
  mean[shard * step + channel] = x ? number(x[origin(k, seg, shard, channel)]) + s.mean : s.mean;
  variance[shard * step + channel] = v;
  rstd[shard * k.channels + channel] = inverse_deviation(v, eps);
}

#define PARAMS(T) (const float* __restrict__ part, const T* __restrict__ x, float* __restrict__ mean, float* __restrict__ variance, float* __restrict__ rstd, Plane k, Segments seg, int step, float eps)
KERNEL add_moments PARAMS(float) { add_moments_of(part, x, mean, variance, rstd, k, seg, step, eps); }
KERNEL add_moments_bf16 PARAMS(bf16) { add_moments_of(part, x, mean, variance, rstd, k, seg, step, eps); }
#undef PARAMS
