// mma.cuh: products of matrices of bf16 on tensor cores. A block makes one tile of the
// result; its operands pass through shared memory in stages, brought by loaders of
// the caller's. Each result is a sum in float32 over the depth in steps of 16, in
// rising order, whatever the tile: hardware has an order of its own within 16.
#pragma once
#include <cuda_bf16.h>

#include "common.cuh"
#include "ptx.cuh"

namespace mma {

using bf16 = __nv_bfloat16;

constexpr int kStep = 32;   // of the depth, in a stage
constexpr int kChunk = 8;   // elements of bf16 that are copied at once: 16 bytes
constexpr int kPiece = 64;  // rows whose moments are taken together, whatever the tile

// seat is where a chunk lies in an operand of rows of CHUNKS chunks: eight rows that
// are read together, at one chunk, lie in different banks.
template <int CHUNKS>
__device__ __forceinline__ uint32_t seat(int row, int chunk) {
  const int turn = CHUNKS >= 8 ? row & 7 : row / (8 / CHUNKS) & (CHUNKS - 1);
  return uint32_t(row * CHUNKS + (chunk ^ turn)) << 4;
}

// An operand lies in a stage with its depth along rows (one row of kStep elements for
// each row of the tile), or turned (kStep rows, as long as the tile): TURNED.
template <int SIZE, bool TURNED>
struct Operand {
  static constexpr int kBytes = SIZE * kStep * 2;
  static constexpr int kChunks = (TURNED ? SIZE : kStep) / kChunk;  // of a row
  static constexpr int kAll = SIZE * kStep / kChunk;

  // The fragment of 16 rows of A from row, elements 16*k to 16*k+15 of the depth.
  __device__ __forceinline__ static void rows(uint32_t (&r)[4], uint32_t stage, int row, int k, int lane) {
    if (TURNED) ldmatrix_x4_trans(r, stage + seat<kChunks>(k * 16 + (lane & 7) + (lane >> 4) * 8, row / 8 + (lane >> 3 & 1)));
    else ldmatrix_x4(r, stage + seat<kChunks>(row + (lane & 15), k * 2 + (lane >> 4)));
  }
  // The fragments of 16 columns of B, two registers for each eight.
  __device__ __forceinline__ static void columns(uint32_t (&r)[4], uint32_t stage, int column, int k, int lane) {
    if (TURNED) ldmatrix_x4_trans(r, stage + seat<kChunks>(k * 16 + (lane & 15), column / 8 + (lane >> 4)));
    else ldmatrix_x4(r, stage + seat<kChunks>(column + (lane & 7) + (lane >> 4) * 8, k * 2 + (lane >> 3 & 1)));
  }
};

// Product is one tile of ROWS × COLUMNS by DOWN × ACROSS warps.
template <int ROWS, int COLUMNS, int DOWN, int ACROSS, int STAGES, bool TURN_A = false, bool TURN_B = false>
struct Product {
  using A = Operand<ROWS, TURN_A>;
  using B = Operand<COLUMNS, TURN_B>;
  static constexpr int kRows = ROWS, kColumns = COLUMNS, kThreads = DOWN * ACROSS * 32, kStages = STAGES;
  static constexpr int kTall = ROWS / DOWN / 16, kWide = COLUMNS / ACROSS / 8;  // of a warp, in mmas
  static constexpr int kStage = A::kBytes + B::kBytes;
  static constexpr int kLine = COLUMNS + kChunk;  // of the result in shared memory: rows start in different banks
  static_assert(kTall * DOWN * 16 == ROWS && kWide * ACROSS * 8 == COLUMNS && kWide % 2 == 0, "warps cover the tile");
  static_assert(ROWS * kLine * 2 <= STAGES * kStage, "the result fits where the stages were");

  float acc[kTall][kWide][4] = {};

  __device__ __forceinline__ static int lane() { return threadIdx.x & 31; }
  __device__ __forceinline__ static int row0() { return int(threadIdx.x >> 5) / ACROSS * (kTall * 16); }
  __device__ __forceinline__ static int column0() { return int(threadIdx.x >> 5) % ACROSS * (kWide * 8); }

