package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"testing"

	"g2c/coordinator/command"
)

// DecodeUnsealed reads the frames of a snapshot and checks what they make, as
// Decode would if the digest and the hash at the end were right.
func DecodeUnsealed(b []byte) error {
	f := &frameReader{in: bufio.NewReader(bytes.NewReader(b)), digest: sha256.New()}
	if err := f.magic(); err != nil {
		return err
	}
	s := New()
	for {
		kind, payload, err := f.frame()
		if err != nil || kind == kindEnd {
			break
		}
		if err := s.restore(kind, payload); err != nil {
			return err
		}
	}
	if err := s.link(); err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return err
	}
	return s.Encode(io.Discard)
}

// EncodeWithin is Encode with another bound of a record.
func (d *data) EncodeWithin(w io.Writer, bound int) error { return d.encode(w, bound) }

// CheckSubmitWithin is CheckSubmit with another bound of a record.
func (d *data) CheckSubmitWithin(bound int, c command.Submit) error {
	return d.checkSubmit("", c, bound)
}

// SetLimits gives the limits other numbers until a test is over.
func SetLimits(t testing.TB, each, all Limits) {
	oldEach, oldAll := limitsEach, limitsInAll
	limitsEach, limitsInAll = each, all
	t.Cleanup(func() { limitsEach, limitsInAll = oldEach, oldAll })
}
