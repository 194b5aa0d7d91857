//go:build 386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64 || wasm

// The views below reinterpret memory and so are for little-endian machines,
// the only ones this file compiles for.

package safetensors

import (
	"fmt"
	"slices"
	"unsafe"
)

// number is a Go type with the layout of a DType.
type number interface {
	float32 | float64 | int32 | int64 | uint16 | uint8
}

func view[T number](name string, d DType, shape []int, data []T) Tensor {
	var zero T
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*int(unsafe.Sizeof(zero)))
	return Tensor{Name: name, DType: d, Shape: shape, Data: bytes}
}

// Float32 is a tensor over data itself, not a copy.
func Float32(name string, shape []int, data []float32) Tensor { return view(name, F32, shape, data) }

// Float64 is a tensor over data itself, not a copy.
func Float64(name string, shape []int, data []float64) Tensor { return view(name, F64, shape, data) }

// BFloat16 is a tensor over data itself, the bit patterns of bfloat16 numbers.
func BFloat16(name string, shape []int, data []uint16) Tensor { return view(name, BF16, shape, data) }

// Int32 is a tensor over data itself, not a copy.
func Int32(name string, shape []int, data []int32) Tensor { return view(name, I32, shape, data) }

// Int64 is a tensor over data itself, not a copy.
func Int64(name string, shape []int, data []int64) Tensor { return view(name, I64, shape, data) }

// Uint8 is a tensor over data itself, not a copy.
func Uint8(name string, shape []int, data []uint8) Tensor { return view(name, U8, shape, data) }

// numbers is the data of t as Go numbers: a view where the data is aligned,
// else a copy. Callers must not write to it.
func numbers[T number](t Tensor, want DType) ([]T, error) {
	if t.DType != want {
		return nil, dataError("tensor %q is %s, want %s", t.Name, t.DType, want)
	}
	var zero T
	size := unsafe.Sizeof(zero)
	n := len(t.Data) / int(size)
	if n == 0 {
		return nil, nil
	}
	start := unsafe.Pointer(unsafe.SliceData(t.Data))
	if uintptr(start)%unsafe.Alignof(zero) == 0 {
		return unsafe.Slice((*T)(start), n), nil
	}
	out := make([]T, n)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&out[0])), n*int(size)), t.Data)
	return out, nil
}

// Float32s is the data of an F32 tensor; a view where it can be, so read-only.
func (t Tensor) Float32s() ([]float32, error) { return numbers[float32](t, F32) }

// Float64s is the data of an F64 tensor; a view where it can be, so read-only.
func (t Tensor) Float64s() ([]float64, error) { return numbers[float64](t, F64) }

// BFloat16s is the bit patterns of a BF16 tensor; a view where it can be.
func (t Tensor) BFloat16s() ([]uint16, error) { return numbers[uint16](t, BF16) }

// Int32s is the data of an I32 tensor; a view where it can be, so read-only.
func (t Tensor) Int32s() ([]int32, error) { return numbers[int32](t, I32) }

// Int64s is the data of an I64 tensor; a view where it can be, so read-only.
func (t Tensor) Int64s() ([]int64, error) { return numbers[int64](t, I64) }

// Uint8s is the data of a U8 tensor, a view.
func (t Tensor) Uint8s() ([]uint8, error) { return numbers[uint8](t, U8) }

// CopyFloat32 copies an F32 tensor of the given shape to dst.
func (t Tensor) CopyFloat32(dst []float32, shape []int) error { return copyTo(t, F32, dst, shape) }

// CopyFloat64 copies an F64 tensor of the given shape to dst.
func (t Tensor) CopyFloat64(dst []float64, shape []int) error { return copyTo(t, F64, dst, shape) }

// Reals is a copy of the data of an F32 or F64 tensor; F32 widens exactly.
func (t Tensor) Reals() ([]float64, error) {
	v := make([]float64, t.Len())
	return v, t.CopyReals(v, t.Shape)
}

// CopyReals copies an F32 or F64 tensor of the given shape to dst; F32 widens
// exactly.
func (t Tensor) CopyReals(dst []float64, shape []int) error {
	if t.DType != F32 {
		return t.CopyFloat64(dst, shape)
	}
	narrow := make([]float32, len(dst))
	if err := t.CopyFloat32(narrow, shape); err != nil {
		return err
	}
	for i, v := range narrow {
		dst[i] = float64(v)
	}
	return nil
}

func copyTo[T number](t Tensor, d DType, dst []T, shape []int) error {
	if t.DType != d || !slices.Equal(t.Shape, shape) {
		return dataError("tensor %q is %s%v, want %s%v", t.Name, t.DType, t.Shape, d, shape)
	}
	if len(dst) != t.Len() {
		panic(fmt.Sprintf("safetensors: %d elements into %d", t.Len(), len(dst)))
	}
	src, err := numbers[T](t, d)
	if err != nil {
		return err
	}
	copy(dst, src)
	return nil
}
