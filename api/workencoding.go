package api

import (
	"bytes"
	"fmt"

	"g2c/internal/field"
)

// The encoding of a work, version 1, for logs and snapshots: "g2c/work/1\n" and
// fields, as internal/field encodes structs. The task is its own canonical encoding, so that its
// key can be recomputed from what is stored; the key itself is stored too and
// believed by nobody who has not done so.

const workMagic = "g2c/work/1\n"

// MaxWorkBytes bounds an encoded work: a task and as many bytes of paths again,
// thrice.
const MaxWorkBytes = 4 * MaxCanonicalBytes

// Encode is the only encoding of a work whose task is valid.
func (w Work) Encode() []byte {
	return field.Append(field.AppendField([]byte(workMagic), 1, w.Task.Canonical()), &w)
}

// DecodeWork reads strictly: it succeeds only for what Encode writes, of a gang that the
// task can make use of.
func DecodeWork(b []byte) (Work, error) {
	w, err := RestoreWork(b)
	if err != nil {
		return Work{}, err
	}
	if err := w.CheckGang(); err != nil {
		return Work{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return w, nil
}

// RestoreWork reads what a log or a snapshot holds: as strictly, but for the gang, which
// programs before LevelWishes did not check.
func RestoreWork(b []byte) (Work, error) {
	var w Work
	if len(b) > MaxWorkBytes {
		return w, fmt.Errorf("%w: a work of %d bytes, at most %d", ErrEncoding, len(b), MaxWorkBytes)
	}
	rest, ok := bytes.CutPrefix(b, []byte(workMagic))
	if !ok {
		return w, fmt.Errorf("%w: a work does not begin with %q", ErrEncoding, workMagic)
	}
	task, rest, err := field.Cut(rest, 1)
	if err == nil {
		err = field.Read(rest, &w)
	}
	if err != nil {
		return Work{}, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if w.Task, err = DecodeTask(task); err != nil {
		return Work{}, err
	}
	if len(w.Names) == 0 {
		return Work{}, fmt.Errorf("%w: a work without a name", ErrEncoding)
	}
	if !bytes.Equal(w.Encode(), b) {
		return Work{}, fmt.Errorf("%w: another encoding of a work", ErrEncoding)
	}
	return w, nil
}

const runningMagic = "g2c/running/1\n"

// Encode is the only encoding of it, version 1: "g2c/running/1\n" and fields.
func (r *Running) Encode() []byte { return field.Append([]byte(runningMagic), r) }

// DecodeRunning reads strictly: it succeeds only for what Encode writes.
func DecodeRunning(b []byte) (*Running, error) {
	r := &Running{}
	if len(b) > MaxWorkBytes {
		return nil, fmt.Errorf("%w: %d bytes of how to run a task, at most %d", ErrEncoding, len(b), MaxWorkBytes)
	}
	rest, ok := bytes.CutPrefix(b, []byte(runningMagic))
	if !ok {
		return nil, fmt.Errorf("%w: how to run a task does not begin with %q", ErrEncoding, runningMagic)
	}
	if err := field.Read(rest, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	if len(r.Names) == 0 || !bytes.Equal(r.Encode(), b) {
		return nil, fmt.Errorf("%w: another encoding of how to run a task", ErrEncoding)
	}
	return r, nil
}
