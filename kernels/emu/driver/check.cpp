// check.cpp holds loads and stores of kernels to check.h. Modules made for checking
// are compiled with -fsanitize=thread, which calls __tsan_read4(p) and its like
// before each access; those functions are here, in place of a sanitizer's.
#include "check.h"

#include <cstdio>

namespace emu {

Clocks* Clocks::of(Runner* r) {
  static thread_local Clocks clocks;
  clocks.n_ = uint32_t(r->fibers.size());
  clocks.clocks_.assign(size_t(clocks.n_) * clocks.n_, 0);
  for (uint32_t i = 0; i < clocks.n_; i++) clocks.at(i, i) = 1;
  clocks.words_.assign((size_t(r->dynamic - r->shared) + r->launch->shared_bytes + 3) / 4, Word());
  clocks.tokens_.clear();
  return &clocks;
}

void Clocks::meet(Fiber* const* fibers, int n) {
  std::vector<uint32_t> all(n_, 0);
  for (int i = 0; i < n; i++) {
    const uint32_t* c = &clocks_[size_t(fibers[i]->thread.linear) * n_];
    for (uint32_t k = 0; k < n_; k++) all[k] = std::max(all[k], c[k]);
  }
  for (int i = 0; i < n; i++) {
    const uint32_t t = fibers[i]->thread.linear;
    std::copy(all.begin(), all.end(), &clocks_[size_t(t) * n_]);
    at(t, t)++;
  }
}

void Clocks::release(uint32_t thread, const void* token) {
  std::vector<uint32_t>& v = tokens_[token];
  v.resize(n_, 0);
  for (uint32_t k = 0; k < n_; k++) v[k] = std::max(v[k], at(thread, k));
  at(thread, thread)++;
}

void Clocks::acquire(uint32_t thread, const void* token) {
  const auto i = tokens_.find(token);
  if (i == tokens_.end()) return;
  for (uint32_t k = 0; k < n_; k++) at(thread, k) = std::max(at(thread, k), i->second[k]);
}

const char* Clocks::touch(uint32_t thread, size_t offset, size_t bytes, bool write, uint32_t* other) {
  const uint32_t clock = at(thread, thread), warp = thread / 32;
  for (size_t w = offset / 4; w <= (offset + bytes - 1) / 4; w++) {
    Word& x = words_[w];
    if (!write && !x.written) return "reads shared memory that nobody wrote";
    if (x.written && !before(thread, x.written, x.writer)) {
      *other = x.writer;
      return write ? "races with another write to the same word of shared memory" : "reads a word of shared memory in a race with a write";
    }
    if (write) {
      for (int k = 0; k < 2; k++)
        if (x.read[k] && !before(thread, x.read[k], x.reader[k])) {
          *other = x.reader[k];
          return "writes a word of shared memory in a race with a read";
        }
      x = Word{thread, clock, {0, 0}, {0, 0}};
      continue;
    }
    const int k = x.read[0] && x.reader[0] / 32 != warp ? 1 : 0;
    x.reader[k] = thread;
    x.read[k] = clock;
  }
  return nullptr;
}

namespace {

[[noreturn]] void refuse(Runner* r, const char* what, const void* pc, int other) {
  r->code = kIllegalAddress;
  char b[200] = "";
  if (other >= 0) snprintf(b, sizeof b, " by thread %d", other);
  if (const EmuSite* s = r->operation) emu_fail("%s%s in %s at %s:%d", what, b, s->what, s->file, s->line);
  r->fault_pc = pc;
  emu_fail("%s%s", what, b);
}

// Words of 4 bytes are the grain of shared memory, bytes that of device memory.
void touch_shared(Runner* r, size_t offset, size_t bytes, bool write, const void* pc) {
  const size_t end = size_t(r->dynamic - r->shared) + r->launch->shared_bytes;
  if (offset + bytes > end) {
    char b[120];
    snprintf(b, sizeof b, "touches shared memory past the launch's, %zu bytes behind its end", offset + bytes - end);
    refuse(r, b, pc, -1);
  }
  uint32_t other = ~0u;
  if (const char* what = r->clocks->touch(emu_self->linear, offset, bytes, write, &other)) refuse(r, what, pc, int(other));
}

}  // namespace

void touch(const void* p, size_t bytes, bool write, const void* pc) {
  Runner* r = current();
  if (!r || !r->inside || !r->clocks) return;
  const size_t offset = size_t(static_cast<const char*>(p) - r->shared);
  if (offset < r->shared_bytes) return touch_shared(r, offset, bytes, write, pc);
  Byte* s = shadow_of(p, bytes);
  if (!s) return;  // a fiber's own stack, constants, parameters
  for (size_t i = 0; i < bytes; i++) {
    if (s[i] == Byte::kFree) refuse(r, write ? "writes device memory that is not allocated" : "reads device memory that is not allocated", pc, -1);
    if (!write && s[i] == Byte::kAllocated) refuse(r, "reads device memory that nobody wrote", pc, -1);
    if (write) s[i] = Byte::kWritten;
  }
}

}  // namespace emu

