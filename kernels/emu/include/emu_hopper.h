// emu_hopper.h has the twins of the PTX that sm_90a brought: mbarriers, copies by
// tensor map, and products of a group of four warps.
#pragma once

#include "emu_mma.h"
#include "tensor_map.h"

// ---- mbarriers: they order others, and are not data themselves

struct EmuMbarrier {
  uint64_t phase : 1, magic : 7, count : 14, pending : 14;
  int64_t bytes : 28;  // still to come
};
static_assert(sizeof(EmuMbarrier) == 8, "an mbarrier is 64 bits of shared memory");
constexpr unsigned kEmuMbarrierMagic = 0x2a;

EMU_UNWATCHED inline EmuMbarrier* emu_mbarrier(uint32_t address) {
  if (address & 7) emu_fail("an mbarrier at address %u is not 8-byte aligned", address);
  auto* b = static_cast<EmuMbarrier*>(emu_shared_pointer(address, 8));
  if (b->magic != kEmuMbarrierMagic) emu_fail("the mbarrier at %u was never initialised", address);
  return b;
}
EMU_UNWATCHED inline void emu_mbarrier_turn(EmuMbarrier* b) {
  if (b->pending || b->bytes) return;
  b->phase ^= 1;
  b->pending = b->count;
}
EMU_UNWATCHED inline void mbarrier_init(uint32_t address, int count) {
  auto* b = static_cast<EmuMbarrier*>(emu_shared_pointer(address, 8));
  *b = EmuMbarrier{0, kEmuMbarrierMagic, unsigned(count) & 0x3fff, unsigned(count) & 0x3fff, 0};
}
inline void mbarrier_fence() {}
EMU_UNWATCHED inline void emu_mbarrier_arrive(uint32_t address, int bytes) {
  EmuMbarrier* b = emu_mbarrier(address);
  if (!b->pending) emu_fail("more than %d arrive at the mbarrier at %u", int(b->count), address);
  emu_releases(b);
  b->bytes += bytes;
  b->pending--;
  emu_mbarrier_turn(b);
}
inline void mbarrier_arrive(uint32_t address) { emu_mbarrier_arrive(address, 0); }
inline void mbarrier_arrive_expect(uint32_t address, int bytes) { emu_mbarrier_arrive(address, bytes); }
struct EmuMbarrierWait {
  EmuMbarrier* b;
  unsigned phase;
};
EMU_UNWATCHED inline bool emu_mbarrier_passed(void* arg) {
  const auto* w = static_cast<EmuMbarrierWait*>(arg);
  return w->b->phase != w->phase;
}
#define mbarrier_wait(address, parity)                                          \
  do {                                                                          \
    EmuMbarrierWait emu_q{emu_mbarrier(address), unsigned(parity)};             \
    emu_wait(emu_mbarrier_passed, &emu_q, EMU_SITE("mbarrier wait"));           \
    emu_acquires(emu_q.b);                                                      \
  } while (0)

// ---- swizzles: bits of a shared address that are exchanged by exclusive or

// mode is CUtensorMapSwizzle: none, or rows of 32, 64 or 128 bytes.
constexpr uint32_t emu_swizzle(uint32_t address, int mode) {
  return address ^ (address >> 7 & ((1u << mode) - 1)) << 4;
}

// ---- copies by tensor map

struct EmuTma {
  const EmuTensorMap* map;
  uint32_t to, barrier;
  int at[5];
  uint16_t offset[3];
};
// EmuTmaCopy writes one innermost row after another; what is outside the tensor is 0.
struct EmuTmaCopy {
  const EmuTma& q;
  const EmuTensorMap& m;
  size_t row_bytes, done = 0;

  explicit EmuTmaCopy(const EmuTma& q) : q(q), m(*q.map), row_bytes(size_t(m.im2col ? m.channels : m.box[0]) * m.element) {}

  void row(const int* at) {
    bool inside = true;
    const char* from = reinterpret_cast<const char*>(m.base);
    for (int i = 1; i < m.rank; i++) {
      if (at[i] < 0 || at[i] >= int64_t(m.size[i])) inside = false;
      else from += uint64_t(at[i]) * m.stride[i - 1];
    }
    for (size_t k = 0; k < row_bytes; k += m.element) {
      char* to = static_cast<char*>(emu_shared_pointer(emu_swizzle(uint32_t(q.to + done + k), m.swizzle), m.element));
      const int64_t x = at[0] + int64_t(k / m.element);
      emu_writes(to, m.element);
      if (inside && x >= 0 && x < int64_t(m.size[0])) {
        emu_reads(from + x * m.element, m.element);
        memcpy(to, from + x * m.element, m.element);
      } else {
        memset(to, 0, m.element);
      }
    }
    done += row_bytes;
  }

  void tiled() {
    int rows = 1;
    for (int i = 1; i < m.rank; i++) rows *= m.box[i];
    for (int r = 0; r < rows; r++) {
      int at[5] = {q.at[0]}, rest = r;
      for (int i = 1; i < m.rank; i++) {
        at[i] = q.at[i] + rest % m.box[i] * m.step[i];
        rest /= m.box[i];
      }
      row(at);
    }
  }

