package s3store

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint"
	"g2c/checkpoint/s3store/s3test"
	"g2c/checkpoint/store"
)

var (
	measureTo     = flag.String("measure", "", "file to write a table of bandwidths to; nothing is measured without")
	measureRounds = flag.Int("rounds", 8, "how often each is measured, in turn")
)

// A checkpoint of about the size of the paper's.
const weightsBytes, resumeBytes = 100 << 20, 200 << 20

// measured are the seconds that something took, round by round.
type measured struct {
	what  string
	bytes int64
	took  []time.Duration
}

// cell is the median bandwidth in MiB/s, and the lowest and highest.
func (m *measured) cell() string {
	all := m.rates()
	return fmt.Sprintf("%.0f (%.0f–%.0f)", all[len(all)/2], all[0], all[len(all)-1])
}

func (m *measured) rates() []float64 {
	var all []float64
	for _, d := range m.took {
		all = append(all, float64(m.bytes)/(1<<20)/d.Seconds())
	}
	slices.Sort(all)
	return all
}

// bench is one server, a store on it, and what the store is compared with: puts and gets of
// objects of one part each, as many at a time as the store has under way.
type bench struct {
	server  *s3test.Server
	bucket  string
	store   *Store
	repo    *checkpoint.Repo
	payload [2][]byte
	round   int64

	all []*measured
}

