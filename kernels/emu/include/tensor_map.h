// tensor_map.h: what the driver writes into a CUtensorMap, and the emulated bulk
// copies read.
#pragma once

#include <cstdint>

constexpr uint32_t kEmuTensorMapMagic = 0x544d4150;
struct EmuTensorMap {
  uint32_t magic;
  uint8_t im2col, element, rank, swizzle;  // element in bytes
  uint64_t base;
  uint32_t size[5];
  uint64_t stride[4];  // bytes, of dimensions 1 and up
  uint16_t box[5];
  uint8_t step[5];
  int8_t lower[3], upper[3];
  uint16_t channels, pixels;
};
static_assert(sizeof(EmuTensorMap) <= 128, "a CUtensorMap has 128 bytes");
