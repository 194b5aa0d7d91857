package api

import "errors"

// The canonical encoding of a task, version 1:
//
//	task    = "g2c/task/1\n" fields
//	fields  = field*                   in rising order of number
//	field   = number length payload    number and length are uvarints
//	payload = text     UTF-8
//	        | integer  8 bytes, unsigned, big endian
//	        | float    8 bytes, IEEE-754 binary64, big endian
//	        | boolean  1 byte, 0 or 1
//	        | key      32 bytes
//	        | list     count, then count × (length payload); uvarints
//	        | fields   a nested struct
//
// fields.go gives every field its number and type. There are no maps, no
// optional padding and one way only to write a task: DecodeTask refuses bytes
// that Canonical would not have written.

const magic = "g2c/task/1\n"

// MaxCanonicalBytes bounds an encoded task: a thousand labels of 60 bytes.
const MaxCanonicalBytes = 64 << 10

// ErrEncoding is bytes that are not the canonical encoding of a task.
var ErrEncoding = errors.New("not a canonical task")

// coder writes fields, or reads them: encoder and decoder.
type coder interface {
	kind(number int, v *Kind)
	text(number int, v *string)
	texts(number int, v *[]string)
	integer(number int, v *int)
	signed(number int, v *int)
	seed(number int, v *uint32)
	float(number int, v *float64)
	boolean(number int, v *bool)
	key(number int, v *Key)
	keys(number int, v *[]Key)
	nested(number int, fields func(coder))
	// each writes count structs, or reads as many as there are, giving item
	// their places in order.
	each(number, count int, item func(i int, c coder))
	// present says whether an optional field is there: set, when writing;
	// next in the input, when reading.
	present(number int, set bool) bool
}

// Canonical is the canonical encoding. The task must be valid (Validate).
func (t Task) Canonical() []byte {
	e := &encoder{buf: []byte(magic)}
	t.fields(e)
	return e.buf
}
