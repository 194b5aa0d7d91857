package main

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"g2c/kernels/cpu/internal/fma32"
)

// machine interprets the instructions that the kernels use. Its memory is one
// piece, and an access outside it is an error.
type machine struct {
	memory  []byte
	frame   []byte // the arguments
	general [16]int64
	vectors [32][16]float32
	flags   int64 // the last result, for its sign and whether it is zero
}

// base is the address of the machine's memory: no small number is an address.
const base = 1 << 20

// run executes a function up to its return.
func (m *machine) run(f *ir.Function) error {
	labels := map[ir.Label]int{}
	for i, n := range f.Nodes {
		if l, ok := n.(ir.Label); ok {
			labels[l] = i
		}
	}
	for i := 0; i < len(f.Nodes); i++ {
		in, ok := f.Nodes[i].(*ir.Instruction)
		if !ok {
			continue
		}
		if in.Opcode == "RET" {
			return nil
		}
		if in.IsBranch {
			taken, err := m.branch(in.Opcode)
			if err != nil {
				return err
			}
			if taken {
				i = labels[ir.Label(in.Operands[0].(operand.LabelRef))]
			}
			continue
		}
		if err := m.execute(in); err != nil {
			return fmt.Errorf("%s %v: %w", in.Opcode, in.Operands, err)
		}
	}
	return fmt.Errorf("ran off the end")
}

func (m *machine) branch(opcode string) (bool, error) {
	switch opcode {
	case "JZ":
		return m.flags == 0, nil
	case "JNZ":
		return m.flags != 0, nil
	case "JG":
		return m.flags > 0, nil
	case "JGE":
		return m.flags >= 0, nil
	case "JL", "JLT":
		return m.flags < 0, nil
	case "JLE":
		return m.flags <= 0, nil
	}
	return false, fmt.Errorf("branch %s is not known", opcode)
}

func (m *machine) execute(in *ir.Instruction) error {
	if in.Opcode == "VZEROUPPER" {
		return nil
	}
	ops := in.Operands
	last := ops[len(ops)-1]
	if r, ok := last.(reg.Physical); ok && r.Kind() == reg.KindVector {
		return m.vector(in.Opcode, ops[:len(ops)-1], r)
	}
	if r, ok := ops[0].(reg.Physical); ok && r.Kind() == reg.KindVector {
		return m.store(in.Opcode, r, last)
	}
	return m.scalar(in.Opcode, ops)
}

// scalar executes an instruction on general registers.
func (m *machine) scalar(opcode string, ops []operand.Op) error {
	to := &m.general[index(ops[len(ops)-1])]
	if opcode == "LEAQ" {
		*to = m.address(ops[0].(operand.Mem))
		return nil
	}
	v, err := m.value(ops[0])
	if err != nil {
		return err
	}
	switch opcode {
	case "MOVQ":
		*to = v
		return nil
	case "TESTQ":
		m.flags = *to & v
		return nil
	case "ADDQ":
		*to += v
	case "SUBQ":
		*to -= v
	case "SHLQ":
		*to <<= v
	case "NEGQ":
		*to = -*to
	case "DECQ":
		*to--
	default:
		return fmt.Errorf("not known")
	}
	m.flags = *to
	return nil
}

// vector executes an instruction whose result is a vector register.
func (m *machine) vector(opcode string, from []operand.Op, to reg.Physical) error {
	lanes := int(to.Size()) / 4
	sources := make([][16]float32, len(from))
	for i, op := range from {
		n := lanes
		if opcode == "VBROADCASTSS" {
			n = 1
		}
		var err error
		if sources[i], err = m.floats(op, n); err != nil {
			return err
		}
	}
	// A write to a vector clears what lies above its width.
	var result [16]float32
	old := m.vectors[to.PhysicalIndex()]
	for j := range lanes {
		switch opcode {
		case "VMOVUPS":
			result[j] = sources[0][j]
		case "VBROADCASTSS":
			result[j] = sources[0][0]
		case "VADDPS":
			result[j] = sources[1][j] + sources[0][j]
		case "VSUBPS":
			result[j] = sources[1][j] - sources[0][j]
		case "VMULPS":
			result[j] = sources[1][j] * sources[0][j]
		case "VFMADD231PS":
			result[j] = fma32.FMA(sources[1][j], sources[0][j], old[j])
		case "VFNMADD231PS":
			result[j] = fma32.FMA(-sources[1][j], sources[0][j], old[j])
		case "VFMADD213PS":
			result[j] = fma32.FMA(old[j], sources[1][j], sources[0][j])
		case "VXORPS", "VPXORD":
			result[j] = math.Float32frombits(math.Float32bits(sources[0][j]) ^ math.Float32bits(sources[1][j]))
		default:
			return fmt.Errorf("not known")
		}
	}
	m.vectors[to.PhysicalIndex()] = result
	return nil
}

