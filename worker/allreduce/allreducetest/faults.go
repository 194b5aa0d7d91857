package allreducetest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"g2c/internal/clock"
	"g2c/worker/allreduce"
)

// altered is a link that sends something else for frames.
type altered struct {
	allreduce.Link
	alter func(l allreduce.Link, h allreduce.Header, payload []byte, sent func()) error
}

// Send implements allreduce.Link.
func (a altered) Send(h allreduce.Header, payload []byte, sent func()) error {
	return a.alter(a.Link, h, payload, sent)
}

// mistakes are what a process might send in place of a frame.
var mistakes = map[string]func(h *allreduce.Header){
	"another task":       func(h *allreduce.Header) { h.Key[31]++ },
	"a stale generation": func(h *allreduce.Header) { h.Generation-- },
	"a stale round":      func(h *allreduce.Header) { h.Round-- },
	"a later round":      func(h *allreduce.Header) { h.Round += 2 },
	"an unknown kind":    func(h *allreduce.Header) { h.Kind = 200 },
	"a hello":            func(h *allreduce.Header) { h.Kind = allreduce.Hello },
	"an answer":          func(h *allreduce.Header) { h.Kind = allreduce.Seen },
	"an unknown bucket":  func(h *allreduce.Header) { h.Bucket = 77 },
	"an unknown piece":   func(h *allreduce.Header) { h.Piece = 9999 },
	"another's piece":    func(h *allreduce.Header) { h.Piece ^= 1 },
	"other shards":       func(h *allreduce.Header) { h.From, h.To = 0, 1 },
	"no shards":          func(h *allreduce.Header) { h.From, h.To = 0, 0 },
	"another encoding":   func(h *allreduce.Header) { h.Encoding = allreduce.Float64 },
	"a sum":              func(h *allreduce.Header) { h.Kind = allreduce.Sum },
	"a shorter payload":  func(h *allreduce.Header) { h.Length -= 4 },
	"an empty payload":   func(h *allreduce.Header) { h.Length = 0 },
}

// Whatever a process sends that does not belong where it arrives ends the exchange for
// all, with an error that names it.
func testWrongFrames(t *testing.T, connect Connect) {
	for name, mistake := range mistakes {
		t.Run(name, func(t *testing.T) {
			checkMistake(t, connect, func(l allreduce.Link, h allreduce.Header, payload []byte, sent func()) error {
				mistake(&h)
				return l.Send(h, payload[:min(len(payload), int(h.Length))], sent)
			})
		})
	}
	t.Run("twice", func(t *testing.T) {
		checkMistake(t, connect, func(l allreduce.Link, h allreduce.Header, payload []byte, sent func()) error {
			return errors.Join(l.Send(h, payload, func() {}), l.Send(h, payload, sent))
		})
	})
}

// checkMistake has process 1 of three alter the first partial of round 1 that it sends to
// process 0.
func checkMistake(t *testing.T, connect Connect, alter func(allreduce.Link, allreduce.Header, []byte, func()) error) {
	t.Helper()
	const bad = 1
	g := open[float32](t, connect, layout(t, []int{1, 1, 1}, 4), []int{50, 900}, func(process int, c *allreduce.Config) {
		if process != bad {
			return
		}
		var done atomic.Bool
		c.Links[0] = altered{c.Links[0], func(l allreduce.Link, h allreduce.Header, payload []byte, sent func()) error {
			if h.Kind == allreduce.Partial && h.Round == 1 && !done.Swap(true) {
				return alter(l, h, payload, sent)
			}
			return l.Send(h, payload, sent)
		}}
	})
	errs := g.each(g.everyone(), func(m *member[float32]) error {
		for round := range 4 {
			m.fill(round)
			if err := m.exchange(); err != nil {
				return err
			}
		}
		return nil
	})
	for process, err := range errs {
		if process == bad {
			if err == nil {
				t.Error("the process that sent it goes on")
			}
			continue
		}
		if err := names(err, bad); err != nil {
			t.Errorf("process %d: %v", process, err)
		}
	}
}

// A process from which nothing comes ends the exchange: whose deadline has passed names it,
// and so do the others, whose deadlines have not.
func testSilence(t *testing.T, connect Connect) {
	const mute = 1
	clocks := make([]*clock.Fake, 3)
	g := open[float32](t, connect, layout(t, []int{1, 1, 1}, 4), []int{50, 900}, func(process int, c *allreduce.Config) {
		clocks[process] = clock.NewFake(time.Unix(0, 0))
		c.Clock, c.Deadline = clocks[process], time.Minute
		for i, l := range c.Links {
			if process == mute && l != nil {
				c.Links[i] = altered{l, func(_ allreduce.Link, _ allreduce.Header, _ []byte, sent func()) error {
					sent()
					return nil
				}}
			}
		}
	})
	stop := make(chan struct{})
	defer close(stop)
	go advance(clocks[0], time.Minute/4, stop)
	errs := g.each(g.everyone(mute), func(m *member[float32]) error {
		m.fill(0)
		return m.exchange()
	})
	for _, process := range g.everyone(mute) {
		if err := names(errs[process], mute); err != nil {
			t.Errorf("process %d: %v", process, err)
		}
	}
	if !errors.Is(errs[0], allreduce.ErrSilent) {
		t.Errorf("%v, want silence", errs[0])
	}
	g.kill(mute)
	for _, c := range clocks[1:] {
		go advance(c, time.Minute, stop)
	}
	g.close()
}

// advance moves a clock whenever somebody waits for it.
func advance(c *clock.Fake, by time.Duration, stop <-chan struct{}) {
	for {
		n, more := c.Waiters()
		if n == 0 {
			select {
			case <-more:
			case <-stop:
				return
			}
		}
		c.Advance(by)
		select {
		case <-stop:
			return
		default:
		}
	}
}
