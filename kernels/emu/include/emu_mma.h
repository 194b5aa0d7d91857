// emu_mma.h has the twins of the PTX that sm_80 brought: ldmatrix, mma.sync and
// cp.async. Operations of a warp are macros, to carry the line they stand on.
//
// Which lane holds which element is held to a table printed by NVIDIA's own
// headers: layouts/layouts.txt.
#pragma once

#include "emu.h"

inline float emu_bf16(uint32_t bits) { return __uint_as_float(bits << 16); }

struct EmuPlace {
  int row, column;
};

// Where lane l holds element i of each 8×8 matrix that ldmatrix loads.
constexpr EmuPlace emu_ldmatrix_place(int lane, int i) { return {lane >> 2, 2 * (lane & 3) + i}; }

struct EmuLdmatrix {
  uint32_t address;
  uint32_t* r;
};
// Lane 8m+i brings the address of row i of matrix m.
template <int MATRICES, bool TRANSPOSED>
void emu_ldmatrix_op(void* const* args, uint32_t mask) {
  if (mask != 0xffffffffu) emu_fail("ldmatrix by mask %08x: it takes a whole warp", mask);
  for (int m = 0; m < MATRICES; m++) {
    uint16_t e[8][8];
    for (int row = 0; row < 8; row++) {
      const uint32_t at = static_cast<EmuLdmatrix*>(args[m * 8 + row])->address;
      if (at & 15) emu_fail("ldmatrix: lane %d brings address %u, which is not 16-byte aligned", m * 8 + row, at);
      const void* p = emu_shared_pointer(at, 16);
      emu_reads(p, 16);
      memcpy(e[row], p, 16);
    }
    for (int lane = 0; lane < 32; lane++) {
      const auto element = [&](EmuPlace p) { return uint32_t(TRANSPOSED ? e[p.column][p.row] : e[p.row][p.column]); };
      const uint32_t lo = element(emu_ldmatrix_place(lane, 0)), hi = element(emu_ldmatrix_place(lane, 1));
      static_cast<EmuLdmatrix*>(args[lane])->r[m] = lo | hi << 16;
    }
  }
}
#define EMU_LDMATRIX(matrices, transposed, r_, address_, what)                                 \
  do {                                                                                         \
    EmuLdmatrix emu_q{address_, r_};                                                           \
    emu_warp(~0u, emu_ldmatrix_op<matrices, transposed>, &emu_q, EMU_SITE(what));              \
  } while (0)
#define ldmatrix_x4(r, address) EMU_LDMATRIX(4, false, r, address, "ldmatrix.x4")
#define ldmatrix_x2(r, address) EMU_LDMATRIX(2, false, r, address, "ldmatrix.x2")
#define ldmatrix_x4_trans(r, address) EMU_LDMATRIX(4, true, r, address, "ldmatrix.x4.trans")
#define ldmatrix_x2_trans(r, address) EMU_LDMATRIX(2, true, r, address, "ldmatrix.x2.trans")

// Where lane l of m16n8k16 holds element i of A (two to a register), B and C.
constexpr EmuPlace emu_mma_a(int lane, int i) { return {(lane >> 2) + (i >> 1 & 1) * 8, (lane & 3) * 2 + (i & 1) + (i >> 2) * 8}; }
constexpr EmuPlace emu_mma_b(int lane, int i) { return {(lane & 3) * 2 + (i & 1) + (i >> 1) * 8, lane >> 2}; }  // k, n
constexpr EmuPlace emu_mma_c(int lane, int i) { return {(lane >> 2) + (i >> 1) * 8, (lane & 3) * 2 + (i & 1)}; }

struct EmuMma {
  float* d;
  const uint32_t* a;
  uint32_t b[2];
};
// Products are exact in float32; they are added to the accumulator one after another
// by rising k. Hardware adds in an order and precision of its own.
inline void emu_mma_op(void* const* args, uint32_t mask) {
  if (mask != 0xffffffffu) emu_fail("mma by mask %08x: it takes a whole warp", mask);
  float A[16][16], B[16][8], D[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const auto* q = static_cast<EmuMma*>(args[lane]);
    for (int i = 0; i < 8; i++) {
      const EmuPlace p = emu_mma_a(lane, i);
      A[p.row][p.column] = emu_bf16(q->a[i >> 1] >> 16 * (i & 1) & 0xffff);
    }
    for (int i = 0; i < 4; i++) {
      const EmuPlace p = emu_mma_b(lane, i), c = emu_mma_c(lane, i);
      B[p.row][p.column] = emu_bf16(q->b[i >> 1] >> 16 * (i & 1) & 0xffff);
      D[c.row][c.column] = q->d[i];
    }
  }
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 16; k++)
      for (int j = 0; j < 8; j++) D[i][j] += A[i][k] * B[k][j];
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < 4; i++) {
      const EmuPlace c = emu_mma_c(lane, i);
      static_cast<EmuMma*>(args[lane])->d[i] = D[c.row][c.column];
    }
}
#define mma_m16n8k16(d_, a_, b0, b1)                                 \
  do {                                                               \
    EmuMma emu_q{d_, a_, {b0, b1}};                                  \
    emu_warp(~0u, emu_mma_op, &emu_q, EMU_SITE("mma.m16n8k16"));     \
  } while (0)

// Bytes arrive when they are waited for, and not before.
inline void cp_async_16(uint32_t to, const void* from, int bytes) { emu_cp_async(to, from, 16, bytes); }
inline void cp_async_4(uint32_t to, const void* from, int bytes) { emu_cp_async(to, from, 4, bytes); }
inline void cp_async_commit() { emu_cp_commit(); }
template <int N>
void cp_async_wait() { emu_cp_wait(N); }
