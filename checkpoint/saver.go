package checkpoint

import (
	"context"
	"fmt"
	"time"
)

// Saver saves in the background while training goes on. It has two sets of
// host buffers of the caller's type T: the training loop fills one while the
// other is written out, and nothing is allocated per save.
//
//	set := saver.Free()          // no save reads it
//	copyStateTo(set)             // the state as it is at this step boundary
//	err := saver.Begin(ctx)      // hands it over; waits only for a save still running
//	...
//	err = saver.Close()          // the last save, and its error
//
// An error of a save is returned by the next call of Begin, Wait or Close, and
// by that one alone. One goroutine, the training loop's, calls the methods; the
// Saver owns one more, which Close ends.
type Saver[T any] struct {
	repo *Repo
	opts SaverOptions[T]
	sets [2]T
	free int // index of the set that no save reads

	jobs    chan job[T]
	results chan error
	running bool // a job is out and its result not taken

	asked time.Time // when Free was called, zero after Begin
	stats SaverStats
}

// SaverOptions is how a Saver works.
type SaverOptions[T any] struct {
	// Snapshot describes a set as a checkpoint. It runs in the background
	// goroutine, and the payloads may refer to the set's memory.
	Snapshot func(set T) (Snapshot, error)
	// Saved, if set, is called in the background goroutine after each save
	// with its manifest: the place for retention. Its error is the save's.
	Saved func(ctx context.Context, m Manifest) error
	// Now is the clock for the statistics; nil is time.Now.
	Now func() time.Time
}

// SaverStats is what saving cost.
type SaverStats struct {
	Saves int
	// Stall is how long training stood still: from Free, through the copy
	// made by the caller, to the return of Begin; and in Wait and Close.
	Stall time.Duration
}

type job[T any] struct {
	ctx context.Context
	set T
}

// NewSaver starts a Saver with two equal sets of buffers.
func NewSaver[T any](repo *Repo, sets [2]T, opts SaverOptions[T]) *Saver[T] {
	if opts.Snapshot == nil {
		panic("checkpoint: a Saver without Snapshot")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Saver[T]{repo: repo, opts: opts, sets: sets, jobs: make(chan job[T]), results: make(chan error, 1)}
	go s.work()
	return s
}

// work is the background goroutine.
func (s *Saver[T]) work() {
	for j := range s.jobs {
		s.results <- s.save(j)
	}
	close(s.results)
}

func (s *Saver[T]) save(j job[T]) error {
	snapshot, err := s.opts.Snapshot(j.set)
	if err != nil {
		return fmt.Errorf("describe checkpoint: %w", err)
	}
	m, err := s.repo.Save(j.ctx, snapshot)
	if err != nil {
		return err
	}
	if s.opts.Saved == nil {
		return nil
	}
	return s.opts.Saved(j.ctx, m)
}

// Free is the set to fill next; it does not block. Calling it again before
// Begin gives the same set.
func (s *Saver[T]) Free() T {
	if s.asked.IsZero() {
		s.asked = s.opts.Now()
	}
	return s.sets[s.free]
}

// Begin hands the set that Free gave to the background and returns; the save
// runs under ctx. If the save before is still running it waits for it, and if
// that one failed, its error is returned and nothing is begun: the set is
// still free.
func (s *Saver[T]) Begin(ctx context.Context) error {
	s.Free() // the stall begins here if the caller had nothing to copy
	defer s.stalled()
	if err := s.finish(); err != nil {
		return err
	}
	s.jobs <- job[T]{ctx, s.sets[s.free]}
	s.running = true
	s.free = 1 - s.free
	s.stats.Saves++
	return nil
}

// Wait waits for the save that is running, if any, and returns its error.
func (s *Saver[T]) Wait() error {
	s.Free()
	defer s.stalled()
	return s.finish()
}

// Close waits for the save that is running, ends the background goroutine and
// returns the save's error. No method but Stats may be called afterwards.
func (s *Saver[T]) Close() error {
	err := s.Wait()
	close(s.jobs)
	<-s.results // closed when the goroutine is at its end
	return err
}

// Stats is what saving has cost so far.
func (s *Saver[T]) Stats() SaverStats { return s.stats }

func (s *Saver[T]) finish() error {
	if !s.running {
		return nil
	}
	s.running = false
	return <-s.results
}

func (s *Saver[T]) stalled() {
	s.stats.Stall += s.opts.Now().Sub(s.asked)
	s.asked = time.Time{}
}
