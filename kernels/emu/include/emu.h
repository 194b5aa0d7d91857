// emu.h is what a .cu file sees in place of CUDA: it is included before the first
// line, so that the file compiles as C++ unchanged. Qualifiers vanish, threadIdx
// and its like name the running fiber, and operations of several threads become
// calls into the driver. What needs PTX has its twins in emu_mma.h and
// emu_hopper.h.
#pragma once
#define EMU 1

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "vec.h"

#undef __align__
#undef __constant__
#undef __device__
#undef __forceinline__
#ifndef EMU_NAMES
#undef __global__
#endif
#undef __grid_constant__
#undef __host__
#undef __launch_bounds__
#undef __noinline__
#undef __restrict__
#undef __shared__
#define __align__(n) __attribute__((aligned(n)))
#define __constant__ static const
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#ifndef EMU_NAMES  // build.go looks for what this marks
#define __global__
#endif
#define __grid_constant__
#define __host__
#define __launch_bounds__(...)
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
// Each thread of the host that runs blocks has its own shared memory: the block of
// thread-local storage of the module.
#define __shared__ thread_local

// EMU_UNWATCHED marks what stands for hardware, whose accesses are none of the
// kernel's.
#define EMU_UNWATCHED __attribute__((no_sanitize("thread"), noinline))

// EmuThread is a CUDA thread.
struct EmuThread {
  uint3 tid, bid;
  dim3 bdim, gdim;
  uint32_t lane, warp, linear;
};

// EmuSite is a place in a .cu file, for reports.
struct EmuSite {
  const char* what;
  const char* file;
  int line;
};
#define EMU_SITE(what) (EmuSite{what, __FILE__, __LINE__})

// EmuWarpOp runs when the last lane of a mask has arrived; args[i] is what lane i
// brought, null if it is not in the mask.
typedef void (*EmuWarpOp)(void* const* args, uint32_t mask);
// EmuGroupOp is the same for n threads of whole warps.
typedef void (*EmuGroupOp)(void* const* args, int n);
typedef void (*EmuLateOp)(void* arg);

#pragma GCC visibility push(default)
extern "C" {
extern __thread EmuThread* emu_self __attribute__((tls_model("initial-exec")));

// emu_barrier waits for count threads at barrier id; a negative count means all
// threads that have not returned.
void emu_barrier(int id, int count, EmuSite site);
void emu_warp(uint32_t mask, EmuWarpOp op, void* arg, EmuSite site);
void emu_group(int first_warp, int warps, EmuGroupOp op, void* arg, EmuSite site);
// emu_wait lets others run until ready(arg).
void emu_wait(bool (*ready)(void*), void* arg, EmuSite site);
// emu_late runs op on a copy of arg, for the calling thread, when no thread of the
// block can go on: as late as hardware may.
void emu_late(EmuLateOp op, const void* arg, size_t bytes, EmuSite site);

// emu_shared_address and emu_shared_pointer translate between pointers and 32-bit
// shared addresses; the second refuses what is outside the launch's memory.
uint32_t emu_shared_address(const void* p);
void* emu_shared_pointer(uint32_t address, size_t bytes);

void emu_cp_async(uint32_t to, const void* from, int bytes, int zero_from);
void emu_cp_commit();
void emu_cp_wait(int groups_left);

// emu_reads and emu_writes hold an access of the driver itself to the checks that
// instrumented loads and stores go through.
void emu_reads(const void* p, size_t bytes);
void emu_writes(const void* p, size_t bytes);
// emu_releases and emu_acquires order what is before one against what is after the
// other, for the same token.
void emu_releases(const void* token);
void emu_acquires(const void* token);

uint32_t emu_atomic_add(void* p, uint32_t v);
uint32_t emu_atomic_max(void* p, uint32_t v);
uint32_t emu_atomic_or(void* p, uint32_t v);
uint32_t emu_atomic_cas(void* p, uint32_t old, uint32_t v);
uint32_t emu_atomic_exchange(void* p, uint32_t v);

[[noreturn]] void emu_fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
}
#pragma GCC visibility pop

#define threadIdx (emu_self->tid)
#define blockIdx (emu_self->bid)
#define blockDim (emu_self->bdim)
#define gridDim (emu_self->gdim)
static constexpr int warpSize = 32;

#define __syncthreads() emu_barrier(0, -1, EMU_SITE("__syncthreads"))
inline void emu_nothing(void* const*, uint32_t) {}
inline uint32_t emu_mask(uint32_t mask = 0xffffffffu) { return mask; }
#define __syncwarp(...) emu_warp(emu_mask(__VA_ARGS__), emu_nothing, nullptr, EMU_SITE("__syncwarp"))

