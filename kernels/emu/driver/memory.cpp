// memory.cpp: device memory. Allocations lie in one reserved stretch of addresses,
// each at the end of its pages with a page that may not be touched behind it, full of
// NaNs; beside it lies a shadow with the state of every byte.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "driver.h"

namespace emu {
namespace {

constexpr size_t kArena = 64ull << 30, kPage = 4096, kAlign = 256;
char* arena;
char* shadow;
size_t top;  // addresses are used once, so that a freed one stays free

struct Allocation {
  size_t bytes, mapped;
  char* pages;
  CUdevice device;
};
std::map<uintptr_t, Allocation> allocations;
std::map<CUdevice, size_t> used;
std::map<char*, size_t> pinned;

char* reserve(size_t n, int protection) {
  void* m = mmap(nullptr, n, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return m == MAP_FAILED ? nullptr : static_cast<char*>(m);
}

void mark(CUdeviceptr p, size_t bytes, Byte state) {
  if (Byte* s = shadow_of(reinterpret_cast<void*>(p), bytes)) std::fill_n(s, bytes, state);
}

// copy moves bytes and what is known of them.
void copy(CUdeviceptr to, CUdeviceptr from, size_t n) {
  memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), n);
  memmove(shadow_of(reinterpret_cast<void*>(to), n), shadow_of(reinterpret_cast<void*>(from), n), n);
}

bool is_pinned(const void* p, size_t n) {
  auto i = pinned.upper_bound(static_cast<char*>(const_cast<void*>(p)));
  if (i == pinned.begin()) return false;
  --i;
  return static_cast<const char*>(p) + n <= i->first + i->second;
}

}  // namespace

Byte* shadow_of(const void* p, size_t bytes) {
  const size_t at = size_t(static_cast<const char*>(p) - arena);
  if (!arena || at >= kArena || at + bytes > kArena) return nullptr;
  return reinterpret_cast<Byte*>(shadow + at);
}

bool allocated(CUdeviceptr p, size_t bytes) {
  auto i = allocations.upper_bound(p);
  if (i == allocations.begin()) return false;
  --i;
  return p + bytes <= i->first + i->second.bytes;
}

}  // namespace emu

using namespace emu;

EMU_API CUresult cuMemAlloc_v2(CUdeviceptr* p, size_t n) {
  EMU_CALL;
  if (!n) return CUDA_ERROR_INVALID_VALUE;
  if (take_fault("alloc") || used[c->device] + n > device_bytes()) return CUDA_ERROR_OUT_OF_MEMORY;
  if (!arena) {
    arena = reserve(kArena, PROT_NONE);
    shadow = reserve(kArena, PROT_READ | PROT_WRITE);
    if (!arena || !shadow) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  const size_t rounded = (n + kAlign - 1) / kAlign * kAlign, mapped = (rounded + kPage - 1) / kPage * kPage;
  if (top + mapped + 2 * kPage > kArena) return CUDA_ERROR_OUT_OF_MEMORY;
  char* pages = arena + top + kPage;
  top += mapped + kPage;
  if (mprotect(pages, mapped, PROT_READ | PROT_WRITE)) return CUDA_ERROR_OUT_OF_MEMORY;
  memset(pages, 0xff, mapped);
  *p = CUdeviceptr(pages + (mapped - rounded));
  allocations[*p] = {n, mapped, pages, c->device};
  used[c->device] += n;
  mark(*p, n, Byte::kAllocated);
  return CUDA_SUCCESS;
}
EMU_API CUresult cuMemFree_v2(CUdeviceptr p) {
  EMU_CALL;
  if (!p) return CUDA_SUCCESS;
  auto i = allocations.find(p);
  if (i == allocations.end()) return CUDA_ERROR_INVALID_VALUE;
  const CUresult r = drain_all(c);
  const Allocation& a = i->second;
  used[a.device] -= a.bytes;
  mark(p, a.bytes, Byte::kFree);
  madvise(a.pages, a.mapped, MADV_DONTNEED);
  mprotect(a.pages, a.mapped, PROT_NONE);
  allocations.erase(i);
  return r;
}
EMU_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  EMU_CALL;
  *total = device_bytes();
  *free = *total - used[c->device];
  return CUDA_SUCCESS;
}
EMU_API CUresult cuMemHostAlloc(void** p, size_t n, unsigned) {
  EMU_CALL;
  *p = aligned_alloc(kPage, (n + kPage - 1) / kPage * kPage);
  if (!*p) return CUDA_ERROR_OUT_OF_MEMORY;
  pinned[static_cast<char*>(*p)] = n;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuMemFreeHost(void* p) {
  EMU_CALL;
  if (!pinned.erase(static_cast<char*>(p))) return CUDA_ERROR_INVALID_VALUE;
  const CUresult r = drain_all(c);
  free(p);
  return r;
}

// A call that copies at once waits for the default stream, and for streams that are
// not apart from it.
static CUresult settle(CUcontext c) {
  if (c->capturing) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  CUresult r = drain(&c->legacy);
  for (CUstream s : c->streams)
    if (!r && !(s->flags & CU_STREAM_NON_BLOCKING)) r = drain(s);
  return r;
}

#define EMU_DEVICE_RANGE(p, n) \
  if (!allocated(p, n)) return CUDA_ERROR_INVALID_VALUE

EMU_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t n) {
  EMU_CALL;
  EMU_DEVICE_RANGE(to, n);
  const CUresult r = settle(c);
  if (r) return r;
  memcpy(reinterpret_cast<void*>(to), from, n);
  mark(to, n, Byte::kWritten);
  return CUDA_SUCCESS;
}
EMU_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t n) {
  EMU_CALL;
  EMU_DEVICE_RANGE(from, n);
  const CUresult r = settle(c);
  if (!r) memcpy(to, reinterpret_cast<void*>(from), n);
  return r;
}
EMU_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n) {
  EMU_CALL;
  EMU_DEVICE_RANGE(to, n);
  EMU_DEVICE_RANGE(from, n);
  const CUresult r = settle(c);
  if (!r) copy(to, from, n);
  return r;
}
static CUresult move_on(CUstream s, Early what, Work w) {
  const bool spoilt = take_fault("copy");
  return hand_over(s, what, [=] { return spoilt ? CUDA_ERROR_ILLEGAL_ADDRESS : w(); });
}

