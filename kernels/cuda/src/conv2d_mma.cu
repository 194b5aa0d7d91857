// conv2d_mma.cu: convolutions of bf16 on tensor cores, as implicit products of
// matrices. Sums are float32; a result of bf16 is rounded once, its bias in it.
// The depth of a product, in order: taps and channels for a result and its gradient
// by the input, pixels of a shard, cut into slices, for the gradient by weights.
#include "conv2d_mma.cuh"

namespace mma {

// y = x * w: pixels of y by K. Where part is not null, a sample's pixels are whole pieces.
template <class P, bool VECTOR>
__device__ __forceinline__ void forward(unsigned char* shared, const bf16* __restrict__ x, const bf16* __restrict__ w, const float* __restrict__ bias, bf16* __restrict__ y, float* __restrict__ part, const Conv& o) {
  const Gather g = gather_x(o);
  const int rows = o.n * o.p * o.q, row0 = blockIdx.x * P::kRows, column0 = blockIdx.y * P::kColumns;
  Pixels<typename P::A, P::kThreads, VECTOR> a(x, g, row0, rows);
  Filters<typename P::B, P::kThreads, VECTOR> b(w, column0, o.k, g.depth());
  P product;
  product.run(shared, (g.depth() + kStep - 1) / kStep, a, b);
  product.round(shared, bias, column0, o.k);
  if (part) P::moments(shared, part, size_t(rows / kPiece) * o.k, column0, o.k, [&](int i) { return row0 + i * kPiece < rows ? row0 / kPiece + i : -1; });
  P::store(shared, column0, o.k, [&](int r) { return row0 + r < rows ? y + size_t(row0 + r) * o.k : nullptr; });
}

// dx = dy * w, turned: pixels of one phase of dx by C. Where part is not null, a phase's pixels of a
// sample are whole pieces, and phases are alike.
template <class P, bool VECTOR_A, bool VECTOR_B>
__device__ __forceinline__ void gradient_x(unsigned char* shared, const bf16* __restrict__ dy, const bf16* __restrict__ w, const Padding& to, float* __restrict__ part, const Conv& o) {
  const Phase phase(o, blockIdx.z);
  const Gather g = phase.gather(o);
  const int rows = o.n * g.grid_h * g.grid_w, row0 = blockIdx.x * P::kRows, column0 = blockIdx.y * P::kColumns;
  if (row0 >= rows) return;  // of a smaller phase
  Pixels<typename P::A, P::kThreads, VECTOR_A> a(dy, g, row0, rows);
  TurnedFilters<typename P::B, P::kThreads, VECTOR_B> b(w, o, g, phase, column0);
  P product;
  product.run(shared, (g.depth() + kStep - 1) / kStep, a, b);
  product.round(shared, nullptr, column0, o.c);
  if (part) {
    const int pieces = g.grid_h * g.grid_w / kPiece;  // of a phase of a sample
    P::moments(shared, part, size_t(o.n) * gridDim.z * pieces * o.c, column0, o.c, [&](int i) {
      const int piece = row0 / kPiece + i;
      return piece < o.n * pieces ? (piece / pieces * int(gridDim.z) + int(blockIdx.z)) * pieces + piece % pieces : -1;
    });
  }
  P::store(shared, column0, o.c, [&](int r) {
    const int i = row0 + r;
    return i < rows ? to.at(o, i / g.grid_w / g.grid_h, i / g.grid_w % g.grid_h * o.stride + phase.h, i % g.grid_w * o.stride + phase.w) : nullptr;
  });
}

// dw = x * dy: K by taps and channels, over the pixels of one slice of one shard.
template <class P, bool VECTOR_A, bool VECTOR_B>
__device__ __forceinline__ void gradient_w(unsigned char* shared, const bf16* __restrict__ x, const bf16* __restrict__ dy, float* __restrict__ dw, const Conv& o, const Segments& seg, int slice) {
  const Gather g = gather_x(o), flat = {o.p, o.q, o.k, o.p, o.q, 1, 1, 1, 0, 0, 1, 0};
  const int columns = g.depth(), row0 = blockIdx.x * P::kRows, column0 = blockIdx.y * P::kColumns;
  const int v = blockIdx.z % seg.shards, from = blockIdx.z / seg.shards * slice, end = min(from + slice, seg.samples() * o.p * o.q);
  TurnedPixels<typename P::A, P::kThreads, VECTOR_A> a(dy, flat, seg, v, from, end, row0);
  TurnedPixels<typename P::B, P::kThreads, VECTOR_B> b(x, g, seg, v, from, end, column0);
  P product;
  product.run(shared, (end - from + kStep - 1) / kStep, a, b);
  dw += size_t(blockIdx.z) * o.k * columns;
  product.each([&](int r, int c, float v0, float v1) {
    r += row0, c += column0;
    if (r >= o.k || c >= columns) return;
    float* to = dw + size_t(r) * columns + c;
    if (columns % 2 == 0) {
      *reinterpret_cast<float2*>(to) = make_float2(v0, v1);
      return;
    }
    to[0] = v0;
    if (c + 1 < columns) to[1] = v1;
  });
}

}  // namespace mma