// Shuffles. A lane that reads one outside the mask gets nothing defined on
// hardware, and a report here.
enum EmuShuffleKind { EMU_FROM, EMU_UP, EMU_DOWN, EMU_XOR };
struct EmuShuffle {
  uint64_t in, out;
  int by, width;
};
template <EmuShuffleKind KIND>
void emu_shuffle_op(void* const* args, uint32_t mask) {
  for (int lane = 0; lane < 32; lane++) {
    if (!args[lane]) continue;
    auto* s = static_cast<EmuShuffle*>(args[lane]);
    const int base = lane & ~(s->width - 1), end = base + s->width;
    int from = lane;
    if (KIND == EMU_FROM) from = base + (s->by & (s->width - 1));
    if (KIND == EMU_UP && lane - s->by >= base) from = lane - s->by;
    if (KIND == EMU_DOWN && lane + s->by < end) from = lane + s->by;
    if (KIND == EMU_XOR && (lane ^ s->by) < end) from = lane ^ s->by;
    if (!args[from]) emu_fail("shuffle: lane %d reads lane %d, which is not in mask %08x", lane, from, mask);
    s->out = static_cast<EmuShuffle*>(args[from])->in;
  }
}
template <EmuShuffleKind KIND, class T>
T emu_shuffle(uint32_t mask, T value, int by, int width, EmuSite site) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  EmuShuffle s{0, 0, by, width};
  memcpy(&s.in, &value, sizeof value);
  emu_warp(mask, emu_shuffle_op<KIND>, &s, site);
  memcpy(&value, &s.out, sizeof value);
  return value;
}
inline constexpr int emu_width(int width = 32) { return width; }
#define __shfl_sync(m, v, s, ...) emu_shuffle<EMU_FROM>(m, v, s, emu_width(__VA_ARGS__), EMU_SITE("__shfl_sync"))
#define __shfl_up_sync(m, v, s, ...) emu_shuffle<EMU_UP>(m, v, s, emu_width(__VA_ARGS__), EMU_SITE("__shfl_up_sync"))
#define __shfl_down_sync(m, v, s, ...) emu_shuffle<EMU_DOWN>(m, v, s, emu_width(__VA_ARGS__), EMU_SITE("__shfl_down_sync"))
#define __shfl_xor_sync(m, v, s, ...) emu_shuffle<EMU_XOR>(m, v, s, emu_width(__VA_ARGS__), EMU_SITE("__shfl_xor_sync"))

struct EmuVote {
  bool in;
  uint32_t out;
};
inline void emu_ballot_op(void* const* args, uint32_t) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; i++)
    if (args[i] && static_cast<EmuVote*>(args[i])->in) bits |= 1u << i;
  for (int i = 0; i < 32; i++)
    if (args[i]) static_cast<EmuVote*>(args[i])->out = bits;
}
inline uint32_t emu_ballot(uint32_t mask, bool p, EmuSite site) {
  EmuVote v{p, 0};
  emu_warp(mask, emu_ballot_op, &v, site);
  return v.out;
}
#define __ballot_sync(m, p) emu_ballot(m, p, EMU_SITE("__ballot_sync"))
#define __any_sync(m, p) (emu_ballot(m, p, EMU_SITE("__any_sync")) != 0)
#define __all_sync(m, p) (emu_ballot(m, p, EMU_SITE("__all_sync")) == emu_mask(m))

inline size_t __cvta_generic_to_shared(const void* p) { return emu_shared_address(p); }
template <class T>
T __ldg(const T* p) { return *p; }

// Rounding is stated where it matters; the compiler is told not to fuse.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
inline float __uint_as_float(uint32_t u) { float f; memcpy(&f, &u, 4); return f; }
inline uint32_t __float_as_uint(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }
inline int __popc(uint32_t x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline uint32_t __umulhi(uint32_t a, uint32_t b) { return uint32_t(uint64_t(a) * b >> 32); }
using std::max;
using std::min;

inline uint32_t atomicAdd(uint32_t* p, uint32_t v) { return emu_atomic_add(p, v); }
inline int atomicAdd(int* p, int v) { return int(emu_atomic_add(p, uint32_t(v))); }
inline uint32_t atomicMax(uint32_t* p, uint32_t v) { return emu_atomic_max(p, v); }
inline uint32_t atomicOr(uint32_t* p, uint32_t v) { return emu_atomic_or(p, v); }
inline uint32_t atomicCAS(uint32_t* p, uint32_t old, uint32_t v) { return emu_atomic_cas(p, old, v); }
inline uint32_t atomicExch(uint32_t* p, uint32_t v) { return emu_atomic_exchange(p, v); }
inline void __threadfence() {}
inline void __threadfence_block() {}

// EmuKernel is how the driver finds and calls a kernel: one for each __global__
// function, by a line EMU_KERNEL(name) in a generated file.
struct EmuKernel {
  const char* name;
  int params;
  const uint16_t* sizes;  // of the parameters, in bytes
  void (*call)(void** params);
};
template <class F>
struct EmuCall;
template <class... A>
struct EmuCall<void (*)(A...)> {
  static constexpr int params = sizeof...(A);
  static constexpr uint16_t sizes[params + 1] = {uint16_t(sizeof(A))..., 0};
  template <void (*F)(A...), size_t... I>
  static void go(void** p, std::index_sequence<I...>) { F(*static_cast<std::remove_cv_t<A>*>(p[I])...); }
  template <void (*F)(A...)>
  static void call(void** p) { go<F>(p, std::index_sequence_for<A...>{}); }
};
#define EMU_KERNEL(k)                                                              \
  extern "C" __attribute__((visibility("default"))) const EmuKernel emu_kernel_##k = { \
      #k, EmuCall<decltype(&k)>::params, EmuCall<decltype(&k)>::sizes, EmuCall<decltype(&k)>::call<&k>};
