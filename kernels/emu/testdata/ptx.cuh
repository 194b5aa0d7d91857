// ptx.cuh: the PTX of the test kernels, for nvcc; the emulator has twins.
#pragma once
#ifdef EMU
#include "emu_hopper.h"
#else
#error "these kernels only test the emulator"
#endif
