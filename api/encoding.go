package api

import (
	"bytes"
	"errors"
	"fmt"

	"g2c/internal/field"
)

// The canonical encoding of a task, version 1: "g2c/task/1\n" and its fields, as
// internal/field encodes structs, by the numbers in their tags. There is one way only to
// write a task: DecodeTask refuses bytes that Canonical would not have written.

const magic = "g2c/task/1\n"

// MaxCanonicalBytes bounds an encoded task: a thousand labels of 60 bytes.
const MaxCanonicalBytes = 64 << 10

// ErrEncoding is bytes that are not the canonical encoding of a task.
var ErrEncoding = errors.New("not a canonical task")

// Canonical is the canonical encoding. The task must be valid (Validate).
func (t Task) Canonical() []byte { return field.Append([]byte(magic), &t) }

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
	if err := field.Read(rest, &t); err != nil {
		return Task{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if err := t.Validate(); err != nil {
		return Task{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if !bytes.Equal(t.Canonical(), b) { // a number written in more bytes than it needs
		return Task{}, fmt.Errorf("%w: another encoding of a valid task", ErrEncoding)
	}
	return t, nil
}
