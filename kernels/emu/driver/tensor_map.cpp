// tensor_map.cpp: cuTensorMapEncode*, with the limits that the driver API states.
#include "../include/tensor_map.h"

#include "driver.h"

namespace emu {
namespace {

int element_bytes(CUtensorMapDataType t) {
  switch (t) {
    case CU_TENSOR_MAP_DATA_TYPE_UINT8: return 1;
    case CU_TENSOR_MAP_DATA_TYPE_UINT16:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT16:
    case CU_TENSOR_MAP_DATA_TYPE_BFLOAT16: return 2;
    case CU_TENSOR_MAP_DATA_TYPE_INT32:
    case CU_TENSOR_MAP_DATA_TYPE_UINT32:
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT32: return 4;
    default: return 0;
  }
}

struct Shape {
  CUtensorMapDataType type;
  cuuint32_t rank;
  void* base;
  const cuuint64_t *size, *stride;
  const cuuint32_t* step;
  CUtensorMapInterleave interleave;
  CUtensorMapSwizzle swizzle;
};

bool encode(const Shape& s, EmuTensorMap* t) {
  memset(t, 0, sizeof *t);
  t->magic = kEmuTensorMapMagic;
  t->element = uint8_t(element_bytes(s.type));
  t->rank = uint8_t(s.rank);
  t->swizzle = uint8_t(s.swizzle);
  t->base = uint64_t(s.base);
  if (!t->element || s.interleave || t->base & 15 || !allocated(t->base, 1) || s.rank < 1 || s.rank > 5) return false;
  for (cuuint32_t i = 0; i < s.rank; i++) {
    if (!s.size[i] || s.size[i] > 1ull << 32 || !s.step[i] || s.step[i] > 8) return false;
    t->size[i] = uint32_t(s.size[i]);
    t->step[i] = uint8_t(s.step[i]);
    if (i + 1 == s.rank) break;
    if (s.stride[i] & 15) return false;
    t->stride[i] = s.stride[i];
  }
  return true;
}

// row_fits says whether an innermost row may have this many bytes in a swizzle.
bool row_fits(unsigned bytes, CUtensorMapSwizzle s) {
  const unsigned most = s == CU_TENSOR_MAP_SWIZZLE_NONE ? ~0u : 16u << s;
  return bytes % 16 == 0 && bytes <= most;
}

void store(CUtensorMap* m, const EmuTensorMap& t) {
  memset(m, 0, sizeof *m);
  memcpy(m, &t, sizeof t);
}

bool aligned(const CUtensorMap* m) { return m && uintptr_t(m) % 64 == 0; }

}  // namespace
}  // namespace emu

using namespace emu;

EMU_API CUresult cuTensorMapEncodeTiled(CUtensorMap* m, CUtensorMapDataType type, cuuint32_t rank, void* base, const cuuint64_t* size, const cuuint64_t* stride, const cuuint32_t* box, const cuuint32_t* step, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  EMU_ENTER;
  EmuTensorMap t;
  if (!aligned(m) || !encode({type, rank, base, size, stride, step, interleave, swizzle}, &t)) return CUDA_ERROR_INVALID_VALUE;
  for (cuuint32_t i = 0; i < rank; i++) {
    if (!box[i] || box[i] > 256) return CUDA_ERROR_INVALID_VALUE;
    t.box[i] = uint16_t(box[i]);
  }
  if (!row_fits(box[0] * t.element, swizzle)) return CUDA_ERROR_INVALID_VALUE;
  store(m, t);
  return CUDA_SUCCESS;
}
EMU_API CUresult cuTensorMapEncodeIm2col(CUtensorMap* m, CUtensorMapDataType type, cuuint32_t rank, void* base, const cuuint64_t* size, const cuuint64_t* stride, const int* lower, const int* upper, cuuint32_t channels, cuuint32_t pixels, const cuuint32_t* step, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  EMU_ENTER;
  EmuTensorMap t;
  if (!aligned(m) || rank < 3 || channels > 256 || pixels > 1024 || !encode({type, rank, base, size, stride, step, interleave, swizzle}, &t)) return CUDA_ERROR_INVALID_VALUE;
  t.im2col = 1;
  t.channels = uint16_t(channels);
  t.pixels = uint16_t(pixels);
  const int limit = rank == 4 ? 128 : 16;  // a fourth dimension leaves 8 bits, a fifth 5
  if (rank == 3) return CUDA_ERROR_INVALID_VALUE;  // lines: not used here
  for (cuuint32_t i = 0; i + 2 < rank; i++) {
    if (lower[i] < -limit || lower[i] >= limit || upper[i] < -limit || upper[i] >= limit) return CUDA_ERROR_INVALID_VALUE;
    t.lower[i] = int8_t(lower[i]);
    t.upper[i] = int8_t(upper[i]);
  }
  if (!row_fits(channels * t.element, swizzle)) return CUDA_ERROR_INVALID_VALUE;
  store(m, t);
  return CUDA_SUCCESS;
}