// store writes a vector register to memory.
func (m *machine) store(opcode string, from reg.Physical, to operand.Op) error {
	if opcode != "VMOVUPS" {
		return fmt.Errorf("not known")
	}
	b, err := m.bytes(m.address(to.(operand.Mem)), int(from.Size()))
	for j := 0; err == nil && j < len(b)/4; j++ {
		binary.LittleEndian.PutUint32(b[4*j:], math.Float32bits(m.vectors[from.PhysicalIndex()][j]))
	}
	return err
}

// index is the number of a general register.
func index(op operand.Op) int {
	r, ok := op.(reg.Physical)
	if !ok || r.Kind() != reg.KindGP {
		panic(fmt.Sprintf("machine: %v is not a general register", op))
	}
	return int(r.PhysicalIndex())
}

// address is the place that a memory operand names.
func (m *machine) address(o operand.Mem) int64 {
	a := m.general[index(o.Base)] + int64(o.Disp)
	if o.Index != nil {
		a += m.general[index(o.Index)] * int64(o.Scale)
	}
	return a
}

// bytes is a piece of the machine's memory.
func (m *machine) bytes(address int64, n int) ([]byte, error) {
	at := address - base
	if at < 0 || at+int64(n) > int64(len(m.memory)) {
		return nil, fmt.Errorf("address %#x is outside memory", address)
	}
	return m.memory[at:][:n], nil
}

// value is an integer operand: a constant, a register, an argument or memory.
func (m *machine) value(op operand.Op) (int64, error) {
	switch o := op.(type) {
	case operand.U8:
		return int64(o), nil
	case operand.U32:
		return int64(o), nil
	case operand.Mem:
		if o.Base == reg.FramePointer {
			return int64(binary.LittleEndian.Uint64(m.frame[o.Disp:])), nil
		}
		b, err := m.bytes(m.address(o), 8)
		if err != nil {
			return 0, err
		}
		return int64(binary.LittleEndian.Uint64(b)), nil
	}
	return m.general[index(op)], nil
}

// floats reads n lanes of a vector operand.
func (m *machine) floats(op operand.Op, n int) (v [16]float32, err error) {
	if o, ok := op.(operand.Mem); ok {
		b, err := m.bytes(m.address(o), 4*n)
		for j := 0; err == nil && j < n; j++ {
			v[j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
		}
		return v, err
	}
	return m.vectors[op.(reg.Physical).PhysicalIndex()], nil
}

// place copies floats into memory and gives their address.
func (m *machine) place(values []float32) int64 {
	at := int64(len(m.memory))
	for _, v := range values {
		m.memory = binary.LittleEndian.AppendUint32(m.memory, math.Float32bits(v))
	}
	return base + at
}

// table copies addresses into memory and gives theirs.
func (m *machine) table(addresses []int64) int64 {
	at := int64(len(m.memory))
	for _, a := range addresses {
		m.memory = binary.LittleEndian.AppendUint64(m.memory, uint64(a))
	}
	return base + at
}

// call sets the arguments.
func (m *machine) call(arguments ...int64) {
	for _, a := range arguments {
		m.frame = binary.LittleEndian.AppendUint64(m.frame, uint64(a))
	}
}

// read gives n floats from an address.
func (m *machine) read(address int64, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(m.memory[address-base+4*int64(i):]))
	}
	return out
}
