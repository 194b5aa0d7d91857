package state

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"g2c/coordinator/cow"
)

// The hash of the state is the sum, modulo 2^256, of the hashes of its records. A
// record that changes costs two additions, whatever the size of the state, and
// the order in which records came to be does not matter. Records are hashed with
// their kind and their names, so no two have the same bytes.

// sum is a 256-bit number, lowest word first.
type sum [4]uint64

func words(h [32]byte) (s sum) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(h[8*i:])
	}
	return s
}

func (s *sum) add(h [32]byte) {
	var carry uint64
	for i, w := range words(h) {
		s[i], carry = bits.Add64(s[i], w, carry)
	}
}

func (s *sum) sub(h [32]byte) {
	var borrow uint64
	for i, w := range words(h) {
		s[i], borrow = bits.Sub64(s[i], w, borrow)
	}
}

func hashOf(b []byte) [32]byte { return sha256.Sum256(b) }

// sealed is a record's hash, as it stands in the sum.
type sealed struct{ seal [32]byte }

func (s *sealed) sealPlace() *[32]byte { return &s.seal }

// record is what the state is made of.
type record interface {
	comparable
	fields(c coder)
	sealPlace() *[32]byte
	kind() byte
}

// The kinds of record, in snapshots and hashes: never reused.
const (
	kindHead byte = iota
	kindTask
	kindExperiment
	kindWorker
	kindProject
	kindRequest
	kindToken
	kindAudit
	kindEnd
	kindWish // from here on of level 4
	kindUser
	kindCertificate
)

func (*Task) kind() byte       { return kindTask }
func (*Experiment) kind() byte { return kindExperiment }
func (*Worker) kind() byte     { return kindWorker }
func (*Project) kind() byte    { return kindProject }
func (*Request) kind() byte    { return kindRequest }
func (*Token) kind() byte      { return kindToken }
func (*Audit) kind() byte      { return kindAudit }
func (*Wish) kind() byte       { return kindWish }
func (*User) kind() byte       { return kindUser }

func (*Certificate) kind() byte { return kindCertificate }

// sealOf is the hash of a record. The buffer is for reuse.
func sealOf[R record](r R, buf []byte) ([32]byte, []byte) {
	e := encoder{buf: append(buf[:0], r.kind()), hashing: true}
	r.fields(&e)
	return hashOf(e.buf), e.buf
}

// Hash is the same on every replica that has applied the same entries.
func (d *data) Hash() [32]byte {
	e := encoder{buf: []byte{kindHead}}
	d.head.fields(&e)
	for _, w := range d.sum {
		e.buf = binary.LittleEndian.AppendUint64(e.buf, w)
	}
	return hashOf(e.buf)
}

// addAll hashes all records of a kind anew.
func addAll[K any, R record](s *sum, m *cow.Map[K, R]) {
	for _, r := range m.All() {
		h, _ := sealOf(r, nil)
		s.add(h)
	}
}
