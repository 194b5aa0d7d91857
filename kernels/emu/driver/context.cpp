// context.cpp: devices, contexts, errors, and the faults that tests ask for.
#include <cstdio>
#include <cstdlib>

#include "driver.h"

namespace emu {
namespace {

bool ready;
thread_local std::vector<CUcontext> stack;
std::map<CUdevice, CUcontext> primary;
std::string last_error;

struct Fault {
  std::string event;
  int countdown;
};
std::vector<Fault> faults;
int early;

int number(const char* variable, int otherwise) {
  const char* e = getenv(variable);
  return e && atoi(e) > 0 ? atoi(e) : otherwise;
}

// set_faults reads "alloc:2,lost:7": the second allocation and the seventh launch
// from now on fail. "wait:1" leaves out the next wait of a stream for an event.
void set_faults(const char* text) {
  faults.clear();
  for (std::string rest = text ? text : ""; !rest.empty();) {
    const size_t comma = rest.find(','), colon = rest.find(':');
    if (colon == std::string::npos) return;
    faults.push_back({rest.substr(0, colon), atoi(rest.c_str() + colon + 1)});
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
  }
}

}  // namespace

std::recursive_mutex& lock() {
  static auto& m = *new std::recursive_mutex;  // outlives every thread
  return m;
}
bool initialised() { return ready; }
CUcontext current_context() { return stack.empty() ? nullptr : stack.back(); }
int device_count() {
  static const int n = number("EMU_DEVICES", 1);
  return n;
}
size_t device_bytes() {
  static const size_t n = size_t(number("EMU_MEMORY_MIB", 8 << 10)) << 20;
  return n;
}

bool is_early(Early what) { return early & what; }

void note_error(const std::string& text) {
  last_error = text;
  static const bool quiet = getenv("EMU_QUIET");
  if (!quiet) fprintf(stderr, "emu: %s\n", text.c_str());
}

bool take_fault(const char* event) {
  for (size_t i = 0; i < faults.size(); i++)
    if (faults[i].event == event && --faults[i].countdown == 0) {
      faults.erase(faults.begin() + i);
      return true;
    }
  return false;
}

}  // namespace emu

using namespace emu;

// For tests, beside the API: faults, the order of threads, and the last report.
EMU_API void emuSetFaults(const char* text) { EMU_ENTER; set_faults(text); }
EMU_API void emuForget() { EMU_ENTER; last_error.clear(); }
EMU_API void emuSetEarly(int what) { EMU_ENTER; early = what; }
EMU_API void emuSetOrder(int o) { EMU_ENTER; set_order(Order(o)); }
EMU_API const char* emuLastError() { EMU_ENTER; return last_error.c_str(); }

EMU_API CUresult cuInit(unsigned flags) {
  EMU_ENTER;
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  if (!ready) set_faults(getenv("EMU_FAULTS"));
  ready = true;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuDriverGetVersion(int* v) { *v = 13000; return CUDA_SUCCESS; }
EMU_API CUresult cuDeviceGetCount(int* n) { EMU_ENTER; if (!ready) return CUDA_ERROR_NOT_INITIALIZED; *n = device_count(); return CUDA_SUCCESS; }
EMU_API CUresult cuDeviceGet(CUdevice* d, int i) {
  EMU_ENTER;
  if (!ready) return CUDA_ERROR_NOT_INITIALIZED;
  if (i < 0 || i >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  *d = i;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuDeviceGetName(char* s, int n, CUdevice) { snprintf(s, size_t(n), "emulated on the CPU"); return CUDA_SUCCESS; }
EMU_API CUresult cuDeviceTotalMem_v2(size_t* n, CUdevice) { *n = device_bytes(); return CUDA_SUCCESS; }
EMU_API CUresult cuDeviceGetAttribute(int* v, CUdevice_attribute a, CUdevice) {
  EMU_ENTER;
  static const int capability = number("EMU_CAPABILITY", 90);
  switch (a) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *v = capability / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *v = capability % 10; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *v = 4; break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *v = 32; break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *v = int(kMaxThreads); break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *v = 48 << 10; break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *v = 227 << 10; break;
    default: *v = 0;
  }
  return CUDA_SUCCESS;
}

static CUcontext make_context(CUdevice d) {
  auto* c = new CUctx_st;
  c->device = d;
  c->legacy.context = c;
  return c;
}
EMU_API CUresult cuCtxCreate_v2(CUcontext* c, unsigned, CUdevice d) {
  EMU_ENTER;
  if (!ready) return CUDA_ERROR_NOT_INITIALIZED;
  if (d < 0 || d >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  *c = make_context(d);
  stack.push_back(*c);
  return CUDA_SUCCESS;
}
EMU_API CUresult cuDevicePrimaryCtxRetain(CUcontext* c, CUdevice d) {
  EMU_ENTER;
  if (!ready) return CUDA_ERROR_NOT_INITIALIZED;
  if (d < 0 || d >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  if (!primary[d]) primary[d] = make_context(d);
  *c = primary[d];
  return CUDA_SUCCESS;
}
EMU_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return CUDA_SUCCESS; }
EMU_API CUresult cuCtxDestroy_v2(CUcontext c) {
  EMU_ENTER;
  if (!c) return CUDA_ERROR_INVALID_CONTEXT;
  for (CUcontext& x : stack)
    if (x == c) x = nullptr;
  for (CUstream s : c->streams) delete s;
  delete c;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuCtxSetCurrent(CUcontext c) {
  EMU_ENTER;
  if (stack.empty()) stack.push_back(c);
  else stack.back() = c;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuCtxGetCurrent(CUcontext* c) { EMU_ENTER; *c = current_context(); return CUDA_SUCCESS; }
EMU_API CUresult cuCtxPushCurrent_v2(CUcontext c) { EMU_ENTER; stack.push_back(c); return CUDA_SUCCESS; }
EMU_API CUresult cuCtxPopCurrent_v2(CUcontext* c) {
  EMU_ENTER;
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (c) *c = stack.back();
  stack.pop_back();
  return CUDA_SUCCESS;
}
EMU_API CUresult cuCtxGetDevice(CUdevice* d) { EMU_CALL; *d = c->device; return CUDA_SUCCESS; }
EMU_API CUresult cuCtxSynchronize() { EMU_CALL; return c->capturing ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : drain_all(c); }

EMU_API CUresult cuGetErrorName(CUresult r, const char** s) {
  switch (r) {
    case CUDA_SUCCESS: *s = "CUDA_SUCCESS"; break;
    case CUDA_ERROR_INVALID_VALUE: *s = "CUDA_ERROR_INVALID_VALUE"; break;
    case CUDA_ERROR_OUT_OF_MEMORY: *s = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case CUDA_ERROR_NOT_FOUND: *s = "CUDA_ERROR_NOT_FOUND"; break;
    case CUDA_ERROR_ILLEGAL_ADDRESS: *s = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
    case CUDA_ERROR_LAUNCH_FAILED: *s = "CUDA_ERROR_LAUNCH_FAILED"; break;
    case CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: *s = "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"; break;
    case CUDA_ERROR_DEVICE_UNAVAILABLE: *s = "CUDA_ERROR_DEVICE_UNAVAILABLE"; break;
    default: *s = "CUDA_ERROR"; break;
  }
  return CUDA_SUCCESS;
}
EMU_API CUresult cuGetErrorString(CUresult r, const char** s) { return cuGetErrorName(r, s); }