// The tiles, named rows by columns; odd are those for channels that are no multiple of
// eight. Go's table of them is conv2d_mma.go.
#define FORWARD(tile, threads, blocks, vector, ...)                                                                                                                                                                           \
  KERNEL __launch_bounds__(threads, blocks) conv2d_mma_##tile(const __nv_bfloat16* __restrict__ x, const __nv_bfloat16* __restrict__ w, const float* __restrict__ bias, __nv_bfloat16* __restrict__ y, float* __restrict__ part, Conv o) { \
    extern __shared__ __align__(1024) unsigned char smem[];                                                                                                                                                                   \
    mma::forward<mma::Product<__VA_ARGS__>, vector>(smem, x, w, bias, y, part, o);                                                                                                                                                  \
  }
FORWARD(128x128, 256, 2, true, 128, 128, 2, 4, 4)
FORWARD(128x64, 128, 3, true, 128, 64, 2, 2, 4)
FORWARD(64x64, 128, 4, true, 64, 64, 2, 2, 4)
FORWARD(128x16, 128, 4, true, 128, 16, 4, 1, 4)
FORWARD(odd_128x64, 128, 3, false, 128, 64, 2, 2, 3)

#define GRADIENT_X(tile, threads, blocks, vector_a, vector_b, ...)                                                                                                                                                            \
  KERNEL __launch_bounds__(threads, blocks) conv2d_grad_x_mma_##tile(const __nv_bfloat16* __restrict__ dy, const __nv_bfloat16* __restrict__ w, __nv_bfloat16* __restrict__ dx, __nv_bfloat16* __restrict__ padded, float* __restrict__ part, Conv o, int pad_h, int pad_w) { \
    extern __shared__ __align__(1024) unsigned char smem[];                                                                                                                                                                   \
    mma::gradient_x<mma::Product<__VA_ARGS__, false, true>, vector_a, vector_b>(smem, dy, w, {dx, padded, pad_h, pad_w}, part, o);                                                                                                    \
  }
GRADIENT_X(128x128, 256, 2, true, true, 128, 128, 2, 4, 4)
GRADIENT_X(128x64, 128, 3, true, true, 128, 64, 2, 2, 4)
GRADIENT_X(64x64, 128, 4, true, true, 64, 64, 2, 2, 4)
GRADIENT_X(128x16, 128, 4, true, false, 128, 16, 4, 1, 4)
GRADIENT_X(odd_128x64, 128, 3, false, false, 128, 64, 2, 2, 3)

#define GRADIENT_W(tile, threads, blocks, vector_a, vector_b, ...)                                                                                                                                                            \
  KERNEL __launch_bounds__(threads, blocks) conv2d_grad_w_mma_##tile(const __nv_bfloat16* __restrict__ x, const __nv_bfloat16* __restrict__ dy, float* __restrict__ dw, Conv o, Segments seg, int slice) {                   \
    extern __shared__ __align__(1024) unsigned char smem[];                                                                                                                                                                   \
    mma::gradient_w<mma::Product<__VA_ARGS__, true, true>, vector_a, vector_b>(smem, x, dy, dw, o, seg, slice);                                                                                                               \
  }
GRADIENT_W(128x128, 256, 2, true, true, 128, 128, 2, 4, 4)
GRADIENT_W(64x128, 128, 3, true, true, 64, 128, 1, 4, 4)
GRADIENT_W(64x64, 128, 4, true, false, 64, 64, 2, 2, 4)
GRADIENT_W(16x128, 128, 4, false, true, 16, 128, 1, 4, 4)
GRADIENT_W(odd_64x64, 128, 4, false, false, 64, 64, 2, 2, 3)

// Under reflection: dx = the sum of its images in the padded gradient, in rising order
// of rows, then columns. A thread for each element; those with one image are there.
KERNEL conv2d_grad_x_fold(const __nv_bfloat16* __restrict__ padded, __nv_bfloat16* __restrict__ dx, int n, int h, int w, int c, int pad_h, int pad_w) {
  const int i = place();
  if (i >= n * h * w * c) return;
  const int channel = i % c, x = i / c % w, y = i / c / w % h;
  const Images hs(y, h, pad_h, 1), ws(x, w, pad_w, 1);
  if (hs.count == 1 && ws.count == 1) return;
  const __nv_bfloat16* image = padded + size_t(i / c / w / h) * (h + 2 * pad_h) * (w + 2 * pad_w) * c + channel;
  float s = 0;
  for (int a = 0; a < hs.count; a++)
    for (int b = 0; b < ws.count; b++) s += __bfloat162float(image[(size_t(hs.at[a] + pad_h) * (w + 2 * pad_w) + ws.at[b] + pad_w) * c]);
  dx[i] = __float2bfloat16_rn(s);
}
