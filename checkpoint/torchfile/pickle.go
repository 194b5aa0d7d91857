package torchfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// The values of the machine, beside string, int, float64, bool and nil.
type (
	tuple []any
	list  struct{ items []any }
	// dict keeps the order of its entries; keys are strings or integers.
	dict   struct{ entries []entry }
	global string // module.name
	mark   struct{}
	entry  struct{ key, value any }
	// opaque is an object of a class that is not known, or the class. Nothing is made
	// or run for it: what the pickle puts into it is dropped.
	opaque struct{ class string }
)

// storage is a reference to numbers that lie elsewhere in the file.
type storage struct {
	class    global
	key      string
	elements int
}

// tensor is a view of a storage; offset and strides are in elements.
type tensor struct {
	storage        *storage
	offset         int
	shape, strides []int
}

// Limits of a pickle. The state dict of the largest network that anyone gives us
// has thousands of tensors, each of about forty instructions; a history of losses
// beside it, one a number.
const (
	maxInstructions = 1 << 22
	maxDims         = 16
)

// machine runs the instructions of one pickle.
type machine struct {
	r        *bytes.Reader
	stack    []any
	memo     map[uint32]any
	storages map[string]global // class of each storage that was referred to, by key
}

// unpickle runs one pickle and leaves r behind it. It gives the object, and the
// storages that the pickle refers to.
func unpickle(r *bytes.Reader) (any, map[string]global, error) {
	m := &machine{r: r, memo: map[uint32]any{}, storages: map[string]global{}}
	for range maxInstructions {
		op, err := r.ReadByte()
		if err != nil {
			return nil, nil, fmt.Errorf("the pickle ends without a stop")
		}
		if op == opStop {
			top, err := m.pop()
			return top, m.storages, err
		}
		if err := m.run(op); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, fmt.Errorf("the pickle has more than %d instructions", maxInstructions)
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

func (m *machine) pop() (any, error) {
	n := len(m.stack)
	if n == 0 {
		return nil, fmt.Errorf("the pickle takes from an empty stack")
	}
	v := m.stack[n-1]
	m.stack = m.stack[:n-1]
	if _, ok := v.(mark); ok {
		return nil, fmt.Errorf("the pickle takes a mark for a value")
	}
	return v, nil
}

// popN takes n values, the last pushed last.
func (m *machine) popN(n int) ([]any, error) {
	out := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		v, err := m.pop()
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// popMark takes everything above the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			out := append([]any(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return out, nil
		}
	}
	return nil, fmt.Errorf("the pickle lacks a mark")
}

// bytes reads n bytes; none are allocated that the file does not hold.
func (m *machine) bytes(n int) ([]byte, error) {
	if n < 0 || n > m.r.Len() {
		return nil, fmt.Errorf("the pickle ends early: %d bytes wanted, %d there", n, m.r.Len())
	}
	b := make([]byte, n)
	_, err := m.r.Read(b)
	if n == 0 {
		err = nil
	}
	return b, err
}

// number reads an unsigned little-endian number of n bytes, at most 4.
func (m *machine) number(n int) (uint32, error) {
	b, err := m.bytes(n)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(append(b, make([]byte, 4-n)...)), nil
}

