//go:build gpu

package driver

/*
#include <cuda.h>
#include <stdlib.h>

static CUresult tiled(CUtensorMap* m, CUdeviceptr base, int rank, const unsigned long long* size, const unsigned long long* stride, const unsigned* box, const unsigned* step, int swizzle) {
  return cuTensorMapEncodeTiled(m, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, rank, (void*)base, (const cuuint64_t*)size, (const cuuint64_t*)stride, box, step,
    CU_TENSOR_MAP_INTERLEAVE_NONE, (CUtensorMapSwizzle)swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
}
*/
import "C"

import (
	"unsafe"

	"gorgonia.org/cu"
)

// mapAlign is the alignment of a tensor map, in bytes.
const mapAlign = 64

// TensorMap describes a tensor of bf16 to the bulk copy engine.
type TensorMap struct{ bytes [128]byte }

// Swizzle is how rows of a tile are laid out in shared memory.
type Swizzle int

// The swizzles: none, or over rows of 32, 64 or 128 bytes.
const (
	SwizzleNone Swizzle = C.CU_TENSOR_MAP_SWIZZLE_NONE
	Swizzle32   Swizzle = C.CU_TENSOR_MAP_SWIZZLE_32B
	Swizzle64   Swizzle = C.CU_TENSOR_MAP_SWIZZLE_64B
	Swizzle128  Swizzle = C.CU_TENSOR_MAP_SWIZZLE_128B
)

// Matrix maps a row-major matrix of bf16, which is copied in boxes of rows×columns.
func Matrix(base cu.DevicePtr, rows, columns, boxRows, boxColumns int, s Swizzle) (*TensorMap, error) {
	size := [2]C.ulonglong{C.ulonglong(columns), C.ulonglong(rows)}
	stride := [1]C.ulonglong{C.ulonglong(columns * 2)}
	box := [2]C.uint{C.uint(boxColumns), C.uint(boxRows)}
	step := [2]C.uint{1, 1}
	raw := C.aligned_alloc(mapAlign, 128)
	defer C.free(raw)
	r := C.tiled((*C.CUtensorMap)(raw), C.CUdeviceptr(base), 2, &size[0], &stride[0], &box[0], &step[0], C.int(s))
	if err := check("cuTensorMapEncodeTiled", r); err != nil {
		return nil, err
	}
	m := new(TensorMap)
	copy(m.bytes[:], unsafe.Slice((*byte)(raw), len(m.bytes)))
	return m, nil
}
