// conv2d_strip.cu: convolutions of bf16 and stride 1 with few channels on one side, such
// as the first and last of a network. The taps of a kernel's row become columns of the
// product: a pixel is loaded once for each row of the kernel, and not for each tap. What
// the taps of a row make at their pixels is added in the epilogue, in their order.
//
// Rows of the product are strips: the pixels of a padded row, those of P rows after each
// other. A tile makes the pixels whose taps all lie in it, so that tiles overlap.
#include "conv2d_mma.cuh"

namespace mma {

// StripFilters brings the weights (K,R,S,C) as columns (s,k), with (r,c) as depth.
template <class OPERAND, int THREADS>
struct StripFilters {
  static constexpr int kAcross = OPERAND::kChunks;
  static_assert(OPERAND::kAll == THREADS, "a chunk for each thread");

  const Conv& o;
  const bf16* w;
  bool real;
  Tap tap;

  __device__ __forceinline__ StripFilters(const bf16* __restrict__ weights, const Conv& conv) : o(conv), tap(int(threadIdx.x) % kAcross * kChunk, conv.c, 1) {
    const int column = threadIdx.x / kAcross, s = column / o.k, k = column % o.k;
    real = s < o.s;
    w = weights + (real ? (size_t(k) * o.r * o.s + s) * o.c : 0);
  }
  __device__ __forceinline__ void load(unsigned char*, uint32_t base) {
    const bool inside = real && tap.i < o.r;
    cp_async_16(base + seat<kAcross>(threadIdx.x / kAcross, int(threadIdx.x) % kAcross), w + (inside ? tap.i * o.s * o.c + tap.c : 0), inside ? 16 : 0);
    tap.advance(kStep, o.c, 1);
  }
};

// Strip is a tile's sums in shared memory: a row for each pixel.
template <class P>
struct Strip {
  static constexpr int kLine = P::kColumns + 1;
  static_assert(P::kRows * kLine * 4 <= P::kStages * P::kStage, "it fits where the stages were");

