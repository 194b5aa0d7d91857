// Package safetensors reads and writes the safetensors format: named arrays of
// numbers in one file, for weights, resume states and interchange with Python.
// It computes nothing and knows no network.
//
//	offset  bytes
//	0       8      n, the length of the header, unsigned, little-endian
//	8       n      header: JSON, padded with spaces so that 8+n is a multiple of 8
//	8+n     ...    the numbers, little-endian, row-major, tensor after tensor,
//	               without gaps; data_offsets count from here
//
//	{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}
//
// The writer is canonical: tensors in byte order of their names in the header
// and in the data, object fields in the order shown, no white space, no
// metadata unless given. Equal tensors are equal files, so a file's SHA-256
// names its content. (The Python writer orders by dtype first; both read both.)
//
// The reader is strict: it takes every valid file, whoever wrote it, and
// refuses gaps, overlaps, duplicate names, unknown fields and sizes that do not
// fit, with an error of class fault.ErrData.
//
// Values are not changed after they are made and may be shared by goroutines.
package safetensors

import (
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"
)

// DType names the type of an element, as the header spells it.
type DType string

// The types of elements.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	BOOL DType = "BOOL"
)

// Size is the length of an element in bytes; 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, BOOL:
		return 1
	}
	return 0
}

// Limits; a file that needs more is not one of ours or is damaged.
const (
	// MaxHeaderBytes is the limit of the reference implementation.
	MaxHeaderBytes = 100_000_000
	// MaxNameBytes is ten times the longest name of any network we know.
	MaxNameBytes = 1024
	// MaxRank is PyTorch's limit, 64 dimensions.
	MaxRank = 64

	metadataName = "__metadata__"
	lengthBytes  = 8
)

// Tensor is one named array.
type Tensor struct {
	Name  string
	DType DType
	Shape []int  // outermost first; empty for a scalar
	Data  []byte // little-endian, row-major
}

// Len is the number of elements.
func (t Tensor) Len() int {
	if size := t.DType.Size(); size > 0 {
		return len(t.Data) / size
	}
	return 0
}

// check holds a tensor against its own type, shape and name.
func (t Tensor) check() error {
	want, err := dataBytes(t.Name, t.DType, t.Shape)
	if err != nil {
		return err
	}
	if want != uint64(len(t.Data)) {
		return fmt.Errorf("tensor %q: %d bytes for %s%v, want %d", t.Name, len(t.Data), t.DType, t.Shape, want)
	}
	return nil
}

// dataBytes is the length of a tensor's data.
func dataBytes(name string, d DType, shape []int) (uint64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	if d.Size() == 0 {
		return 0, fmt.Errorf("tensor %q: unknown dtype %q", name, string(d))
	}
	if len(shape) > MaxRank {
		return 0, fmt.Errorf("tensor %q: %d dimensions, the limit is %d", name, len(shape), MaxRank)
	}
	size := uint64(d.Size())
	for _, dim := range shape {
		if dim < 0 {
			return 0, fmt.Errorf("tensor %q: negative dimension in %v", name, shape)
		}
		over, low := bits.Mul64(size, uint64(dim))
		if over != 0 || low > math.MaxInt64 {
			return 0, fmt.Errorf("tensor %q: shape %v overflows", name, shape)
		}
		size = low
	}
	return size, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("tensor without a name")
	case name == metadataName:
		return fmt.Errorf("tensor named %s, which the format keeps for itself", metadataName)
	case len(name) > MaxNameBytes:
		return fmt.Errorf("tensor name of %d bytes, the limit is %d", len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("tensor name %q is not UTF-8", name)
	}
	return nil
}