  __device__ __forceinline__ void multiply(uint32_t stage) {
#pragma unroll
    for (int k = 0; k < kStep / 16; k++) {
      uint32_t a[kTall][4], b[kWide / 2][4];
#pragma unroll
      for (int i = 0; i < kTall; i++) A::rows(a[i], stage, row0() + i * 16, k, lane());
#pragma unroll
      for (int j = 0; j < kWide / 2; j++) B::columns(b[j], stage + A::kBytes, column0() + j * 16, k, lane());
#pragma unroll
      for (int i = 0; i < kTall; i++)
#pragma unroll
        for (int j = 0; j < kWide; j++) mma_m16n8k16(acc[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
  }

  // run makes the product over so many stages. Each call of a loader brings the next
  // stage of its operand, to an offset in shared memory.
  template <class LOAD_A, class LOAD_B>
  __device__ __forceinline__ void run(unsigned char* shared, int steps, LOAD_A& a, LOAD_B& b) {
    const uint32_t base = uint32_t(__cvta_generic_to_shared(shared));
    int fill = 0;  // the stage that is loaded next
    const auto load = [&](bool more) {
      if (more) {
        a.load(shared + fill * kStage, base + fill * kStage);
        b.load(shared + fill * kStage + A::kBytes, base + fill * kStage + A::kBytes);
      }
      cp_async_commit();  // an empty group keeps the count
      fill = fill + 1 == STAGES ? 0 : fill + 1;
    };
    for (int i = 0; i < STAGES - 1; i++) load(i < steps);
    int use = 0;
#pragma unroll 1
    for (int i = 0; i < steps; i++) {
      cp_async_wait<STAGES - 2>();
      __syncthreads();  // this stage is there, and nobody reads the one that is filled next
      load(i + STAGES - 1 < steps);
      multiply(base + use * kStage);
      use = use + 1 == STAGES ? 0 : use + 1;
    }
    cp_async_wait<0>();
    __syncthreads();
  }

  // each calls f(row, column, v0, v1) for the thread's results, two neighbours at a
  // time, from the tile's corner.
  template <class F>
  __device__ __forceinline__ void each(F f) const {
#pragma unroll
    for (int j = 0; j < kWide; j++)
#pragma unroll
      for (int i = 0; i < kTall; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) f(row0() + i * 16 + h * 8 + (lane() >> 2), column0() + j * 8 + (lane() & 3) * 2, acc[i][j][h * 2], acc[i][j][h * 2 + 1]);
  }

  // round leaves the results, with their bias, in shared memory as rows of kLine.
  __device__ __forceinline__ void round(unsigned char* shared, const float* __restrict__ bias, int column, int columns) const {
    each([&](int r, int c, float v0, float v1) {
      if (bias && column + c < columns) v0 += bias[column + c];
      if (bias && column + c + 1 < columns) v1 += bias[column + c + 1];
      reinterpret_cast<__nv_bfloat162*>(shared)[(r * kLine + c) / 2] = __floats2bfloat162_rn(v0, v1);
    });
    __syncthreads();
  }

  // moments takes the mean of each piece and column of the rounded results, and the sum of
  // squares around it, for a norm to add up: to part, and parts further on. where gives
  // which piece the tile's i-th is, or -1.
  template <class WHERE>
  __device__ __forceinline__ static void moments(const unsigned char* shared, float* __restrict__ part, size_t parts, int column, int columns, WHERE where) {
    for (int i = threadIdx.x; i < ROWS / kPiece * COLUMNS; i += kThreads) {
      const int c = i % COLUMNS, piece = where(i / COLUMNS);
      if (piece < 0 || column + c >= columns) continue;
      const bf16* v = reinterpret_cast<const bf16*>(shared) + i / COLUMNS * kPiece * kLine + c;
      float sum = 0, squares = 0;
#pragma unroll 8
      for (int r = 0; r < kPiece; r++) sum += __bfloat162float(v[r * kLine]);
      const float mean = sum * (1.0f / kPiece);
#pragma unroll 8
      for (int r = 0; r < kPiece; r++) {
        const float d = __bfloat162float(v[r * kLine]) - mean;
        squares = fmaf(d, d, squares);
      }
      float* to = part + size_t(piece) * columns + column + c;
      to[0] = mean;
      to[parts] = squares;
    }
  }

  // store copies rounded results from shared memory to rows of columns elements; where
  // gives the address of a row of the tile, or null.
  template <class WHERE>
  __device__ __forceinline__ static void store(const unsigned char* shared, int column, int columns, WHERE where) {
    const bf16* t = reinterpret_cast<const bf16*>(shared);
    if (columns % kChunk == 0) {
      for (int i = threadIdx.x; i < ROWS * COLUMNS / kChunk; i += kThreads) {
        const int r = i / (COLUMNS / kChunk), c = i % (COLUMNS / kChunk) * kChunk;
        bf16* to = column + c < columns ? where(r) : nullptr;
        if (to) *reinterpret_cast<uint4*>(to + column + c) = *reinterpret_cast<const uint4*>(t + r * kLine + c);
      }
      return;
    }
    const int width = min(COLUMNS, columns - column);
    for (int i = threadIdx.x; i < ROWS * width; i += kThreads) {
      bf16* to = where(i / width);
      if (to) to[column + i % width] = t[i / width * kLine + i % width];
    }
  }
};

// Pack is a chunk that is put together element by element.
struct Pack {
  __align__(16) bf16 v[kChunk];
  __device__ __forceinline__ void put(unsigned char* to) const { *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(v); }
};
__device__ __forceinline__ bf16 zero() { return __float2bfloat16_rn(0.0f); }

}  // namespace mma
