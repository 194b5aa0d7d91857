// pool.cpp runs the blocks of a launch on a few threads of the host.
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "engine.h"

namespace emu {
namespace {

struct Pool {
  std::mutex mutex;
  std::condition_variable begun, ended;
  const Launch* job = nullptr;
  uint64_t generation = 0;
  int busy = 0;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> failed{false};
  int code = 0;
  std::string why;
};

// Never destroyed: its threads wait on it until the process ends.
Pool& pool() {
  static Pool& p = *new Pool;
  return p;
}

void serve() {
  auto* r = new Runner;
  set_current(r);
  stack_t alternate{};
  alternate.ss_size = 64 << 10;
  alternate.ss_sp = malloc(alternate.ss_size);
  sigaltstack(&alternate, nullptr);
  sigset_t blocked;
  sigfillset(&blocked);
  sigdelset(&blocked, SIGSEGV);
  sigdelset(&blocked, SIGBUS);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  Pool& p = pool();
  for (uint64_t seen = 0;;) {
    const Launch* l;
    {
      std::unique_lock<std::mutex> lock(p.mutex);
      p.begun.wait(lock, [&] { return p.generation != seen; });
      seen = p.generation;
      l = p.job;
    }
    const uint64_t blocks = uint64_t(l->grid.x) * l->grid.y * l->grid.z;
    for (uint64_t b; !p.failed && (b = p.next++) < blocks;) {
      // The last block first, if the order is reversed.
      const uint64_t i = order() == Order::kReverse ? blocks - 1 - b : b;
      r->run(*l, uint3{unsigned(i % l->grid.x), unsigned(i / l->grid.x % l->grid.y), unsigned(i / l->grid.x / l->grid.y)});
      if (!r->failed) continue;
      std::lock_guard<std::mutex> lock(p.mutex);
      if (!p.failed) {
        p.failed = true;
        p.why = r->why;
        p.code = r->code;
      }
    }
    std::lock_guard<std::mutex> lock(p.mutex);
    if (--p.busy == 0) p.ended.notify_all();
  }
}

int start_pool() {
  set_traps();
  const char* e = getenv("EMU_THREADS");
  const int n = e && atoi(e) > 0 ? atoi(e) : 2;
  for (int i = 0; i < n; i++) std::thread(serve).detach();
  return n;
}

}  // namespace

int launch(const Launch& l, std::string* error) {
  static const int threads = start_pool();
  Pool& p = pool();
  std::unique_lock<std::mutex> lock(p.mutex);
  p.job = &l;
  p.next = 0;
  p.failed = false;
  p.busy = threads;
  p.generation++;
  p.begun.notify_all();
  p.ended.wait(lock, [&] { return p.busy == 0; });
  if (!p.failed) return 0;
  *error = std::string(l.kernel->name) + ": " + p.why;
  return p.code;
}

}  // namespace emu