#define EMU_HOOK extern "C" __attribute__((visibility("default")))
#define EMU_ACCESS(name, bytes, write) \
  EMU_HOOK void __tsan_##name(void* p) { emu::touch(p, bytes, write, __builtin_return_address(0)); }

EMU_ACCESS(read1, 1, false)
EMU_ACCESS(read2, 2, false)
EMU_ACCESS(read4, 4, false)
EMU_ACCESS(read8, 8, false)
EMU_ACCESS(read16, 16, false)
EMU_ACCESS(write1, 1, true)
EMU_ACCESS(write2, 2, true)
EMU_ACCESS(write4, 4, true)
EMU_ACCESS(write8, 8, true)
EMU_ACCESS(write16, 16, true)
EMU_ACCESS(unaligned_read2, 2, false)
EMU_ACCESS(unaligned_read4, 4, false)
EMU_ACCESS(unaligned_read8, 8, false)
EMU_ACCESS(unaligned_read16, 16, false)
EMU_ACCESS(unaligned_write2, 2, true)
EMU_ACCESS(unaligned_write4, 4, true)
EMU_ACCESS(unaligned_write8, 8, true)
EMU_ACCESS(unaligned_write16, 16, true)
EMU_HOOK void __tsan_read_range(void* p, size_t n) { emu::touch(p, n, false, __builtin_return_address(0)); }
EMU_HOOK void __tsan_write_range(void* p, size_t n) { emu::touch(p, n, true, __builtin_return_address(0)); }
EMU_HOOK void __tsan_init() {}
EMU_HOOK void __tsan_func_entry(void*) {}
EMU_HOOK void __tsan_func_exit() {}

extern "C" {

void emu_reads(const void* p, size_t bytes) { emu::touch(p, bytes, false, __builtin_return_address(0)); }
void emu_writes(const void* p, size_t bytes) { emu::touch(p, bytes, true, __builtin_return_address(0)); }

void emu_releases(const void* token) {
  emu::Runner* r = emu::current();
  if (r->clocks) r->clocks->release(emu_self->linear, token);
}

void emu_acquires(const void* token) {
  emu::Runner* r = emu::current();
  if (r->clocks) r->clocks->acquire(emu_self->linear, token);
}

// Atomics order nothing but themselves, so an atomic access is no access in the
// sense of races; the memory must be there.
static uint32_t* word(void* p) {
  if (emu::Byte* s = emu::shadow_of(p, 4)) {
    emu::Runner* r = emu::current();
    if (r->clocks && s[0] == emu::Byte::kFree) emu_fail("atomic access to device memory that is not allocated");
  }
  return static_cast<uint32_t*>(p);
}

uint32_t emu_atomic_add(void* p, uint32_t v) { return __atomic_fetch_add(word(p), v, __ATOMIC_SEQ_CST); }
uint32_t emu_atomic_or(void* p, uint32_t v) { return __atomic_fetch_or(word(p), v, __ATOMIC_SEQ_CST); }
uint32_t emu_atomic_exchange(void* p, uint32_t v) { return __atomic_exchange_n(word(p), v, __ATOMIC_SEQ_CST); }

uint32_t emu_atomic_cas(void* p, uint32_t old, uint32_t v) {
  __atomic_compare_exchange_n(word(p), &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return old;
}

uint32_t emu_atomic_max(void* p, uint32_t v) {
  uint32_t* w = word(p);
  uint32_t old = __atomic_load_n(w, __ATOMIC_SEQ_CST);
  while (old < v && !__atomic_compare_exchange_n(w, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return old;
}

}  // extern "C"
