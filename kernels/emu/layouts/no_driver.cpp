// no_driver.cpp stands in for the driver, which print.cpp never calls.
#include <cstdlib>

#include "emu.h"

__thread EmuThread* emu_self;
void emu_warp(uint32_t, EmuWarpOp, void*, EmuSite) { abort(); }
void emu_group(int, int, EmuGroupOp, void*, EmuSite) { abort(); }
void emu_wait(bool (*)(void*), void*, EmuSite) { abort(); }
void emu_late(EmuLateOp, const void*, size_t, EmuSite) { abort(); }
void* emu_shared_pointer(uint32_t, size_t) { abort(); }
void emu_cp_async(uint32_t, const void*, int, int) { abort(); }
void emu_cp_commit() { abort(); }
void emu_cp_wait(int) { abort(); }
void emu_reads(const void*, size_t) { abort(); }
void emu_writes(const void*, size_t) { abort(); }
void emu_releases(const void*) { abort(); }
void emu_acquires(const void*) { abort(); }
void emu_fail(const char*, ...) { abort(); }