  // Pixels go on within the bounding box of the map, then to the next image.
  void im2col() {
    const int spatial = m.rank - 2;
    int pixel[5];
    memcpy(pixel, q.at, sizeof pixel);
    for (int r = 0; r < m.pixels; r++) {
      int at[5] = {pixel[0]};
      for (int i = 0; i < spatial; i++) at[1 + i] = pixel[1 + i] + q.offset[i];
      at[m.rank - 1] = pixel[m.rank - 1];
      row(at);
      int i = 0;
      for (; i < spatial; i++) {
        pixel[1 + i] += m.step[1 + i];
        if (pixel[1 + i] < int(m.size[1 + i]) + m.upper[i]) break;
        pixel[1 + i] = m.lower[i];
      }
      if (i == spatial) pixel[m.rank - 1]++;
    }
  }
};
EMU_UNWATCHED inline void emu_tma_arrives(void* arg) {
  const auto* q = static_cast<EmuTma*>(arg);
  EmuTmaCopy copy(*q);
  if (q->map->im2col) copy.im2col();
  else copy.tiled();
  EmuMbarrier* b = emu_mbarrier(q->barrier);
  emu_releases(b);
  b->bytes -= int(copy.done);
  emu_mbarrier_turn(b);
}
inline void emu_tma(const EmuTma& q, EmuSite site) {
  if (q.map->magic != kEmuTensorMapMagic) emu_fail("the argument of a bulk copy is no tensor map");
  if (q.to & (q.map->swizzle == 3 ? 1023 : 127)) emu_fail("a bulk copy to address %u, which is not aligned for its swizzle", q.to);
  emu_late(emu_tma_arrives, &q, sizeof q, site);
}
struct alignas(64) TensorMap { uint64_t opaque[16]; };
inline void emu_tma_2d(uint32_t to, const TensorMap* m, int x, int y, uint32_t barrier, EmuSite site) {
  emu_tma({reinterpret_cast<const EmuTensorMap*>(m), to, barrier, {x, y}, {}}, site);
}
inline void emu_tma_im2col_4d(uint32_t to, const TensorMap* m, int c, int w, int h, int n, uint16_t dw, uint16_t dh, uint32_t barrier, EmuSite site) {
  emu_tma({reinterpret_cast<const EmuTensorMap*>(m), to, barrier, {c, w, h, n}, {dw, dh}}, site);
}
#define tma_load_2d(...) emu_tma_2d(__VA_ARGS__, EMU_SITE("cp.async.bulk.tensor.2d"))
#define tma_load_im2col_4d(...) emu_tma_im2col_4d(__VA_ARGS__, EMU_SITE("cp.async.bulk.tensor.4d.im2col"))

// ---- products of a group of four warps

// Where thread t of 128 holds element i of the 64×N accumulator.
constexpr EmuPlace emu_wgmma_d(int t, int i) {
  return {16 * (t >> 5) + (t & 31) / 4 + 8 * (i >> 1 & 1), 8 * (i >> 2) + (t & 3) * 2 + (i & 1)};
}
struct EmuWgmma {
  float* d;
  uint64_t a, b;  // descriptors of tiles in shared memory, K-major
};
constexpr int kEmuSwizzle128 = 1;  // bits 62 and 63 of a descriptor
inline void emu_wgmma_tile(uint64_t descriptor, int rows, float (*out)[16]) {
  if (int(descriptor >> 62) != kEmuSwizzle128) emu_fail("wgmma: only tiles in the 128-byte swizzle are known, descriptor %016lx", static_cast<unsigned long>(descriptor));
  const uint32_t start = (descriptor & 0x3fff) << 4, eight_rows = (descriptor >> 32 & 0x3fff) << 4;
  for (int r = 0; r < rows; r++)
    for (int half = 0; half < 2; half++) {
      const uint32_t at = start + uint32_t(r >> 3) * eight_rows + uint32_t(r & 7) * 128 + uint32_t(half) * 16;
      const void* p = emu_shared_pointer(emu_swizzle(at, 3), 16);
      emu_reads(p, 16);
      uint16_t bits[8];
      memcpy(bits, p, 16);
      for (int k = 0; k < 8; k++) out[r][half * 8 + k] = emu_bf16(bits[k]);
    }
}
template <int N>
void emu_wgmma_op(void* const* args, int) {
  static thread_local float A[64][16], B[N][16], D[64][N];
  const auto* first = static_cast<EmuWgmma*>(args[0]);
  for (int t = 1; t < 128; t++) {
    const auto* q = static_cast<EmuWgmma*>(args[t]);
    if (q->a != first->a || q->b != first->b) emu_fail("wgmma: thread %d of the group has other descriptors than its first", t);
  }
  emu_wgmma_tile(first->a, 64, A);
  emu_wgmma_tile(first->b, N, B);
  for (int t = 0; t < 128; t++)
    for (int i = 0; i < N / 2; i++) {
      const EmuPlace p = emu_wgmma_d(t, i);
      D[p.row][p.column] = static_cast<EmuWgmma*>(args[t])->d[i];
    }
  for (int i = 0; i < 64; i++)
    for (int k = 0; k < 16; k++)
      for (int j = 0; j < N; j++) D[i][j] += A[i][k] * B[j][k];
  for (int t = 0; t < 128; t++)
    for (int i = 0; i < N / 2; i++) {
      const EmuPlace p = emu_wgmma_d(t, i);
      static_cast<EmuWgmma*>(args[t])->d[i] = D[p.row][p.column];
    }
}
#define EMU_WGMMA(n, d_, a_, b_)                                                                          \
  do {                                                                                                    \
    EmuWgmma emu_q{d_, a_, b_};                                                                           \
    emu_group(int(emu_self->warp) & ~3, 4, emu_wgmma_op<n>, &emu_q, EMU_SITE("wgmma.m64n" #n "k16"));     \
  } while (0)
#define wgmma_m64n64k16(d, a, b) EMU_WGMMA(64, d, a, b)
#define wgmma_m64n128k16(d, a, b) EMU_WGMMA(128, d, a, b)
inline void wgmma_fence() {}
inline void wgmma_commit() {}
template <int N>
void wgmma_wait() {}
