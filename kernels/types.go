package kernels

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// DType is the type of a tensor's elements.
type DType uint8

// The element types. F32 stands for "a real number": the ref backend holds it
// as float64. BF16 is a real number of bfloat16, 8 bits of mantissa in all: see
// Halvable. Backends on the host hold it as they hold F32, rounded.
const (
	F32 DType = iota + 1
	I32
	U8
	BF16
)

// String is the short name used in dumps.
func (d DType) String() string {
	switch d {
	case F32:
		return "f32"
	case I32:
		return "i32"
	case U8:
		return "u8"
	case BF16:
		return "bf16"
	}
	return "dtype" + strconv.Itoa(int(d))
}

// Shape is a tensor's extent along each axis, outermost first. The empty shape
// is a scalar.
type Shape []int

// Len is the number of elements.
func (s Shape) Len() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports whether two shapes are the same.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// String prints a shape as [1,64,64,3].
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(d))
	}
	b.WriteByte(']')
	return b.String()
}

// Type is a tensor's element type and shape.
type Type struct {
	DType DType
	Shape Shape
}

// Real is the type of a tensor of real numbers.
func Real(dims ...int) Type { return Type{F32, Shape(dims)} }

// Half is the type of a tensor of bfloat16.
func Half(dims ...int) Type { return Type{BF16, Shape(dims)} }

// IsReal reports whether elements are real numbers.
func (d DType) IsReal() bool { return d == F32 || d == BF16 }

// Ints is the type of a tensor of 32-bit integers.
func Ints(dims ...int) Type { return Type{I32, Shape(dims)} }

// Bytes is the type of a tensor of bytes, such as pixels.
func Bytes(dims ...int) Type { return Type{U8, Shape(dims)} }

// Equal reports whether two types are the same.
func (t Type) Equal(u Type) bool { return t.DType == u.DType && t.Shape.Equal(u.Shape) }

// String prints a type as f32[1,64,64,3].
func (t Type) String() string { return t.DType.String() + t.Shape.String() }

// Cost is the work of one operation: floating-point operations (a fused
// multiply-add counts as two) and the bytes that must cross memory when every
// operand is touched once and an element takes the bytes of its type.
type Cost struct {
	FLOPs int64
	Bytes int64
}

// Add returns the sum of two costs.
func (c Cost) Add(d Cost) Cost { return Cost{c.FLOPs + d.FLOPs, c.Bytes + d.Bytes} }

// Op is one operation with its attributes. Implementations are comparable
// values.
type Op interface {
	// Name is the operation's name, the key of a backend's table.
	Name() string
	// Attrs is the canonical text of the attributes; two ops of one name with
	// equal Attrs are the same operation.
	Attrs() string
	// Infer checks the operands and gives the types of the results.
	Infer(in []Type) ([]Type, error)
	// Cost counts the work for operands and results of these types.
	Cost(in, out []Type) Cost
}

// InPlace is implemented by operations whose result may, or must, share memory
// with an operand.
type InPlace interface {
	// Overwrites lists pairs (result, operand) that may share memory because the
	// operation reads an element before it writes the one at the same place.
	Overwrites() [][2]int
}

// Segments says which samples of an axis of N belong to which logical shard.
// The axis is Groups × Shards × (N / Groups / Shards): with M+1 branches
// stacked branch-major, Groups is M+1 and every branch holds the same shards in
// the same order. A sum that is "segmented" gives one result per shard, adding
// the shard's samples group by group in order of their index.
type Segments struct {
	Groups int
	Shards int
}

// Per is the number of samples of one group in one shard.
func (s Segments) Per(n int) int { return n / (s.Groups * s.Shards) }

// First is the index of the first sample of a shard in a group.
func (s Segments) First(n, group, shard int) int {
	per := s.Per(n)
	return (group*s.Shards + shard) * per
}

// check reports whether an axis of n samples divides evenly.
func (s Segments) check(n int) error {
	if s.Groups < 1 || s.Shards < 1 || n%(s.Groups*s.Shards) != 0 {
		return fmt.Errorf("%d samples do not divide into %d groups of %d shards", n, s.Groups, s.Shards)
	}
	return nil
}

// String implements fmt.Stringer.
func (s Segments) String() string { return fmt.Sprintf("groups=%d shards=%d", s.Groups, s.Shards) }

// want checks the number, element type and rank of operands; a rank of -1
// allows any.
func want(op string, in []Type, ranks ...int) error {
	if len(in) != len(ranks) {
		return fmt.Errorf("%s: %d operands, want %d", op, len(in), len(ranks))
	}
	for i, r := range ranks {
		if in[i].DType != F32 {
			return fmt.Errorf("%s: operand %d is %v, want f32", op, i, in[i])
		}
		if err := wantRank(op, i, in[i], r); err != nil {
			return err
		}
	}
	return nil
}

func wantRank(op string, i int, t Type, rank int) error {
	if rank >= 0 && len(t.Shape) != rank {
		return fmt.Errorf("%s: operand %d is %v, want rank %d", op, i, t, rank)
	}
	for _, d := range t.Shape {
		if d < 1 {
			return fmt.Errorf("%s: operand %d is %v: empty axis", op, i, t)
		}
	}
	return nil
}

func wantShape(op, name string, got Type, dims ...int) error {
	if !got.Shape.Equal(Shape(dims)) {
		return fmt.Errorf("%s: %s is %v, want %v", op, name, got, Shape(dims))
	}
	return nil
}

// traffic counts the bytes of every operand and result.
func traffic(lists ...[]Type) int64 {
	var n int64
	for _, l := range lists {
		for _, t := range l {
			size := int64(4)
			switch t.DType {
			case U8:
				size = 1
			case BF16:
				size = 2
			}
			n += size * int64(t.Shape.Len())
		}
	}
	return n
}

// perElement is the cost of doing flops operations for each element of t.
func perElement(flops int64, t Type, in, out []Type) Cost {
	return Cost{FLOPs: flops * int64(t.Shape.Len()), Bytes: traffic(in, out)}
}
