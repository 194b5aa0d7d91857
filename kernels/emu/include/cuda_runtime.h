// cuda_runtime.h: all that it declares is in emu.h already.
#pragma once