// Pinned memory is read when the copy's turn comes; other memory is staged at once,
// as CUDA does.
EMU_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t n, CUstream s) {
  EMU_CALL;
  EMU_DEVICE_RANGE(to, n);
  s = stream_of(c, s);
  const auto move = [=](const void* bytes) {
    memcpy(reinterpret_cast<void*>(to), bytes, n);
    mark(to, n, Byte::kWritten);
    return CUDA_SUCCESS;
  };
  if (s->capture || is_pinned(from, n)) return move_on(s, kCopiesIn, [=] { return move(from); });
  auto staged = std::make_shared<std::string>(static_cast<const char*>(from), n);
  return move_on(s, kCopiesIn, [=] { return move(staged->data()); });
}
EMU_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t n, CUstream s) {
  EMU_CALL;
  EMU_DEVICE_RANGE(from, n);
  return move_on(stream_of(c, s), kCopiesOut, [=] {
    memcpy(to, reinterpret_cast<void*>(from), n);
    return CUDA_SUCCESS;
  });
}
EMU_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
  EMU_CALL;
  EMU_DEVICE_RANGE(to, n);
  EMU_DEVICE_RANGE(from, n);
  return enqueue(stream_of(c, s), [=] {
    copy(to, from, n);
    return CUDA_SUCCESS;
  });
}
EMU_API CUresult cuMemsetD8Async(CUdeviceptr p, unsigned char v, size_t n, CUstream s) {
  EMU_CALL;
  EMU_DEVICE_RANGE(p, n);
  return enqueue(stream_of(c, s), [=] {
    memset(reinterpret_cast<void*>(p), v, n);
    mark(p, n, Byte::kWritten);
    return CUDA_SUCCESS;
  });
}
EMU_API CUresult cuMemsetD32Async(CUdeviceptr p, unsigned v, size_t n, CUstream s) {
  EMU_CALL;
  EMU_DEVICE_RANGE(p, n * 4);
  return enqueue(stream_of(c, s), [=] {
    std::fill_n(reinterpret_cast<uint32_t*>(p), n, v);
    mark(p, n * 4, Byte::kWritten);
    return CUDA_SUCCESS;
  });
}
EMU_API CUresult cuMemsetD8_v2(CUdeviceptr p, unsigned char v, size_t n) { return cuMemsetD8Async(p, v, n, nullptr); }
EMU_API CUresult cuMemsetD32_v2(CUdeviceptr p, unsigned v, size_t n) { return cuMemsetD32Async(p, v, n, nullptr); }
