package command

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"g2c/api"
)

// The wire is that of protocol buffers, version 3: a field that is zero is left out, but
// for keys and for structs, which are always there. There is one way only to write an
// entry. So what is read must have its fields in rising order, in the fewest bytes, each
// of the type that it has, and no others.

func appendUint(b []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func appendInt(b []byte, n protowire.Number, v int64) []byte { return appendUint(b, n, uint64(v)) }

func appendFlag(b []byte, n protowire.Number, v bool) []byte {
	return appendUint(b, n, protowire.EncodeBool(v))
}

func appendFixed(b []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, n, protowire.Fixed64Type), v)
}

func appendText(b []byte, n protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func appendKey(b []byte, n protowire.Number, v *[32]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v[:])
}

func appendKeys(b []byte, n protowire.Number, list []api.Key) []byte {
	for i := range list {
		b = appendKey(b, n, (*[32]byte)(&list[i]))
	}
	return b
}

func appendWorks(b []byte, n protowire.Number, list []api.Work) []byte {
	for i := range list {
		w := list[i].Encode()
		if i == 0 { // works of one experiment are much alike
			b = slices.Grow(b, min(len(list)*(len(w)+len(w)/16+8), MaxEntryBytes))
		}
		b = protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), w)
	}
	return b
}

// begin starts a struct: its fields are appended behind what it returns, and end says how
// many bytes they are. A byte for that is kept, which most need no more than.
func begin(b []byte, n protowire.Number) ([]byte, int) {
	b = append(protowire.AppendTag(b, n, protowire.BytesType), 0)
	return b, len(b)
}

func end(b []byte, from int) []byte {
	n := len(b) - from
	if more := protowire.SizeVarint(uint64(n)) - 1; more > 0 {
		b = append(b, make([]byte, more)...)
		copy(b[from+more:], b[from:from+n])
	}
	protowire.AppendVarint(b[:from-1], uint64(n))
	return b
}

// reader reads the fields of a struct; after the first error it reads nothing more.
type reader struct {
	rest []byte
	err  error

	number protowire.Number // of the field that is being read
	wire   protowire.Type
	last   protowire.Number // of the field before
	list   bool             // which may come again
	seen   uint64           // bits of the fields up to 63 that were there
}

func (d *reader) fail(format string, a ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, a...)...)
	}
}

// tag reads the number of the next field, and reports whether there is one.
func (d *reader) tag() bool {
	if d.err != nil || len(d.rest) == 0 {
		return false
	}
	n, wire, size := protowire.ConsumeTag(d.rest)
	if size < 0 || size != protowire.SizeTag(n) {
		d.fail("a field without a number")
		return false
	}
	d.rest, d.last, d.number, d.wire = d.rest[size:], d.number, n, wire
	return true
}

// rising holds fields to their order.
func (d *reader) rising() {
	if d.number < d.last || d.number == d.last && !d.list {
		d.fail("field %d behind field %d", d.number, d.last)
	}
	d.list = false
	if d.number < 64 {
		d.seen |= 1 << d.number
	}
}

// next is both.
func (d *reader) next() bool {
	if !d.tag() {
		return false
	}
	d.rising()
	return d.err == nil
}

// want holds a struct to the fields that are always there.
func (d *reader) want(bits uint64) {
	if d.seen&bits != bits {
		d.fail("fields that are always there are missing")
	}
}

func (d *reader) unknown() { d.fail("a field %d, which its level does not have", d.number) }

// is holds the field to its type.
func (d *reader) is(want protowire.Type) bool {
	if d.wire != want {
		d.fail("field %d is of type %d, not of %d", d.number, d.wire, want)
	}
	return d.err == nil
}

func (d *reader) varint() uint64 {
	v, n := protowire.ConsumeVarint(d.rest)
	if n < 0 || n != protowire.SizeVarint(v) {
		d.fail("field %d is no number", d.number)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// set refuses the zero that is left out.
func (d *reader) set(ok bool) {
	if !ok {
		d.fail("field %d is zero, and there", d.number)
	}
}

func (d *reader) uint() (v uint64) {
	if d.is(protowire.VarintType) {
		v = d.varint()
		d.set(v != 0)
	}
	return v
}

func (d *reader) long() int64 { return int64(d.uint()) }

func (d *reader) int() int {
	v := d.long()
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.fail("field %d is %d, want 32 bits", d.number, v)
		return 0
	}
	return int(v)
}

func (d *reader) flag() bool {
	v := d.uint()
	if v > 1 {
		d.fail("field %d is %d, neither 0 nor 1", d.number, v)
	}
	return v == 1
}

func (d *reader) fixed() uint64 {
	if !d.is(protowire.Fixed64Type) {
		return 0
	}
	v, n := protowire.ConsumeFixed64(d.rest)
	if n < 0 {
		d.fail("field %d ends early", d.number)
		return 0
	}
	d.rest = d.rest[n:]
	d.set(v != 0)
	return v
}

// bytes are not to be kept: they are those that are read from.
func (d *reader) bytes() []byte {
	if !d.is(protowire.BytesType) {
		return nil
	}
	n := d.varint()
	if n > uint64(len(d.rest)) {
		d.fail("field %d ends early", d.number)
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *reader) text() string {
	b := d.bytes()
	d.set(len(b) > 0)
	return string(b)
}

func (d *reader) key() (k [32]byte) {
	b := d.bytes()
	if d.err == nil && len(b) != len(k) {
		d.fail("a key of %d bytes", len(b))
		return k
	}
	copy(k[:], b)
	return k
}

func (d *reader) keys(list []api.Key) []api.Key {
	d.list = true
	return append(list, d.key())
}

func (d *reader) works(list []api.Work) []api.Work {
	d.list = true
	b := d.bytes()
	if d.err != nil {
		return list
	}
	w, err := api.RestoreWork(b)
	if err != nil {
		d.fail("work: %w", err)
		return list
	}
	return append(list, w)
}

// inside reads the fields of a struct, which leave ends.
func (d *reader) inside() reader { return reader{rest: d.bytes(), err: d.err} }

func (d *reader) leave(in *reader) { d.err = in.err }