func (b *bench) time(t *testing.T, what string, bytes int64, do func() error) {
	t.Helper()
	began := time.Now()
	if err := do(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	took := time.Since(began)
	i := slices.IndexFunc(b.all, func(m *measured) bool { return m.what == what })
	if i < 0 {
		i = len(b.all)
		b.all = append(b.all, &measured{what: what, bytes: bytes})
	}
	b.all[i].took = append(b.all[i].took, took)
}

// raw does something with every part of the bytes, side by side.
func (b *bench) raw(do func(key string, part []byte) error) error {
	whole := b.payload[1]
	parts := slices.Collect(slices.Chunk(whole, DefaultPartBytes))
	errs := make([]error, len(parts))
	slots := make(chan struct{}, DefaultParallel)
	var group sync.WaitGroup
	for i, p := range parts {
		slots <- struct{}{}
		group.Go(func() {
			errs[i] = do(fmt.Sprintf("raw/%d", i), p)
			<-slots
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) run(t *testing.T) {
	ctx := t.Context()
	b.round++
	for i := range b.payload { // no round finds what another stored
		b.payload[i][0] = byte(b.round)
	}
	pairs := [][2]func(*testing.T){{b.rawPuts, b.put}, {b.rawGets, b.get}}
	for _, pair := range pairs {
		if b.round%4 == 1 { // who comes second finds the disk busy with what the first left
			pair[0], pair[1] = pair[1], pair[0]
		}
		pair[0](t)
		pair[1](t)
	}
	var m checkpoint.Manifest
	b.time(t, "save", weightsBytes+resumeBytes, func() (err error) {
		m, err = b.repo.Save(ctx, b.snapshot(b.payload))
		return err
	})
	b.time(t, "restore", resumeBytes, func() error {
		data, err := b.repo.Payload(ctx, m, checkpoint.Resume)
		if err == nil && !bytes.Equal(data, b.payload[1]) {
			err = fmt.Errorf("other bytes came back")
		}
		return err
	})
	b.stall(t)
	if _, err := b.repo.Prune(ctx, task, checkpoint.Policy{Keep: 1}, nil); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) rawPuts(t *testing.T) {
	b.time(t, "raw puts", resumeBytes, func() error {
		return b.raw(func(key string, part []byte) error {
			_, err := b.server.Client().PutObject(t.Context(), b.bucket, key, bytes.NewReader(part), int64(len(part)), minio.PutObjectOptions{DisableMultipart: true})
			return err
		})
	})
}

func (b *bench) put(t *testing.T) {
	b.time(t, "put", resumeBytes, func() error { return b.store.Put(t.Context(), "objects/large", bytes.NewReader(b.payload[1])) })
}

func (b *bench) rawGets(t *testing.T) {
	b.time(t, "raw gets", resumeBytes, func() error {
		return b.raw(func(key string, part []byte) error {
			o, err := b.server.Client().GetObject(t.Context(), b.bucket, key, minio.GetObjectOptions{})
			if err != nil {
				return err
			}
			defer o.Close()
			_, err = io.ReadFull(o, make([]byte, len(part)))
			return err
		})
	})
}

func (b *bench) get(t *testing.T) {
	b.time(t, "get", resumeBytes, func() error {
		r, err := b.store.Get(t.Context(), "objects/large")
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	})
}

var task = strings.Repeat("a", 64)

func (b *bench) snapshot(payload [2][]byte) checkpoint.Snapshot {
	return checkpoint.Snapshot{
		Kind: checkpoint.Pretrain, Task: task, Class: "cpu-1", Step: b.round, Description: []byte("{}"),
		Payloads: map[string]store.Body{checkpoint.Weights: bytes.NewReader(payload[0]), checkpoint.Resume: bytes.NewReader(payload[1])},
	}
}

// stall is how long a training stands still for a checkpoint: the copy of its state, and
// handing it over.
func (b *bench) stall(t *testing.T) {
	b.round++
	type buffers = [2][]byte
	sets := [2]buffers{{make([]byte, weightsBytes), make([]byte, resumeBytes)}, {make([]byte, weightsBytes), make([]byte, resumeBytes)}}
	for _, s := range sets { // memory is there before training begins
		clear(s[0])
		clear(s[1])
	}
	saver := checkpoint.NewSaver(b.repo, sets, checkpoint.SaverOptions[buffers]{
		Snapshot: func(s buffers) (checkpoint.Snapshot, error) { return b.snapshot(s), nil },
	})
	b.time(t, "stall", weightsBytes+resumeBytes, func() error {
		set := saver.Free()
		copy(set[0], b.payload[0])
		copy(set[1], b.payload[1])
		return saver.Begin(context.WithoutCancel(t.Context()))
	})
	if err := saver.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMeasure compares what a store carries with what the same server carries for puts and
// gets of one's own, in turn.
func TestMeasure(t *testing.T) {
	if *measureTo == "" {
		t.Skip("nothing is to be measured: make bench-s3 does")
	}
	var all []*bench
	before := loadAverage()
	for _, k := range s3test.Kinds() {
		server := s3test.Start(t, k)
		c := configOf(t, server, server.Bucket(t))
		c.PartBytes, c.Parallel = 0, 0
		b := &bench{server: server, bucket: c.Bucket, payload: [2][]byte{[]byte(noise(weightsBytes, 1)), []byte(noise(resumeBytes, 2))}}
		b.store = mustOpen(t, c)
		b.repo = checkpoint.New(b.store)
		all = append(all, b)
	}
	for range *measureRounds {
		for _, b := range all {
			b.run(t)
		}
	}
	if err := os.WriteFile(*measureTo, []byte(table(all, before)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// loadAverage is how many processes want a processor, by the system's word; a dash where it
// has none.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "–"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

func table(all []*bench, before string) string {
	var s strings.Builder
	fmt.Fprintf(&s, `# Checkpoints in S3

Written by `+"`make bench-s3`"+` (TMPDIR=%s, where the servers keep their data): a checkpoint of 300 MiB, 100 of weights and 200 of state, in a
bucket of a server on the same machine, over TLS, so that client and server share its %d processors; the load average was %s before
and %s after. MiB/s, median of %d rounds and the lowest and highest, all in turn in one run. *raw* is what the server carries for plain puts and gets of 16 MiB each, %d at a time, nothing checked; *put* and *get* are
one object of 200 MiB, in parts with CRC-32C; *save* is a whole checkpoint, hashed twice over (SHA-256 for its name, CRC-32C for the
way) and committed; *restore* reads the state back and compares its SHA-256. *stall* is how long training stands still: its state is
copied, and goes out behind its back.

| server | raw puts | put | of raw | save | raw gets | get | of raw | restore | stall, ms |
|---|---|---|---|---|---|---|---|---|---|
`, os.TempDir(), runtime.NumCPU(), before, loadAverage(), *measureRounds, DefaultParallel)
	for _, b := range all {
		by := map[string]*measured{}
		for _, m := range b.all {
			by[m.what] = m
		}
		median := func(what string) float64 { r := by[what].rates(); return r[len(r)/2] }
		took := slices.Sorted(slices.Values(by["stall"].took))
		fmt.Fprintf(&s, "| %s | %s | %s | %.0f %% | %s | %s | %s | %.0f %% | %s | %d (%d–%d) |\n", b.server.Name(),
			by["raw puts"].cell(), by["put"].cell(), 100*median("put")/median("raw puts"), by["save"].cell(),
			by["raw gets"].cell(), by["get"].cell(), 100*median("get")/median("raw gets"), by["restore"].cell(),
			took[len(took)/2].Milliseconds(), took[0].Milliseconds(), took[len(took)-1].Milliseconds())
	}
	return s.String()
}
