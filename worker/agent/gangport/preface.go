package gangport

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"g2c/api"
)

// A preface, of 40 bytes:
//
//	| "g2cgang" | version 1 | task: its key, 32 bytes |
//
// The answer is any number of waits, then go, a byte each.
const (
	magic        = "g2cgang"
	version      = 1
	prefaceBytes = len(magic) + 1 + len(api.Key{})
)

// What a port answers.
const (
	answerWait = 'w'
	answerGo   = 'g'
)

// ErrPreface is what begins a connection and is no preface.
var ErrPreface = errors.New("gangport: not the preface of a gang's connection")

// appendPreface appends that of a task.
func appendPreface(b []byte, task api.Key) []byte {
	return append(append(append(b, magic...), version), task[:]...)
}

// readPreface reads one, and nothing behind it.
func readPreface(r io.Reader) (task api.Key, err error) {
	var b [prefaceBytes]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return task, fmt.Errorf("%w: %w", ErrPreface, err)
	}
	rest, ok := bytes.CutPrefix(b[:], []byte(magic))
	if !ok {
		return task, ErrPreface
	}
	if rest[0] != version {
		return task, fmt.Errorf("%w: it is of version %d, and this release knows %d", ErrPreface, rest[0], version)
	}
	copy(task[:], rest[1:])
	return task, nil
}
