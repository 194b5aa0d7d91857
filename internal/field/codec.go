package field

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"
)

// The canonical encoding of a struct:
//
//	fields  = field*                   in rising order of number
//	field   = number length payload    number and length are uvarints
//	payload = text     UTF-8
//	        | integer  8 bytes, unsigned, big endian; two's complement if signed
//	        | float    8 bytes, IEEE-754 binary64, big endian
//	        | boolean  1 byte, 0 or 1
//	        | array    its bytes
//	        | list     count, then count × (length payload); uvarints
//	        | fields   a nested struct
//
// What is as before is left out. There are no maps and no padding: a caller that writes
// again what it has read finds every other way to write the same.

// A numbering is text that the encoding holds as a number; its pointer reads it.
type (
	numbering interface{ Number() uint64 }
	renumber  interface{ SetNumber(n uint64) error }
)

// Append appends the fields of a struct, given by pointer.
func Append(b []byte, from any) []byte { return appendStruct(b, reflect.ValueOf(from).Elem()) }

// AppendField appends one field.
func AppendField(b []byte, number int, payload []byte) []byte {
	return AppendBytes(binary.AppendUvarint(b, uint64(number)), payload)
}

// AppendBytes appends bytes behind their length.
func AppendBytes(b, payload []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(payload))), payload...)
}

func appendStruct(b []byte, v reflect.Value) []byte {
	list := Numbered(v.Type())
	var scratch [64]byte // most payloads are numbers and names
	for i := range list {
		f := &list[i]
		if x := f.In(v); !f.LeftOut(x) {
			b = AppendField(b, f.Number, appendPayload(scratch[:0], x))
		}
	}
	return b
}

var numberingType = reflect.TypeFor[numbering]()

func appendPayload(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[string]() && v.Type().Implements(numberingType) {
			return binary.BigEndian.AppendUint64(b, v.Interface().(numbering).Number())
		}
		return append(b, v.String()...)
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int:
		return binary.BigEndian.AppendUint64(b, uint64(v.Int()))
	case reflect.Uint32:
		return binary.BigEndian.AppendUint64(b, v.Uint())
	case reflect.Float64:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v.Float()))
	case reflect.Array:
		return append(b, v.Bytes()...) // what is written stands behind a pointer
	case reflect.Slice:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		for i := range v.Len() {
			b = AppendBytes(b, appendPayload(nil, v.Index(i)))
		}
		return b
	case reflect.Struct:
		return appendStruct(b, v)
	case reflect.Pointer:
		return appendPayload(b, v.Elem())
	}
	panic("field: a " + v.Type().String() + " cannot be encoded")
}

// Read fills a struct, given by pointer, from all of b.
func Read(b []byte, to any) error {
	d := &decoder{rest: b}
	d.fields(reflect.ValueOf(to).Elem())
	return d.err
}

// Cut reads one field of a number off the front of b.
func Cut(b []byte, number int) (payload, rest []byte, err error) {
	d := &decoder{rest: b}
	payload = d.field(number)
	return payload, d.rest, d.err
}

// decoder reads fields; after the first error it reads nothing more.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, a ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, a...)
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
	if d.err != nil {
		return nil
	}
	if got := d.uvarint(); d.err == nil && got != uint64(number) {
		d.fail("field %d where %d belongs", got, number)
	}
	if d.err != nil {
		return nil
	}
	return d.bytes()
}

// fields reads a whole struct.
func (d *decoder) fields(v reflect.Value) {
	list := Numbered(v.Type())
	for i := range list {
		f := &list[i]
		x := f.In(v)
		if (f.Was != nil || f.Type.Kind() == reflect.Pointer) && !d.next(f.Number) {
			f.SetBefore(x)
			continue
		}
		payload := d.field(f.Number)
		if d.err != nil {
			return
		}
		d.value(x, payload, f)
	}
	if d.err == nil && len(d.rest) != 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
}

// next says whether a field that may be left out comes next.
func (d *decoder) next(number int) bool {
	got, n := binary.Uvarint(d.rest)
	return d.err == nil && n > 0 && got == uint64(number)
}

// inside reads a payload with a decoder of its own.
func (d *decoder) inside(payload []byte, number int, read func(*decoder)) {
	inner := &decoder{rest: payload}
	read(inner)
	if inner.err == nil && len(inner.rest) != 0 {
		inner.fail("%d bytes too many", len(inner.rest))
	}
	if inner.err != nil {
		d.fail("field %d: %w", number, inner.err)
	}
}

var errBytes = errors.New("bytes of another length")

func (d *decoder) value(v reflect.Value, b []byte, f *Field) {
	if err := d.scalar(v, b, f); err != nil {
		d.fail("field %d: %w", f.Number, err)
	}
}

func (d *decoder) scalar(v reflect.Value, b []byte, f *Field) error {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[string]() {
			if w, ok := v.Addr().Interface().(renumber); ok {
				n, err := word(b, math.MaxInt32)
				if err != nil {
					return err
				}
				return w.SetNumber(n)
			}
		}
		if !utf8.Valid(b) {
			return errors.New("text that is not UTF-8")
		}
		v.SetString(string(b))
	case reflect.Bool:
		if len(b) != 1 || b[0] > 1 {
			return errors.New("neither 0 nor 1")
		}
		v.SetBool(b[0] == 1)
	case reflect.Int:
		return integer(v, b, f.Signed)
	case reflect.Uint32:
		n, err := word(b, math.MaxUint32)
		v.SetUint(n)
		return err
	case reflect.Float64:
		n, err := word(b, math.MaxUint64)
		v.SetFloat(math.Float64frombits(n))
		return err
	case reflect.Array:
		if len(b) != v.Len() {
			return fmt.Errorf("%w: %d, want %d", errBytes, len(b), v.Len())
		}
		reflect.Copy(v, reflect.ValueOf(b))
	default:
		d.compound(v, b, f)
	}
	return nil
}

// compound reads what holds other values.
func (d *decoder) compound(v reflect.Value, b []byte, f *Field) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(v.Elem(), b, f)
	case reflect.Struct:
		d.inside(b, f.Number, func(inner *decoder) { inner.fields(v) })
	case reflect.Slice:
		v.SetZero()
		if v.Type().Elem().Kind() != reflect.Struct {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		d.inside(b, f.Number, func(inner *decoder) {
			for n := inner.uvarint(); n > 0 && inner.err == nil; n-- {
				item := reflect.New(v.Type().Elem()).Elem()
				payload := inner.bytes()
				if inner.err == nil {
					inner.value(item, payload, f)
					v.Set(reflect.Append(v, item))
				}
			}
		})
	default:
		panic("field: a " + v.Type().String() + " cannot be read")
	}
}

func word(b []byte, limit uint64) (uint64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: %d, want 8", errBytes, len(b))
	}
	n := binary.BigEndian.Uint64(b)
	if n > limit {
		return 0, fmt.Errorf("%d, at most %d", n, limit)
	}
	return n, nil
}

func integer(v reflect.Value, b []byte, signed bool) error {
	limit := uint64(math.MaxInt32)
	if signed {
		limit = math.MaxUint64
	}
	n, err := word(b, limit)
	if err != nil {
		return err
	}
	if i := int64(n); i < math.MinInt32 || i > math.MaxInt32 {
		return fmt.Errorf("%d, want %d to %d", i, math.MinInt32, math.MaxInt32)
	}
	v.SetInt(int64(n))
	return nil
}
