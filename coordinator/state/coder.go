package state

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"g2c/api"
)

// The encoding of a record, for snapshots and for the hash:
//
//	record = field*                    in rising order of number
//	field  = number length payload     number and length are uvarints
//
// A field at its zero value is left out. So a release that adds a field agrees
// with an older one about every record that does not use it; and a reader that
// meets a number it does not know stops, since the record is of a newer release.
//
// One function per record serves both directions, as in package api.
type coder interface {
	uint(number int, v *uint64)
	int(number int, v *int)
	time(number int, v *int64)
	flag(number int, v *bool)
	text(number int, v *string)
	texts(number int, v *[]string)
	key(number int, v *[32]byte)
	keys(number int, v *[]api.Key)
	uints(number int, v *[]uint64) // rising
	each(number, count int, item func(i int, c coder))
	work(number int, t *Task)
	running(number int, w *Wish)
}

// encoder appends fields. For the hash it writes the hash of what is long and
// never changes in place of it.
type encoder struct {
	buf     []byte
	hashing bool
}

func (e *encoder) field(number int, payload []byte) {
	e.buf = binary.AppendUvarint(e.buf, uint64(number))
	e.buf = binary.AppendUvarint(e.buf, uint64(len(payload)))
	e.buf = append(e.buf, payload...)
}

func (e *encoder) uint(number int, v *uint64) {
	if *v == 0 {
		return
	}
	var b [binary.MaxVarintLen64]byte
	e.field(number, b[:binary.PutUvarint(b[:], *v)])
}

func (e *encoder) time(number int, v *int64) {
	if *v == 0 {
		return
	}
	var b [binary.MaxVarintLen64]byte
	e.field(number, b[:binary.PutVarint(b[:], *v)])
}

func (e *encoder) int(number int, v *int) {
	wide := int64(*v)
	e.time(number, &wide)
}

func (e *encoder) flag(number int, v *bool) {
	if *v {
		e.field(number, nil)
	}
}

func (e *encoder) text(number int, v *string) {
	if *v == "" {
		return
	}
	e.buf = binary.AppendUvarint(e.buf, uint64(number))
	e.buf = binary.AppendUvarint(e.buf, uint64(len(*v)))
	e.buf = append(e.buf, *v...)
}

func (e *encoder) key(number int, v *[32]byte) {
	if *v != [32]byte{} {
		e.field(number, v[:])
	}
}

func (e *encoder) texts(number int, v *[]string) {
	e.list(number, len(*v), func(b []byte, i int) []byte { return append(b, (*v)[i]...) })
}

func (e *encoder) keys(number int, v *[]api.Key) {
	e.list(number, len(*v), func(b []byte, i int) []byte { return append(b, (*v)[i][:]...) })
}

func (e *encoder) uints(number int, v *[]uint64) {
	e.list(number, len(*v), func(b []byte, i int) []byte { return binary.AppendUvarint(b, (*v)[i]) })
}

func (e *encoder) each(number, count int, item func(i int, c coder)) {
	e.list(number, count, func(b []byte, i int) []byte {
		inner := &encoder{buf: b, hashing: e.hashing}
		item(i, inner)
		return inner.buf
	})
}

// list writes items, each with its length before it; nothing for none.
func (e *encoder) list(number, count int, item func(b []byte, i int) []byte) {
	if count == 0 {
		return
	}
	var b, one []byte
	for i := range count {
		one = item(one[:0], i)
		b = binary.AppendUvarint(b, uint64(len(one)))
		b = append(b, one...)
	}
	e.field(number, b)
}

func (e *encoder) work(number int, t *Task) {
	if e.hashing {
		e.field(number, t.work[:])
		return
	}
	e.field(number, t.Work.Encode())
}

// decoder reads fields; after the first error, which nested decoders share, it
// reads nothing more.
type decoder struct {
	rest []byte
	err  *error
}

func (d *decoder) fail(format string, a ...any) {
	if *d.err == nil {
		*d.err = fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, a...)...)
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

