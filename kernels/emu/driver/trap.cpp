// trap.cpp ends a kernel that touches memory it may not, and names the line.
#include <dlfcn.h>
#include <signal.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>

#include "engine.h"

namespace emu {
namespace {

struct sigaction before_segv, before_bus;

// on_fault runs on a stack of its own. Nothing of the runner is in the middle of a
// change while a kernel runs, so that jumping away is safe.
void on_fault(int sig, siginfo_t* info, void* context) {
  Runner* r = current();
  if (r && r->inside) {
    r->failed = true;
    r->code = kIllegalAddress;
    r->fault_pc = reinterpret_cast<const void*>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
    char b[100];
    snprintf(b, sizeof b, ": touches address %p, which is not its to touch", info->si_addr);
    r->why = whereabouts(*reinterpret_cast<Fiber*>(emu_self)) + b;
    siglongjmp(r->abandon, 1);
  }
  const struct sigaction& before = sig == SIGSEGV ? before_segv : before_bus;
  if (before.sa_flags & SA_SIGINFO) return before.sa_sigaction(sig, info, context);
  signal(sig, SIG_DFL);
  raise(sig);
}

}  // namespace

void set_traps() {
  struct sigaction a {};
  a.sa_sigaction = on_fault;
  a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigfillset(&a.sa_mask);
  sigaction(SIGSEGV, &a, &before_segv);
  sigaction(SIGBUS, &a, &before_bus);
}

// source_lines asks addr2line, and leaves out what stands in headers of the emulator.
// Without it, or without debug information, the answer is module and offset.
std::string source_lines(const void* pc) {
  Dl_info info;
  if (!dladdr(pc, &info) || !info.dli_fname) return "";
  const size_t offset = size_t(static_cast<const char*>(pc) - static_cast<const char*>(info.dli_fbase));
  char command[600], line[400];
  snprintf(command, sizeof command, "addr2line -i -e '%s' 0x%zx 2>/dev/null", info.dli_fname, offset - 1);
  std::string all;
  if (FILE* f = popen(command, "r")) {
    while (fgets(line, sizeof line, f)) {
      std::string s = line;
      s = s.substr(0, s.find_first_of(" \n"));
      if (s.empty() || s[0] == '?' || s.find("/include/emu") != std::string::npos) continue;
      all += (all.empty() ? "" : " in ") + s;
    }
    pclose(f);
  }
  if (!all.empty()) return all;
  snprintf(line, sizeof line, "%s+0x%zx", info.dli_fname, offset);
  return line;
}

}  // namespace emu