  const float* t;
  __device__ __forceinline__ Strip(unsigned char* shared, const P& product) : t(reinterpret_cast<const float*>(shared)) {
    float* to = reinterpret_cast<float*>(shared);
    product.each([&](int r, int c, float v0, float v1) { to[r * kLine + c] = v0, to[r * kLine + c + 1] = v1; });
    __syncthreads();
  }
};

// y = x * w, for few filters.
template <class P>
__device__ __forceinline__ void strip_forward(unsigned char* shared, const bf16* __restrict__ x, const bf16* __restrict__ w, const float* __restrict__ bias, bf16* __restrict__ y, const Conv& o) {
  const int line = o.q + o.s - 1, rows = o.n * o.p * line, step = P::kRows - (o.s - 1), row0 = blockIdx.x * step;
  const Gather g = {o.h, o.w, o.c, o.p, line, o.r, 1, 1, -o.pad_h, -o.pad_w, 1, o.reflect};
  Pixels<typename P::A, P::kThreads, true> a(x, g, row0, rows);
  StripFilters<typename P::B, P::kThreads> b(w, o);
  P product;
  product.run(shared, (g.depth() + kStep - 1) / kStep, a, b);
  const Strip<P> strip(shared, product);
  for (int i = threadIdx.x; i < step * o.k; i += P::kThreads) {
    const int r = i / o.k, k = i % o.k, m = row0 + r, q = m % line;
    if (m >= rows || q >= o.q) continue;
    float sum = 0;
    for (int s = 0; s < o.s; s++) sum += strip.t[(r + s) * Strip<P>::kLine + s * o.k + k];
    y[(size_t(m / line) * o.q + q) * o.k + k] = __float2bfloat16_rn(bias ? sum + bias[k] : sum);
  }
}

// dx = dy * w, turned, for few channels. Taps of a row read from the right to the left.
template <class P>
__device__ __forceinline__ void strip_gradient_x(unsigned char* shared, const bf16* __restrict__ dy, const bf16* __restrict__ w, const Padding& to, const Conv& o) {
  const int line = o.w + o.s - 1, rows = o.n * o.h * line, step = P::kRows - (o.s - 1), row0 = blockIdx.x * step;
  const Gather g = {o.p, o.q, o.k, o.h, line, o.r, 1, 1, o.pad_h, o.pad_w - (o.s - 1), -1, 0};
  Conv rolled = o;  // a kernel of one column, whose channels are taps and channels
  rolled.s = 1, rolled.c = o.s * o.c;
  Pixels<typename P::A, P::kThreads, true> a(dy, g, row0, rows);
  TurnedFilters<typename P::B, P::kThreads, false> b(w, rolled, g, Phase(rolled, 0), 0);
  P product;
  product.run(shared, (g.depth() + kStep - 1) / kStep, a, b);
  const Strip<P> strip(shared, product);
  for (int i = threadIdx.x; i < step * o.c; i += P::kThreads) {
    const int r = i / o.c, c = i % o.c, m = row0 + r, x = m % line;
    if (m >= rows || x >= o.w) continue;
    float sum = 0;
    for (int s = 0; s < o.s; s++) sum += strip.t[(r + o.s - 1 - s) * Strip<P>::kLine + s * o.c + c];
    to.at(o, m / line / o.h, m / line % o.h, x)[c] = __float2bfloat16_rn(sum);
  }
}

// dw = x * dy for few filters: (s,k) by (r,c), over the pixels of a slice of a shard's
// padded rows.
template <class P>
__device__ __forceinline__ void strip_gradient_w(unsigned char* shared, const bf16* __restrict__ x, const bf16* __restrict__ dy, float* __restrict__ dw, const Conv& o, const Segments& seg, int slice) {
  const int line = o.q + o.s - 1, columns = o.r * o.c, column0 = blockIdx.y * P::kColumns;
  const Gather g = {o.h, o.w, o.c, o.p, line, o.r, 1, 1, -o.pad_h, -o.pad_w, 1, o.reflect}, back = {o.p, o.q, o.k, o.p, line, 1, o.s, 1, 0, 0, -1, 0};
  const int v = blockIdx.z % seg.shards, from = blockIdx.z / seg.shards * slice, end = min(from + slice, seg.samples() * o.p * line);
  TurnedPixels<typename P::A, P::kThreads, false> a(dy, back, seg, v, from, end, 0);
  TurnedPixels<typename P::B, P::kThreads, true> b(x, g, seg, v, from, end, column0);
  P product;
  product.run(shared, (end - from + kStep - 1) / kStep, a, b);
  dw += size_t(blockIdx.z) * o.k * o.r * o.s * o.c;
  product.each([&](int j, int column, float v0, float v1) {
    column += column0;
    const int s = j / o.k, k = j % o.k, r = column / o.c, c = column % o.c;
    if (s >= o.s || column >= columns) return;
    *reinterpret_cast<float2*>(dw + ((size_t(k) * o.r + r) * o.s + s) * o.c + c) = make_float2(v0, v1);
  });
}

}  // namespace mma

KERNEL __launch_bounds__(128, 4) conv2d_mma_strip_128x32(const __nv_bfloat16* __restrict__ x, const __nv_bfloat16* __restrict__ w, const float* __restrict__ bias, __nv_bfloat16* __restrict__ y, Conv o) {
  extern __shared__ __align__(1024) unsigned char smem[];
  mma::strip_forward<mma::Product<128, 32, 4, 1, 4>>(smem, x, w, bias, y, o);
}
KERNEL __launch_bounds__(128, 4) conv2d_grad_x_mma_strip_128x32(const __nv_bfloat16* __restrict__ dy, const __nv_bfloat16* __restrict__ w, __nv_bfloat16* __restrict__ dx, __nv_bfloat16* __restrict__ padded, Conv o, int pad_h, int pad_w) {
  extern __shared__ __align__(1024) unsigned char smem[];
  mma::strip_gradient_x<mma::Product<128, 32, 4, 1, 4, false, true>>(smem, dy, w, {dx, padded, pad_h, pad_w}, o);
}
KERNEL __launch_bounds__(128, 4) conv2d_grad_w_mma_strip_32x128(const __nv_bfloat16* __restrict__ x, const __nv_bfloat16* __restrict__ dy, float* __restrict__ dw, Conv o, Segments seg, int slice) {
  extern __shared__ __align__(1024) unsigned char smem[];
  mma::strip_gradient_w<mma::Product<32, 128, 1, 4, 4, true, true>>(smem, x, dy, dw, o, seg, slice);
}
