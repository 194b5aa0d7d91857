package host

import (
	"unsafe"

	"g2c/kernels"
)

// Float is the type a backend holds real numbers in.
type Float interface{ float32 | float64 }

// Tensor is a view of a value's memory. One of F, I and U is set, by the type's
// element.
type Tensor[T Float] struct {
	Type kernels.Type
	F    []T
	I    []int32
	U    []uint8
}

// Shape is the tensor's shape.
func (t Tensor[T]) Shape() kernels.Shape { return t.Type.Shape }

// round rounds the elements of a tensor of bf16, which are held as any reals are.
func (t Tensor[T]) round() {
	if t.Type.DType != kernels.BF16 {
		return
	}
	for i, v := range t.F {
		t.F[i] = T(kernels.RoundBF16(float64(v)))
	}
}

// view makes a tensor of memory that starts at b.
func view[T Float](t kernels.Type, b []byte) Tensor[T] {
	v := Tensor[T]{Type: t}
	n := t.Shape.Len()
	if n == 0 {
		return v
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	switch t.DType {
	case kernels.I32:
		v.I = unsafe.Slice((*int32)(p), n)
	case kernels.U8:
		v.U = unsafe.Slice((*uint8)(p), n)
	default:
		v.F = unsafe.Slice((*T)(p), n)
	}
	return v
}

// layout is the size of elements when reals are T.
func layout[T Float]() kernels.Layout {
	var x T
	return kernels.Layout{F32: int(unsafe.Sizeof(x)), I32: 4, U8: 1, BF16: int(unsafe.Sizeof(x))}
}
