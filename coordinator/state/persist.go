package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"

	"g2c/coordinator/cow"
)

// A snapshot on disk, version 1:
//
//	snapshot = "g2c/state/1\n" frame* end
//	frame    = kind length payload       kind is a byte, length an uvarint
//	end      = kindEnd 64 digest hash    digest: SHA-256 of all bytes before the end
//
// The first frame is the head, then come records by kind, each kind in its order.
// The hash is that of the state, so that a reader who makes another state of the
// same bytes notices.

const magic = "g2c/state/1\n"

// maxFrameBytes bounds a record: a work of the largest size, or below level 4 an
// experiment that lists the most tasks.
const maxFrameBytes = 1 << 20

// Encode writes the state. It is a function of the state alone: replicas write the
// same bytes.
func (d *data) Encode(w io.Writer) error { return d.encode(w, maxFrameBytes) }

// encode refuses records above a bound: Decode would.
func (d *data) encode(w io.Writer, bound int) error {
	f := &frameWriter{out: bufio.NewWriterSize(w, 1<<16), digest: sha256.New(), bound: bound}
	f.raw([]byte(magic))
	f.frame(kindHead, d.head.fields)
	writeAll(f, d.projects)
	writeAll(f, d.workers)
	writeAll(f, d.tasks)
	writeAll(f, d.experiments)
	writeAll(f, d.requests)
	writeAll(f, d.tokens)
	writeAll(f, d.audits)
	if d.apart() {
		writeAll(f, d.wishes)
	}
	writeAll(f, d.users)
	writeAll(f, d.revoked)
	end := f.digest.Sum([]byte{kindEnd, 64})
	h := d.Hash()
	f.raw(append(end, h[:]...))
	if f.err == nil {
		f.err = f.out.Flush()
	}
	if f.err != nil {
		return fmt.Errorf("write a snapshot: %w", f.err)
	}
	return nil
}

// frameWriter writes frames; after the first error it writes nothing more.
type frameWriter struct {
	out    *bufio.Writer
	digest hash.Hash
	buf    []byte
	bound  int // bytes of a record
	err    error
}

func (f *frameWriter) raw(b []byte) {
	f.digest.Write(b)
	if f.err == nil {
		_, f.err = f.out.Write(b)
	}
}

func (f *frameWriter) frame(kind byte, fields func(coder)) {
	e := encoder{buf: f.buf[:0]}
	fields(&e)
	f.buf = e.buf
	if len(e.buf) > f.bound && f.err == nil {
		f.err = fmt.Errorf("a record of kind %d has %d bytes, at most %d: %w", kind, len(e.buf), f.bound, ErrLimit)
	}
	f.raw(binary.AppendUvarint([]byte{kind}, uint64(len(e.buf))))
	f.raw(e.buf)
}

func writeAll[K any, R record](f *frameWriter, m *cow.Map[K, R]) {
	for _, r := range m.All() {
		f.frame(r.kind(), r.fields)
	}
}

// Decode reads what Encode writes, and makes the indexes anew.
func Decode(r io.Reader) (*State, error) {
	f := &frameReader{in: bufio.NewReaderSize(r, 1<<16), digest: sha256.New()}
	if err := f.magic(); err != nil {
		return nil, err
	}
	s := New()
	for {
		kind, payload, err := f.frame()
		if err != nil {
			return nil, err
		}
		if kind == kindEnd {
			if err := s.link(); err != nil {
				return nil, err
			}
			return s, s.seals(f, payload)
		}
		if err := s.restore(kind, payload); err != nil {
			return nil, err
		}
		f.sum()
	}
}

// restore takes in one record.
func (s *State) restore(kind byte, payload []byte) error {
	d := &decoder{rest: payload, err: new(error)}
	switch kind {
	case kindHead:
		s.head.fields(d)
		s.changes.floor, s.narrowed = s.index, s.index
	case kindTask:
		restore(s, d, s.tasks, &Task{}, func(t *Task) uint64 { return t.Seq }, func(t *Task) {
			s.indexTask(t)
			s.tally(t.Seq, "", t.Status)
		})
	case kindExperiment:
		restore(s, d, s.experiments, &Experiment{apart: s.apart()}, func(e *Experiment) uint64 { return e.Seq }, func(e *Experiment) { s.byID.Set(e.ID, e.Seq) })
	case kindWorker:
		restore(s, d, s.workers, &Worker{}, func(w *Worker) string { return w.ID }, nil) // link has its indexes
	case kindProject:
		restore(s, d, s.projects, &Project{}, func(p *Project) string { return p.Name }, nil)
	case kindRequest:
		restore(s, d, s.requests, &Request{}, func(q *Request) string { return q.ID }, s.indexRequest)
	case kindToken:
		restore(s, d, s.tokens, &Token{}, func(t *Token) string { return t.ID }, nil)
	case kindAudit:
		restore(s, d, s.audits, &Audit{}, func(a *Audit) uint64 { return a.Number }, nil)
	case kindWish:
		restore(s, d, s.wishes, &Wish{}, func(w *Wish) wished { return wished{w.Task, w.Experiment} }, nil)
	case kindUser:
		restore(s, d, s.users, &User{}, func(u *User) string { return u.Name }, nil)
	case kindCertificate:
		restore(s, d, s.revoked, &Certificate{}, func(k *Certificate) string { return k.Serial }, nil)
	default:
		return fmt.Errorf("%w: it holds a record of kind %d", ErrNewer, kind)
	}
	d.end()
	return *d.err
}