// field reads a field if it is the next one.
func (d *decoder) field(number int) ([]byte, bool) {
	got, n := binary.Uvarint(d.rest)
	if n <= 0 || got != uint64(number) {
		return nil, false
	}
	d.rest = d.rest[n:]
	b := d.bytes()
	return b, *d.err == nil
}

func (d *decoder) uint(number int, v *uint64) {
	if b, ok := d.field(number); ok {
		n := 0
		if *v, n = binary.Uvarint(b); n != len(b) || *v == 0 {
			d.fail("field %d is no number", number)
		}
	}
}

func (d *decoder) time(number int, v *int64) {
	if b, ok := d.field(number); ok {
		n := 0
		if *v, n = binary.Varint(b); n != len(b) || *v == 0 {
			d.fail("field %d is no number", number)
		}
	}
}

func (d *decoder) int(number int, v *int) {
	var wide int64
	d.time(number, &wide)
	*v = int(wide)
}

func (d *decoder) flag(number int, v *bool) {
	b, ok := d.field(number)
	if ok && len(b) != 0 {
		d.fail("field %d is no flag", number)
	}
	*v = ok
}

func (d *decoder) text(number int, v *string) {
	if b, ok := d.field(number); ok {
		*v = d.utf8(number, b)
	}
}

func (d *decoder) utf8(number int, b []byte) string {
	if !utf8.Valid(b) {
		d.fail("field %d is not UTF-8", number)
	}
	return string(b)
}

func (d *decoder) key(number int, v *[32]byte) {
	if b, ok := d.field(number); ok {
		d.copy(number, v, b)
	}
}

func (d *decoder) copy(number int, v *[32]byte, b []byte) {
	if len(b) != len(v) {
		d.fail("field %d is a key of %d bytes", number, len(b))
		return
	}
	copy(v[:], b)
}

func (d *decoder) texts(number int, v *[]string) {
	d.list(number, func(b []byte) { *v = append(*v, d.utf8(number, b)) })
}

func (d *decoder) keys(number int, v *[]api.Key) {
	d.list(number, func(b []byte) {
		var k api.Key
		d.copy(number, (*[32]byte)(&k), b)
		*v = append(*v, k)
	})
}

func (d *decoder) uints(number int, v *[]uint64) {
	d.list(number, func(b []byte) {
		u, n := binary.Uvarint(b)
		if n <= 0 || n != len(b) || len(*v) > 0 && u <= (*v)[len(*v)-1] {
			d.fail("field %d does not rise", number)
		}
		*v = append(*v, u)
	})
	*v = slices.Clip(*v)
}

func (d *decoder) each(number, _ int, item func(i int, c coder)) {
	i := 0
	d.list(number, func(b []byte) {
		inner := &decoder{rest: b, err: d.err}
		item(i, inner)
		inner.end()
		i++
	})
}

func (d *decoder) list(number int, item func(b []byte)) {
	b, ok := d.field(number)
	if !ok {
		return
	}
	inner := &decoder{rest: b, err: d.err}
	for len(inner.rest) > 0 && *d.err == nil {
		if one := inner.bytes(); *d.err == nil {
			item(one)
		}
	}
}

// end refuses fields that nobody asked for.
func (d *decoder) end() {
	if *d.err == nil && len(d.rest) > 0 {
		n, _ := binary.Uvarint(d.rest)
		*d.err = fmt.Errorf("%w: it holds a field %d", ErrNewer, n)
	}
}

func (d *decoder) work(number int, t *Task) {
	b, _ := d.field(number)
	if *d.err != nil {
		return
	}
	w, err := api.RestoreWork(b)
	if err != nil {
		d.fail("work: %w", err)
		return
	}
	t.Work = &w
	t.work, t.size = hashOf(b), uint32(len(b))
	t.inputs = w.Task.Inputs()
}

func (e *encoder) running(number int, w *Wish) {
	if w.running != nil {
		e.field(number, w.running.Encode())
	}
}

func (d *decoder) running(number int, w *Wish) {
	b, ok := d.field(number)
	if !ok {
		return
	}
	r, err := api.DecodeRunning(b)
	if err != nil {
		d.fail("how to run it: %w", err)
		return
	}
	w.running, w.size = r, len(b)
}
