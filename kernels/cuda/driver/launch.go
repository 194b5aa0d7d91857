//go:build gpu

package driver

/*
#include <cuda.h>
#include <stdlib.h>

// One call, so that pointers to arguments never lie in Go's memory.
static CUresult launch(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, char* args, unsigned* offsets, int n) {
  void* params[64];
  for (int i = 0; i < n; i++) params[i] = args + offsets[i];
  return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, s, params, 0);
}
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"gorgonia.org/cu"
)

// Grid is the shape of a launch.
type Grid struct {
	Blocks, Threads [3]int
	Shared          int // bytes of dynamic shared memory
}

// maxArguments is what launch has room for.
const maxArguments = 64

// Arguments are a kernel's, in order.
type Arguments struct {
	bytes   []byte
	offsets []uint32
}

// reserve adds an argument of n bytes, at an address aligned for it.
func (a *Arguments) reserve(n, align int) []byte {
	at := (len(a.bytes) + align - 1) / align * align
	a.bytes = append(a.bytes, make([]byte, at+n-len(a.bytes))...)
	a.offsets = append(a.offsets, uint32(at))
	return a.bytes[at:]
}

// Pointer adds an address in device memory.
func (a *Arguments) Pointer(p cu.DevicePtr) *Arguments {
	binary.LittleEndian.PutUint64(a.reserve(8, 8), uint64(p))
	return a
}

// Pointers adds a struct of so many pointers; those that are not given are null.
func (a *Arguments) Pointers(n int, p ...cu.DevicePtr) *Arguments {
	b := a.reserve(8*n, 8)
	for i, v := range p {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(v))
	}
	return a
}

// Int adds an int.
func (a *Arguments) Int(v int) *Arguments {
	binary.LittleEndian.PutUint32(a.reserve(4, 4), uint32(int32(v)))
	return a
}

// Float adds a float.
func (a *Arguments) Float(v float32) *Arguments {
	binary.LittleEndian.PutUint32(a.reserve(4, 4), math.Float32bits(v))
	return a
}

// Double adds a double.
func (a *Arguments) Double(v float64) *Arguments {
	binary.LittleEndian.PutUint64(a.reserve(8, 8), math.Float64bits(v))
	return a
}

// Struct adds a struct of ints, by value.
func (a *Arguments) Struct(fields ...int) *Arguments {
	b := a.reserve(4*len(fields), 4)
	for i, v := range fields {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(int32(v)))
	}
	return a
}

// Map adds a tensor map, by value.
func (a *Arguments) Map(m *TensorMap) *Arguments {
	copy(a.reserve(len(m.bytes), mapAlign), m.bytes[:])
	return a
}

// Launch puts a kernel on a stream.
func Launch(f cu.Function, g Grid, s cu.Stream, a *Arguments) error {
	if len(a.offsets) > maxArguments || len(a.offsets) == 0 {
		return fmt.Errorf("driver: a launch with %d arguments, want 1 to %d", len(a.offsets), maxArguments)
	}
	bytes := C.aligned_alloc(mapAlign, C.size_t((len(a.bytes)+mapAlign-1)/mapAlign*mapAlign))
	defer C.free(bytes)
	copy(unsafe.Slice((*byte)(bytes), len(a.bytes)), a.bytes)
	b, t := g.Blocks, g.Threads
	return check("cuLaunchKernel", C.launch(function(f), C.uint(b[0]), C.uint(b[1]), C.uint(b[2]), C.uint(t[0]), C.uint(t[1]), C.uint(t[2]),
		C.uint(g.Shared), stream(s), (*C.char)(bytes), (*C.uint)(unsafe.Pointer(&a.offsets[0])), C.int(len(a.offsets))))
}
