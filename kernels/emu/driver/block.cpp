// block.cpp runs one block: its fibers, and the places where they wait for each
// other.
#include <link.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "check.h"
#include "engine.h"
#include "fiber.h"

extern "C" {
__thread EmuThread* emu_self __attribute__((tls_model("initial-exec"), visibility("default")));
}

namespace emu {
namespace {

__thread Runner* runner __attribute__((tls_model("initial-exec")));

Order chosen_order = [] {
  const char* e = getenv("EMU_ORDER");
  if (e && !strcmp(e, "reverse")) return Order::kReverse;
  if (e && !strcmp(e, "random")) return Order::kRandom;
  return Order::kForward;
}();

Fiber* self() { return reinterpret_cast<Fiber*>(emu_self); }

Fiber* pop(Runner* r) {
  Fiber* f = r->head;
  if (f) r->head = f->next;
  if (!r->head) r->tail = nullptr;
  return f;
}

void wait_at(State s, EmuSite site) {
  Fiber* f = self();
  f->state = s;
  f->site = site;
  step_aside(f);
}

// wake makes fibers ready in the chosen order, all but one that goes on itself.
void wake(Runner* r, std::vector<Fiber*> fibers, const Fiber* but) {
  if (chosen_order == Order::kReverse) std::reverse(fibers.begin(), fibers.end());
  if (chosen_order == Order::kRandom) std::shuffle(fibers.begin(), fibers.end(), r->random);
  for (Fiber* f : fibers)
    if (f && f != but) push(r, f);
}

void open_if_full(Runner* r, Barrier& b) {
  const int want = b.want < 0 ? r->live : b.want;
  if (!b.arrived || b.arrived < want) return;
  std::vector<Fiber*> fibers;
  fibers.swap(b.fibers);
  b.arrived = 0;
  if (r->clocks) r->clocks->meet(fibers.data(), int(fibers.size()));
  wake(r, fibers, nullptr);
}

void body() {
  Runner* r = runner;
  r->launch->kernel->call(r->launch->params);
  Fiber* f = self();
  f->state = State::kDone;
  r->live--;
  for (Barrier& b : r->barriers)
    if (b.want < 0) open_if_full(r, b);
  step_aside(f);
  abort();  // nobody wakes a fiber that is done
}

struct TlsQuery {
  const char* inside;
  char* base;
  size_t bytes;
};
int find_tls(dl_phdr_info* info, size_t, void* v) {
  auto* q = static_cast<TlsQuery*>(v);
  auto* base = static_cast<char*>(info->dlpi_tls_data);
  for (int i = 0; base && i < info->dlpi_phnum; i++) {
    const auto& h = info->dlpi_phdr[i];
    if (h.p_type == PT_TLS && q->inside >= base && q->inside < base + h.p_memsz) {
      q->base = base;
      q->bytes = h.p_memsz;
      return 1;
    }
  }
  return 0;
}

// kMargin of what lies behind the dynamic memory is watched for writes.
constexpr size_t kMargin = 4096;

void poison_shared(Runner* r) {
  r->dynamic = static_cast<char*>(r->launch->window(&r->dynamic_bytes));
  TlsQuery q{r->dynamic, nullptr, 0};
  dl_iterate_phdr(find_tls, &q);
  r->shared = q.base;
  r->shared_bytes = q.bytes;
  const size_t used = std::min(r->dynamic_bytes, r->launch->shared_bytes + kMargin);
  memset(r->shared, 0xff, size_t(r->dynamic - r->shared) + used);  // NaNs
}

void start_fibers(Runner* r, const Launch& l, uint3 block) {
  const uint32_t n = l.block.x * l.block.y * l.block.z;
  if (!r->stacks) {
    void* m = mmap(nullptr, kStackBytes * kMaxThreads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED) abort();
    r->stacks = static_cast<char*>(m);
  }
  r->fibers.resize(n);
  std::vector<Fiber*> all(n);
  for (uint32_t i = 0; i < n; i++) {
    Fiber& f = r->fibers[i];
    f.thread.tid = {i % l.block.x, i / l.block.x % l.block.y, i / l.block.x / l.block.y};
    f.thread.bid = block;
    f.thread.bdim = l.block;
    f.thread.gdim = l.grid;
    f.thread.linear = i;
    f.thread.warp = i / 32;
    f.thread.lane = i % 32;
    f.site = {"(running)", "", 0};
    f.copies.clear();
    f.groups.clear();
    f.open = 0;
    // Stacks begin at different lines of the cache.
    f.sp = new_stack(r->stacks + kStackBytes * (i + 1) - (i % 64) * 256 - (i / 64 % 4) * 64, body);
    all[i] = &f;
  }
  r->live = int(n);
  wake(r, all, nullptr);
}

// ranges writes numbers as "0-3,7".
std::string ranges(const std::vector<size_t>& v) {
  std::string s;
  for (size_t i = 0; i < v.size();) {
    size_t j = i;
    while (j + 1 < v.size() && v[j + 1] == v[j] + 1) j++;
    s += (s.empty() ? "" : ",") + std::to_string(v[i]) + (j > i ? "-" + std::to_string(v[j]) : "");
    i = j + 1;
  }
  return s;
}

void report_stuck(Runner* r) {
  std::map<std::string, std::vector<size_t>> waiting;  // by place
  for (size_t i = 0; i < r->fibers.size(); i++) {
    const Fiber& f = r->fibers[i];
    if (f.state == State::kDone) continue;
    char b[300];
    snprintf(b, sizeof b, "%s (%s:%d)", f.site.what, f.site.file, f.site.line);
    waiting[b].push_back(i);
  }
  r->failed = true;
  const uint3 b = r->fibers[0].thread.bid;
  r->why = "block (" + std::to_string(b.x) + "," + std::to_string(b.y) + "," + std::to_string(b.z) + "): no thread can go on";
  for (const auto& [place, threads] : waiting) r->why += "; threads " + ranges(threads) + " wait at " + place;
}

// poll lets late operations happen and looks at who waits for them. It reports
// whether anything came of it.
bool poll(Runner* r) {
  bool any = false;
  if (!r->late.empty()) {
    Runner::Late l = std::move(r->late.front());
    r->late.pop_front();
    emu_self = l.thread;
    r->operation = &l.site;
    l.op(l.arg.data());
    r->operation = nullptr;
    any = true;
  }
  for (size_t i = 0; i < r->polling.size();) {
    Fiber* f = r->polling[i];
    if (!f->ready(f->ready_arg)) {
      i++;
      continue;
    }
    push(r, f);
    r->polling[i] = r->polling.back();
    r->polling.pop_back();
    any = true;
  }
  return any;
}

void check_end(Runner* r) {
  const size_t from = r->launch->shared_bytes, end = std::min(r->dynamic_bytes, from + kMargin);
  for (size_t i = from; i < end; i++)
    if (static_cast<unsigned char>(r->dynamic[i]) != 0xff) {
      r->failed = true;
      r->code = kIllegalAddress;
      r->why = "wrote past the " + std::to_string(from) + " bytes of dynamic shared memory of the launch, at offset " + std::to_string(i);
      return;
    }
  for (const Fiber& f : r->fibers)
    if (!f.copies.empty()) {
      r->failed = true;
      r->why = whereabouts(f) + ": returned with a cp.async that nobody waited for";
      return;
    }
}

}  // namespace

Order order() { return chosen_order; }
void set_order(Order o) { chosen_order = o; }
Runner* current() { return runner; }
void set_current(Runner* r) { runner = r; }

void push(Runner* r, Fiber* f) {
  f->state = State::kReady;
  f->next = nullptr;
  (r->tail ? r->tail->next : r->head) = f;
  r->tail = f;
}

// step_aside gives the turn to the next ready fiber, or to the scheduler.
void step_aside(Fiber* f) {
  Runner* r = runner;
  Fiber* next = pop(r);
  if (next == f) return;
  if (next) {
    emu_self = &next->thread;
    emu_switch(&f->sp, next->sp);
  } else {
    emu_switch(&f->sp, r->scheduler);
  }
}

std::string whereabouts(const Fiber& f) {
  const EmuThread& t = f.thread;
  char b[200];
  snprintf(b, sizeof b, "block (%u,%u,%u) thread (%u,%u,%u)", t.bid.x, t.bid.y, t.bid.z, t.tid.x, t.tid.y, t.tid.z);
  return b;
}

void Runner::run(const Launch& l, uint3 block) {
  launch = &l;
  failed = false;
  code = kLaunchFailed;
  fault_pc = nullptr;
  operation = nullptr;
  warps.assign((l.block.x * l.block.y * l.block.z + 31) / 32, Warp());
  groups.assign(warps.size(), Group());
  for (Barrier& b : barriers) b = Barrier();
  head = tail = nullptr;
  polling.clear();
  late.clear();
  poison_shared(this);
  start_fibers(this, l, block);
  clocks = l.checked ? Clocks::of(this) : nullptr;
  inside = true;
  if (sigsetjmp(abandon, 0) == 0) {
    while (live && !failed) {
      if (!head && !poll(this)) {
        report_stuck(this);
        break;
      }
      Fiber* f = pop(this);
      if (!f) continue;
      emu_self = &f->thread;
      emu_switch(&scheduler, f->sp);
    }
  }
  inside = false;
  if (fault_pc) {
    const std::string at = source_lines(fault_pc);
    if (!at.empty()) why += " at " + at;
  }
  if (!failed) check_end(this);
}

}  // namespace emu