// link makes what follows from several records, once all are there.
func (s *State) link() error {
	for at, w := range s.wishes.All() {
		e, ok := s.experiments.Get(at.experiment)
		if !ok || !s.apart() {
			return fmt.Errorf("%w: a wish of experiment %d, which is not there", ErrCorrupt, at.experiment)
		}
		w.Project, w.Priority = e.Project, e.Priority
		e.Tasks = append(e.Tasks, at.task)
	}
	for _, e := range s.experiments.All() {
		e.Tasks = slices.Clip(e.Tasks)
		for _, seq := range e.Tasks {
			if !s.apart() {
				s.wishes.Set(wished{seq, e.Seq}, nil)
			}
		}
	}
	for _, e := range s.experiments.All() {
		e.bytes = s.bytesOf(e)
		s.count(e, s.figuresOf(e))
		s.standings.Set(e.Seq, s.countsOf(e))
	}
	for _, w := range s.workers.All() {
		for i := range w.Allocations {
			e, ok := s.experiments.Get(w.Allocations[i].Experiment)
			if ok != s.apart() {
				return fmt.Errorf("%w: worker %s has slots for experiment %d, which is not there", ErrCorrupt, w.ID, w.Allocations[i].Experiment)
			}
			if ok {
				w.Allocations[i].Project = e.Project
			}
		}
		s.charges(w, 1)
		s.rehost(nil, w)
	}
	for _, t := range s.tasks.All() {
		s.use3(t, 1)
	}
	return nil
}

// restore reads a record and what follows from it.
func restore[K any, R record](s *State, d *decoder, m *cow.Map[K, R], r R, key func(R) K, index func(R)) {
	r.fields(d)
	d.end()
	if *d.err != nil {
		return
	}
	put(s, m, key(r), r)
	if index != nil {
		index(r)
	}
}

// seals checks the end of a snapshot.
func (s *State) seals(f *frameReader, end []byte) error {
	h := s.Hash()
	switch {
	case len(end) != 64 || !bytes.Equal(end[:32], f.digest.Sum(nil)):
		return fmt.Errorf("%w: its digest differs", ErrCorrupt)
	case !bytes.Equal(end[32:], h[:]):
		return fmt.Errorf("%w: it makes another state than it was taken of", ErrCorrupt)
	}
	if _, err := f.in.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: it goes on after its end", ErrCorrupt)
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// frameReader reads frames. The digest takes in a frame when sum is called, since
// the end is not part of it.
type frameReader struct {
	in     *bufio.Reader
	digest hash.Hash
	head   []byte
	body   bytes.Buffer
}

func (f *frameReader) magic() error {
	b := make([]byte, len(magic))
	if _, err := io.ReadFull(f.in, b); err != nil || string(b) != magic {
		if bytes.HasPrefix(b, []byte("g2c/state/")) {
			return fmt.Errorf("%w: it begins with %q", ErrNewer, b)
		}
		return fmt.Errorf("%w: it does not begin with %q", ErrCorrupt, magic)
	}
	f.digest.Write(b)
	return nil
}

func (f *frameReader) frame() (kind byte, payload []byte, err error) {
	if kind, err = f.in.ReadByte(); err != nil {
		return 0, nil, f.torn(err)
	}
	length, err := binary.ReadUvarint(f.in)
	if err != nil {
		return 0, nil, f.torn(err)
	}
	if length > maxFrameBytes {
		return 0, nil, fmt.Errorf("%w: a record of %d bytes, at most %d", ErrCorrupt, length, maxFrameBytes)
	}
	f.head = binary.AppendUvarint(append(f.head[:0], kind), length)
	f.body.Reset()
	if _, err := io.CopyN(&f.body, f.in, int64(length)); err != nil {
		return 0, nil, f.torn(err)
	}
	return kind, f.body.Bytes(), nil
}

func (f *frameReader) sum() {
	f.digest.Write(f.head)
	f.digest.Write(f.body.Bytes())
}

func (f *frameReader) torn(err error) error {
	return fmt.Errorf("%w: it ends too early: %w", ErrCorrupt, err)
}
