package api

import (
	"encoding/binary"
	"math"
)

// encoder appends fields.
type encoder struct{ buf []byte }

func (e *encoder) field(number int, payload []byte) {
	e.buf = binary.AppendUvarint(e.buf, uint64(number))
	e.buf = appendBytes(e.buf, payload)
}

func appendBytes(b, payload []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(payload))), payload...)
}

func (e *encoder) word(number int, v uint64) {
	e.field(number, binary.BigEndian.AppendUint64(nil, v))
}

func (e *encoder) kind(number int, v *Kind)     { e.word(number, uint64(kindNumbers[*v])) }
func (e *encoder) text(number int, v *string)   { e.field(number, []byte(*v)) }
func (e *encoder) integer(number int, v *int)   { e.word(number, uint64(*v)) }
func (e *encoder) signed(number int, v *int)    { e.word(number, uint64(int64(*v))) }
func (e *encoder) seed(number int, v *uint32)   { e.word(number, uint64(*v)) }
func (e *encoder) float(number int, v *float64) { e.word(number, math.Float64bits(*v)) }
func (e *encoder) key(number int, v *Key)       { e.field(number, v[:]) }
func (e *encoder) present(_ int, set bool) bool { return set }

func (e *encoder) boolean(number int, v *bool) {
	b := []byte{0}
	if *v {
		b[0] = 1
	}
	e.field(number, b)
}

func (e *encoder) texts(number int, v *[]string) {
	b := binary.AppendUvarint(nil, uint64(len(*v)))
	for _, s := range *v {
		b = appendBytes(b, []byte(s))
	}
	e.field(number, b)
}

func (e *encoder) keys(number int, v *[]Key) {
	b := binary.AppendUvarint(nil, uint64(len(*v)))
	for _, k := range *v {
		b = appendBytes(b, k[:])
	}
	e.field(number, b)
}

func (e *encoder) nested(number int, fields func(coder)) {
	inner := &encoder{}
	fields(inner)
	e.field(number, inner.buf)
}

func (e *encoder) each(number, count int, item func(i int, c coder)) {
	b := binary.AppendUvarint(nil, uint64(count))
	for i := range count {
		inner := &encoder{}
		item(i, inner)
		b = appendBytes(b, inner.buf)
	}
	e.field(number, b)
}