using namespace emu;

extern "C" {

void emu_fail(const char* format, ...) {
  char b[800];
  va_list args;
  va_start(args, format);
  vsnprintf(b, sizeof b, format, args);
  va_end(args);
  Runner* r = runner;
  r->failed = true;
  r->why = whereabouts(*self()) + ": " + b;
  siglongjmp(r->abandon, 1);
}

void emu_barrier(int id, int count, EmuSite site) {
  Runner* r = runner;
  if (id < 0 || id >= int(kBarriers)) emu_fail("%s: there is no barrier %d (%s:%d)", site.what, id, site.file, site.line);
  Barrier& b = r->barriers[id];
  if (b.arrived && b.want != count)
    emu_fail("%s %d for %d threads (%s:%d), where others wait for %d (%s:%d)", site.what, id, count, site.file, site.line, b.want, b.site.file, b.site.line);
  b.want = count;
  b.site = site;
  b.arrived++;
  Fiber* f = self();
  b.fibers.push_back(f);
  f->state = State::kBarrier;
  f->site = site;
  open_if_full(r, b);
  step_aside(f);
}

void emu_warp(uint32_t mask, EmuWarpOp op, void* arg, EmuSite site) {
  Runner* r = runner;
  Fiber* f = self();
  const uint32_t bit = 1u << f->thread.lane;
  if (!(mask & bit)) emu_fail("%s by mask %08x, which lacks the lane itself (%s:%d)", site.what, mask, site.file, site.line);
  Meeting* m = nullptr;
  for (Meeting& x : r->warps[f->thread.warp].meetings)
    if (x.arrived && x.mask == mask) m = &x;
  if (!m)
    for (Meeting& x : r->warps[f->thread.warp].meetings)
      if (!x.arrived) {
        m = &x;
        m->mask = mask;
        m->site = site;
        m->op = op;
        break;
      }
  if (!m) emu_fail("%s: more masks wait in one warp than there are places (%s:%d)", site.what, site.file, site.line);
  if (m->op != op)
    emu_fail("divergent warp: this lane is at %s (%s:%d), lanes %08x wait at %s (%s:%d)", site.what, site.file, site.line, m->arrived, m->site.what, m->site.file, m->site.line);
  static char nothing;
  m->args[f->thread.lane] = arg ? arg : &nothing;
  m->fibers[f->thread.lane] = f;
  m->arrived |= bit;
  f->site = site;
  if (m->arrived != mask) {
    f->state = State::kWarp;
    step_aside(f);
    return;
  }
  void* args[32];
  std::vector<Fiber*> fibers;
  for (int i = 0; i < 32; i++) {
    args[i] = mask >> i & 1 ? m->args[i] : nullptr;
    if (args[i]) fibers.push_back(m->fibers[i]);
  }
  m->arrived = 0;
  if (r->clocks) r->clocks->meet(fibers.data(), int(fibers.size()));
  r->operation = &site;
  op(args, mask);
  r->operation = nullptr;
  wake(r, fibers, f);
}

void emu_group(int first_warp, int count, EmuGroupOp op, void* arg, EmuSite site) {
  Runner* r = runner;
  Fiber* f = self();
  const int n = count * 32, i = int(f->thread.linear) - first_warp * 32;
  if (size_t(first_warp + count) > r->warps.size()) emu_fail("%s: the block has no %d warps from %d on (%s:%d)", site.what, count, first_warp, site.file, site.line);
  Group& g = r->groups[first_warp];
  if (g.arrived && strcmp(g.site.what, site.what))
    emu_fail("divergent group of warps: this thread is at %s (%s:%d), others at %s (%s:%d)", site.what, site.file, site.line, g.site.what, g.site.file, g.site.line);
  if (!g.arrived) {
    g.site = site;
    g.args.assign(n, nullptr);
    g.fibers.assign(n, nullptr);
  }
  g.args[i] = arg;
  g.fibers[i] = f;
  f->site = site;
  if (++g.arrived != n) {
    f->state = State::kGroup;
    step_aside(f);
    return;
  }
  std::vector<void*> args;
  std::vector<Fiber*> fibers;
  args.swap(g.args);
  fibers.swap(g.fibers);
  g.arrived = 0;
  if (r->clocks) r->clocks->meet(fibers.data(), n);
  r->operation = &site;
  op(args.data(), n);
  r->operation = nullptr;
  wake(r, fibers, f);
}

void emu_wait(bool (*ready)(void*), void* arg, EmuSite site) {
  if (ready(arg)) return;
  Fiber* f = self();
  f->ready = ready;
  f->ready_arg = arg;
  runner->polling.push_back(f);
  wait_at(State::kPolling, site);
}

void emu_late(EmuLateOp op, const void* arg, size_t bytes, EmuSite site) {
  const char* a = static_cast<const char*>(arg);
  runner->late.push_back({op, std::vector<char>(a, a + bytes), emu_self, site});
}

uint32_t emu_shared_address(const void* p) {
  const size_t at = size_t(static_cast<const char*>(p) - runner->shared);
  if (at >= runner->shared_bytes) emu_fail("%p is not in shared memory", p);
  return uint32_t(at);
}

void* emu_shared_pointer(uint32_t address, size_t bytes) {
  Runner* r = runner;
  char* p = r->shared + address;
  if (address + bytes > r->shared_bytes) emu_fail("shared address %u is outside shared memory", address);
  if (p + bytes > r->dynamic + r->launch->shared_bytes && p >= r->dynamic)
    emu_fail("offset %zu of dynamic shared memory is past the %u bytes of the launch", size_t(p - r->dynamic) + bytes - 1, r->launch->shared_bytes);
  return p;
}

void emu_cp_async(uint32_t to, const void* from, int bytes, int zero_from) {
  Fiber* f = self();
  if (to % bytes) emu_fail("cp.async of %d bytes to address %u, which is not aligned", bytes, to);
  if (zero_from && reinterpret_cast<uintptr_t>(from) % bytes) emu_fail("cp.async of %d bytes from %p, which is not aligned", bytes, from);
  f->copies.push_back({emu_shared_pointer(to, bytes), from, bytes, zero_from});
  f->open++;
}

void emu_cp_commit() {
  Fiber* f = self();
  f->groups.push_back(f->open);
  f->open = 0;
}

void emu_cp_wait(int groups_left) {
  Fiber* f = self();
  size_t done = 0;
  while (int(f->groups.size()) > groups_left) {
    const int n = f->groups.front();
    f->groups.erase(f->groups.begin());
    for (int i = 0; i < n; i++) {
      const CpAsync& c = f->copies[done++];
      const void* pc = __builtin_return_address(0);
      if (c.zero_from) touch(c.from, c.zero_from, false, pc);
      touch(c.to, c.bytes, true, pc);
      memcpy(c.to, c.from, c.zero_from);
      memset(static_cast<char*>(c.to) + c.zero_from, 0, c.bytes - c.zero_from);
    }
  }
  f->copies.erase(f->copies.begin(), f->copies.begin() + done);
}

}  // extern "C"
