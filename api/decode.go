package api

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// DecodeTask reads a canonical encoding strictly: DecodeTask(b) succeeds only
// for the b that Canonical writes for a valid task.
func DecodeTask(b []byte) (Task, error) {
	var t Task
	if len(b) > MaxCanonicalBytes {
		return t, fmt.Errorf("%w: %d bytes, at most %d", ErrEncoding, len(b), MaxCanonicalBytes)
	}
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return t, fmt.Errorf("%w: it does not begin with %q", ErrEncoding, magic)
	}
	d := &decoder{rest: rest, err: new(error)}
	t.fields(d)
	if *d.err == nil && len(d.rest) != 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	if *d.err != nil {
		return Task{}, *d.err
	}
	if err := t.Validate(); err != nil {
		return Task{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if !bytes.Equal(t.Canonical(), b) { // a number written in more bytes than it needs
		return Task{}, fmt.Errorf("%w: another encoding of a valid task", ErrEncoding)
	}
	return t, nil
}

// decoder reads fields; after the first error, which nested decoders share, it
// reads nothing more.
type decoder struct {
	rest []byte
	err  *error
}

func (d *decoder) fail(format string, a ...any) {
	if *d.err == nil {
		*d.err = fmt.Errorf("%w: "+format, append([]any{ErrEncoding}, a...)...)
	}
	d.rest = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail("it ends inside a number")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail("it ends inside a field")
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) field(number int) []byte {
	if *d.err != nil {
		return nil
	}
	if got := d.uvarint(); *d.err == nil && got != uint64(number) {
		d.fail("field %d where %d belongs", got, number)
	}
	if *d.err != nil {
		return nil
	}
	return d.bytes()
}

func (d *decoder) fixed(number, size int) []byte {
	b := d.field(number)
	if *d.err == nil && len(b) != size {
		d.fail("field %d has %d bytes, want %d", number, len(b), size)
	}
	if *d.err != nil {
		return make([]byte, size)
	}
	return b
}

func (d *decoder) word(number int, limit uint64) uint64 {
	v := binary.BigEndian.Uint64(d.fixed(number, 8))
	if v > limit {
		d.fail("field %d is %d, at most %d", number, v, limit)
	}
	return v
}

func (d *decoder) kind(number int, v *Kind) {
	n := d.word(number, math.MaxInt32)
	for kind, k := range kindNumbers {
		if uint64(k) == n {
			*v = kind
			return
		}
	}
	d.fail("unknown kind %d", n)
}

func (d *decoder) text(number int, v *string) { *v = d.utf8(d.field(number)) }

func (d *decoder) utf8(b []byte) string {
	if !utf8.Valid(b) {
		d.fail("text that is not UTF-8")
	}
	return string(b)
}

func (d *decoder) integer(number int, v *int) { *v = int(d.word(number, math.MaxInt32)) }

func (d *decoder) signed(number int, v *int) {
	n := int64(d.word(number, math.MaxUint64))
	if n < math.MinInt32 || n > math.MaxInt32 {
		d.fail("field %d is %d, want %d to %d", number, n, math.MinInt32, math.MaxInt32)
	}
	*v = int(n)
}

func (d *decoder) seed(number int, v *uint32) { *v = uint32(d.word(number, math.MaxUint32)) }
func (d *decoder) float(number int, v *float64) {
	*v = math.Float64frombits(d.word(number, math.MaxUint64))
}
func (d *decoder) key(number int, v *Key) { copy(v[:], d.fixed(number, len(v))) }

func (d *decoder) boolean(number int, v *bool) {
	b := d.fixed(number, 1)[0]
	if b > 1 {
		d.fail("field %d is neither 0 nor 1", number)
	}
	*v = b == 1
}

// list reads a list of at most limit items.
func (d *decoder) list(number int, item func(b []byte)) {
	inner := &decoder{rest: d.field(number), err: d.err}
	if *d.err != nil {
		return
	}
	n := inner.uvarint()
	for i := uint64(0); i < n && *d.err == nil; i++ {
		item(inner.bytes())
	}
	if *d.err == nil && len(inner.rest) != 0 {
		d.fail("field %d has %d bytes too many", number, len(inner.rest))
	}
}

func (d *decoder) texts(number int, v *[]string) {
	*v = []string{}
	d.list(number, func(b []byte) { *v = append(*v, d.utf8(b)) })
}

func (d *decoder) keys(number int, v *[]Key) {
	*v = []Key{}
	d.list(number, func(b []byte) {
		if len(b) != len(Key{}) {
			d.fail("field %d: a key of %d bytes", number, len(b))
			return
		}
		*v = append(*v, Key(b))
	})
}

func (d *decoder) nested(number int, fields func(coder)) {
	inner := &decoder{rest: d.field(number), err: d.err}
	if *d.err != nil {
		return
	}
	fields(inner)
	if *d.err == nil && len(inner.rest) != 0 {
		d.fail("field %d has %d bytes too many", number, len(inner.rest))
	}
}

func (d *decoder) present(number int, _ bool) bool {
	got, n := binary.Uvarint(d.rest)
	return *d.err == nil && n > 0 && got == uint64(number)
}

func (d *decoder) each(number, _ int, item func(i int, c coder)) {
	i := 0
	d.list(number, func(b []byte) {
		inner := &decoder{rest: b, err: d.err}
		item(i, inner)
		if *d.err == nil && len(inner.rest) != 0 {
			d.fail("field %d, item %d has %d bytes too many", number, i, len(inner.rest))
		}
		i++
	})
}
