// engine.h: how blocks run. A CUDA thread is a fiber; a block runs whole on one
// thread of the host (a Runner), switching between its fibers where they wait.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "../include/emu.h"

namespace emu {

// The codes of CUresult that a block can end in.
constexpr int kIllegalAddress = 700, kLaunchFailed = 719;
constexpr size_t kStackBytes = 128 << 10;
constexpr uint32_t kMaxThreads = 1024, kBarriers = 16;

// Order is that in which fibers get their turn; a kernel whose result depends on it
// is wrong.
enum class Order { kForward, kReverse, kRandom };
Order order();
void set_order(Order o);

// Launch is a kernel with its arguments, as the driver's queue holds it.
struct Launch {
  const EmuKernel* kernel;
  dim3 grid, block;
  uint32_t shared_bytes;        // dynamic
  void** params;
  void* (*window)(size_t* bytes);  // the module's dynamic shared memory on this thread
  bool checked;                 // its loads and stores are instrumented
};

// launch runs every block and returns 0 or a CUresult, with why in error.
int launch(const Launch& l, std::string* error);

enum class State { kReady, kBarrier, kWarp, kGroup, kPolling, kDone };

struct CpAsync {
  void* to;
  const void* from;
  int bytes, zero_from;
};

struct Fiber {
  EmuThread thread;  // first: emu_self points to it
  void* sp;
  State state;
  EmuSite site;
  Fiber* next;
  bool (*ready)(void*);
  void* ready_arg;
  std::vector<CpAsync> copies;
  std::vector<int> groups;  // copies in each committed group
  int open;                 // copies since
};

// Meeting is lanes of one warp waiting for the rest of their mask.
struct Meeting {
  uint32_t mask = 0, arrived = 0;
  EmuSite site{};
  EmuWarpOp op = nullptr;
  void* args[32];
  Fiber* fibers[32];
};
struct Warp {
  Meeting meetings[8];
};
struct Group {
  int arrived = 0;
  EmuSite site{};
  std::vector<void*> args;
  std::vector<Fiber*> fibers;
};
struct Barrier {
  int arrived = 0, want = 0;
  EmuSite site{};
  std::vector<Fiber*> fibers;
};

class Clocks;

// Runner is a thread of the host that runs blocks.
struct Runner {
  char* stacks = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<Group> groups;
  Barrier barriers[kBarriers];
  Fiber *head = nullptr, *tail = nullptr;  // ready
  std::vector<Fiber*> polling;
  struct Late {
    EmuLateOp op;
    std::vector<char> arg;
    EmuThread* thread;
    EmuSite site;
  };
  std::deque<Late> late;
  void* scheduler = nullptr;  // its stack pointer
  int live = 0;
  const Launch* launch = nullptr;
  std::mt19937 random{1};

  // Shared memory: [shared, shared + shared_bytes) is the module's, dynamic memory
  // begins at dynamic.
  char *shared = nullptr, *dynamic = nullptr;
  size_t shared_bytes = 0, dynamic_bytes = 0;
  Clocks* clocks = nullptr;  // of a checked launch

  bool failed = false;
  int code = 0;
  std::string why;
  const void* fault_pc = nullptr;    // what was refused stands there
  const EmuSite* operation = nullptr;  // of several threads, or late: running now
  bool inside = false;       // a fiber, or an operation for one, is running
  sigjmp_buf abandon;

  void run(const Launch& l, uint3 block);
};

// current is the runner of this thread of the host.
Runner* current();
void set_current(Runner* r);

// block.cpp
void push(Runner* r, Fiber* f);
void step_aside(Fiber* f);
std::string whereabouts(const Fiber& f);
// trap.cpp: turns a segmentation fault inside a kernel into its end, and an address
// of code into "file:line", with the lines that it was inlined into.
void set_traps();
std::string source_lines(const void* pc);

}  // namespace emu
