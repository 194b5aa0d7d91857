// module.cpp: modules and launches. The image that the program loads is for a GPU;
// the kernels that run are those of the shared object that EMU_KERNELS names, made
// from the same .cu files (or the image itself, if it is a shared object).
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "driver.h"

namespace emu {
namespace {

CUresult open_module(CUmodule* m, const char* path) {
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    note_error(std::string("module: ") + dlerror());
    return CUDA_ERROR_INVALID_IMAGE;
  }
  auto* window = reinterpret_cast<void* (*)(size_t*)>(dlsym(handle, "emu_window"));
  auto* checked = static_cast<const bool*>(dlsym(handle, "emu_checked"));
  if (!window || !checked) return CUDA_ERROR_INVALID_IMAGE;
  // What unchecked kernels write would count as never written.
  static int kind = -1;
  if (kind >= 0 && kind != int(*checked)) {
    note_error("module: checked and unchecked kernels do not mix in one process");
    return CUDA_ERROR_INVALID_IMAGE;
  }
  kind = int(*checked);
  *m = new CUmod_st{handle, window, *checked, -1, {}};
  return CUDA_SUCCESS;
}

// open_image lays a shared object in memory where dlopen finds it, and reports of its
// lines too.
CUresult open_image(CUmodule* m, const Elf64_Ehdr* e) {
  const size_t bytes = e->e_shoff + size_t(e->e_shnum) * e->e_shentsize;
  const int fd = memfd_create("emu", 0);
  if (fd < 0 || write(fd, e, bytes) != ssize_t(bytes)) return CUDA_ERROR_OPERATING_SYSTEM;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", int(getpid()), fd);
  const CUresult r = open_module(m, path);
  if (r) close(fd);
  else (*m)->image = fd;
  return r;
}

}  // namespace
}  // namespace emu

using namespace emu;

EMU_API CUresult cuModuleLoadData(CUmodule* m, const void* image) {
  EMU_CALL;
  const auto* e = static_cast<const Elf64_Ehdr*>(image);
  if (!memcmp(e->e_ident, ELFMAG, SELFMAG) && e->e_machine == EM_X86_64) return open_image(m, e);
  const char* path = getenv("EMU_KERNELS");
  if (path) return open_module(m, path);
  note_error("module: the image is for a GPU, and EMU_KERNELS names no shared object");
  return CUDA_ERROR_NO_BINARY_FOR_GPU;
}
EMU_API CUresult cuModuleLoadDataEx(CUmodule* m, const void* image, unsigned, CUjit_option*, void**) { return cuModuleLoadData(m, image); }
EMU_API CUresult cuModuleUnload(CUmodule m) {
  EMU_CALL;
  const CUresult r = drain_all(c);
  for (auto& f : m->functions) delete f.second;
  dlclose(m->handle);
  if (m->image >= 0) close(m->image);
  delete m;
  return r;
}
EMU_API CUresult cuModuleGetFunction(CUfunction* f, CUmodule m, const char* name) {
  EMU_CALL;
  auto i = m->functions.find(name);
  if (i == m->functions.end()) {
    auto* k = static_cast<const EmuKernel*>(dlsym(m->handle, (std::string("emu_kernel_") + name).c_str()));
    if (!k) return CUDA_ERROR_NOT_FOUND;
    i = m->functions.emplace(name, new CUfunc_st{k, m}).first;
  }
  *f = i->second;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v) {
  EMU_CALL;
  if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_SUCCESS;
  if (v < 0 || v > 227 << 10) return CUDA_ERROR_INVALID_VALUE;
  f->shared_limit = v;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuFuncGetAttribute(int* v, CUfunction_attribute a, CUfunction f) {
  EMU_CALL;
  *v = a == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES ? f->shared_limit : a == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? int(kMaxThreads) : 0;
  return CUDA_SUCCESS;
}

namespace {
// Arguments are copied at the launch, each at an address aligned as a tensor map's.
struct Arguments {
  std::unique_ptr<char, decltype(&free)> bytes{nullptr, free};
  std::vector<void*> at;
};
std::shared_ptr<Arguments> copy_arguments(const EmuKernel* k, void** params) {
  constexpr size_t kAlign = 64;
  auto a = std::make_shared<Arguments>();
  size_t total = kAlign;
  for (int i = 0; i < k->params; i++) total += (k->sizes[i] + kAlign - 1) / kAlign * kAlign;
  a->bytes.reset(static_cast<char*>(aligned_alloc(kAlign, total)));
  char* p = a->bytes.get();
  for (int i = 0; i < k->params; i++) {
    memcpy(p, params[i], k->sizes[i]);
    a->at.push_back(p);
    p += (k->sizes[i] + kAlign - 1) / kAlign * kAlign;
  }
  return a;
}
}  // namespace

EMU_API CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, void** params, void** extra) {
  EMU_CALL;
  constexpr unsigned kMaxGrid = 65535;
  const uint64_t threads = uint64_t(bx) * by * bz;
  if (!threads || threads > kMaxThreads || !gx || !gy || !gz || gy > kMaxGrid || gz > kMaxGrid || extra || int(shared) > f->shared_limit) return CUDA_ERROR_INVALID_VALUE;
  if (!params && f->kernel->params) return CUDA_ERROR_INVALID_VALUE;
  if (take_fault("launch")) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (take_fault("lost")) return c->sticky = CUDA_ERROR_DEVICE_UNAVAILABLE;
  const bool spoilt = take_fault("sticky");
  auto args = copy_arguments(f->kernel, params);
  return hand_over(stream_of(c, s), kLaunches, [=] {
    if (spoilt) {
      note_error(std::string(f->kernel->name) + ": fails on request");
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    }
    const Launch l{f->kernel, dim3{gx, gy, gz}, dim3{bx, by, bz}, shared, args->at.data(), f->module->window, f->module->checked};
    std::string error;
    const int code = launch(l, &error);
    if (code) note_error(error);
    return CUresult(code);
  });
}
