// driver.h: the CUDA driver API over the engine. Work on a stream is queued and
// done when somebody waits for it, as late as the API allows: what forgets to wait
// reads old bytes.
#pragma once

#include <cuda.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "check.h"
#include "engine.h"

#define EMU_API extern "C" __attribute__((visibility("default")))

typedef std::function<CUresult()> Work;

struct Node {
  Work work;
  std::vector<int> after;  // nodes that must be done first
};
struct CUgraph_st {
  std::vector<Node> nodes;
  CUstream origin = nullptr;
};
struct CUgraphExec_st {
  std::vector<Node> nodes;
};
struct CUstream_st {
  CUcontext context = nullptr;
  unsigned flags = 0;
  std::deque<Work> queue;
  CUgraph capture = nullptr;
  std::vector<int> last;  // nodes that the next captured one comes after
};
// Record is one recording of an event. What waits for it holds on to it, whatever the
// event records next.
struct Record {
  CUstream stream = nullptr;
  bool pending = false;
  double at = -1;  // ms
};
struct CUevent_st {
  std::shared_ptr<Record> last = std::make_shared<Record>();
  CUgraph capture = nullptr;  // recorded into it
  std::vector<int> after;
};
struct CUctx_st {
  CUdevice device = 0;
  CUresult sticky = CUDA_SUCCESS;
  int capturing = 0;
  CUstream_st legacy;  // the default stream
  std::vector<CUstream> streams;
};
struct CUmod_st {
  void* handle;
  void* (*window)(size_t*);
  bool checked;
  int image;  // the file it was opened from, -1 if it has a name
  std::map<std::string, CUfunction> functions;
};
struct CUfunc_st {
  const EmuKernel* kernel;
  CUmodule module;
  int shared_limit = 48 << 10;  // of dynamic shared memory, in bytes
};

namespace emu {

// One lock for the whole driver: calls are checked, not raced.
std::recursive_mutex& lock();
bool initialised();
CUcontext current_context();
int device_count();
size_t device_bytes();

// note_error keeps what a kernel was refused for, for emuLastError, and prints it
// unless EMU_QUIET is set.
void note_error(const std::string& text);

// take_fault says whether the fault that a test asked for strikes this event: alloc,
// launch, sticky, lost, copy or wait.
bool take_fault(const char* event);

// What can be done as soon as it may be, instead of as late: a wait that was left out
// before it shows. emuSetEarly takes a sum of them.
enum Early { kCopiesIn = 1, kCopiesOut = 2, kLaunches = 4 };
bool is_early(Early what);

// stream.cpp
CUstream stream_of(CUcontext c, CUstream s);  // the default stream for 0, 1 and 2
CUresult enqueue(CUstream s, Work w);
// hand_over is enqueue for work that may be early.
CUresult hand_over(CUstream s, Early what, Work w);
CUresult drain(CUstream s);
CUresult drain_all(CUcontext c);
double now_ms();

// memory.cpp
bool allocated(CUdeviceptr p, size_t bytes);

}  // namespace emu

// EMU_ENTER begins a call that needs no context; EMU_CALL one that needs one, named c.
#define EMU_ENTER std::lock_guard<std::recursive_mutex> emu_guard(emu::lock())
#define EMU_CALL                                                   \
  EMU_ENTER;                                                       \
  if (!emu::initialised()) return CUDA_ERROR_NOT_INITIALIZED;      \
  CUcontext c = emu::current_context();                            \
  if (!c) return CUDA_ERROR_INVALID_CONTEXT;                       \
  if (c->sticky) return c->sticky