// run carries out one instruction.
func (m *machine) run(op byte) error {
	switch op {
	case opProto:
		v, err := m.number(1)
		if err == nil && (v < protocol || v > newestProtocol) {
			err = fmt.Errorf("it is pickled with protocol %d; %d to %d are read", v, protocol, newestProtocol)
		}
		return err
	case opFrame:
		_, err := m.bytes(8) // how long the part that follows is
		return err
	case opMark:
		return m.push(mark{})
	case opPop:
		return m.drop()
	case opPopMark:
		_, err := m.popMark()
		return err
	case opNone:
		return m.push(nil)
	case opNewTrue, opNewFalse:
		return m.push(op == opNewTrue)
	case opEmptyTuple:
		return m.push(tuple{})
	case opEmptyList:
		return m.push(&list{})
	case opEmptySet:
		return m.push(&opaque{"set"})
	case opEmptyDict:
		return m.push(&dict{})
	case opTuple:
		items, err := m.popMark()
		if err != nil {
			return err
		}
		return m.push(tuple(items))
	case opTuple1, opTuple2, opTuple3:
		items, err := m.popN(int(op) - opTuple1 + 1)
		if err != nil {
			return err
		}
		return m.push(tuple(items))
	case opBinInt, opBinInt1, opBinInt2, opLong1, opFloat:
		return m.literal(op)
	case opBinUnicode, opShortUnicode, opUnicode8, opBinString, opShortString, opBinBytes, opShortBytes, opBytes8, opByteArray8:
		return m.text(op)
	case opPut, opLongPut, opGet, opLongGet, opMemoize:
		return m.remember(op)
	case opGlobal, opStackGlobal:
		return m.global(op)
	case opSetItem, opSetItems, opAppend, opAppends, opAddItems:
		return m.fill(op)
	case opFrozenSet:
		_, err := m.popMark()
		m.stack = append(m.stack, &opaque{"frozenset"})
		return err
	case opReduce, opNewObj, opNewObjEx, opBuild, opBinPersID:
		return m.call(op)
	}
	return fmt.Errorf("instruction %#02x at byte %d is not one that a state dict is written with", op, m.r.Size()-int64(m.r.Len())-1)
}

func (m *machine) literal(op byte) error {
	switch op {
	case opBinInt1:
		v, err := m.number(1)
		m.stack = append(m.stack, int(v))
		return err
	case opBinInt2:
		v, err := m.number(2)
		m.stack = append(m.stack, int(v))
		return err
	case opBinInt:
		v, err := m.number(4)
		m.stack = append(m.stack, int(int32(v)))
		return err
	case opFloat:
		b, err := m.bytes(8)
		if err != nil {
			return err
		}
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	return m.long()
}

// text reads a string, or bytes, which stand for text here: Python 2 did not tell
// them apart.
func (m *machine) text(op byte) error {
	width := 4
	switch op {
	case opShortUnicode, opShortString, opShortBytes:
		width = 1
	case opUnicode8, opBytes8, opByteArray8:
		width = 8
	}
	head, err := m.bytes(width)
	if err != nil {
		return err
	}
	n := binary.LittleEndian.Uint64(append(head, make([]byte, 8-width)...))
	b, err := m.bytes(int(min(n, math.MaxInt)))
	if err != nil {
		return err
	}
	return m.push(string(b))
}

// drop takes the top of the stack away, mark or value.
func (m *machine) drop() error {
	if len(m.stack) == 0 {
		return fmt.Errorf("the pickle takes from an empty stack")
	}
	m.stack = m.stack[:len(m.stack)-1]
	return nil
}

// long reads a little-endian number in two's complement. One that does not fit 64
// bits, as the older layout's magic number, stays text.
func (m *machine) long() error {
	n, err := m.number(1)
	if err != nil {
		return err
	}
	b, err := m.bytes(int(n))
	if err != nil {
		return err
	}
	if n > 8 {
		return m.push(string(b))
	}
	v := int64(0)
	for i, x := range b {
		v |= int64(x) << (8 * i)
	}
	if n > 0 && n < 8 && b[n-1]&0x80 != 0 {
		v -= 1 << (8 * n)
	}
	return m.push(int(v))
}

func (m *machine) remember(op byte) error {
	if op == opMemoize {
		return m.keep(uint32(len(m.memo)))
	}
	width := 1
	if op == opLongPut || op == opLongGet {
		width = 4
	}
	place, err := m.number(width)
	if err != nil {
		return err
	}
	if op == opGet || op == opLongGet {
		v, ok := m.memo[place]
		if !ok {
			return fmt.Errorf("the pickle reads memory %d before it is written", place)
		}
		return m.push(v)
	}
	return m.keep(place)
}

// keep remembers the top of the stack.
func (m *machine) keep(place uint32) error {
	if len(m.stack) == 0 {
		return fmt.Errorf("the pickle remembers the top of an empty stack")
	}
	m.memo[place] = m.stack[len(m.stack)-1]
	return nil
}

func (m *machine) line() (string, error) {
	var b []byte
	for {
		c, err := m.r.ReadByte()
		if err != nil {
			return "", fmt.Errorf("the pickle ends in a name")
		}
		if c == '\n' {
			return string(b), nil
		}
		b = append(b, c)
	}
}
