package allreducetest

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"g2c/worker/allreduce"
)

// Run holds a transport to what an exchange needs of it.
func Run(t *testing.T, connect Connect) {
	t.Run("sums", func(t *testing.T) { testSums(t, connect) })
	t.Run("one goroutine for several members", func(t *testing.T) { testOneGoroutine(t, connect) })
	t.Run("a process dies", func(t *testing.T) { testDeath(t, connect) })
	t.Run("a member aborts", func(t *testing.T) { testAbort(t, connect) })
	t.Run("a process leaves early", func(t *testing.T) { testLeaving(t, connect) })
	t.Run("wrong frames", func(t *testing.T) { testWrongFrames(t, connect) })
	t.Run("silence", func(t *testing.T) { testSilence(t, connect) })
}

// gangs are slots by process, and shards.
var gangs = []struct {
	parts  []int
	shards int
}{
	{[]int{1}, 1},
	{[]int{1}, 8},
	{[]int{4}, 4},
	{[]int{3}, 8},
	{[]int{1, 1}, 2},
	{[]int{1, 1}, 8},
	{[]int{2, 1}, 4},
	{[]int{1, 1, 1}, 8},
	{[]int{2, 3, 1}, 8},
	{[]int{1, 1, 1, 1}, 4},
	{[]int{5, 1, 1}, 8},
	{[]int{1, 1, 1, 1, 1, 1, 1}, 16},
	{[]int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 16},
}

// Sums are those of the tree, in every bucket of every round, whatever the gang and the
// lengths.
func testSums(t *testing.T, connect Connect) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range gangs {
		lengths := []int{random.IntN(200), 3 + random.IntN(40), 1, 0, 500 + random.IntN(500), 300}
		checkSums[float32](t, connect, c.parts, c.shards, lengths, false)
		checkSums[float32](t, connect, c.parts, c.shards, lengths, true)
	}
	for _, half := range []bool{false, true} {
		checkSums[float64](t, connect, []int{2, 1, 2}, 8, []int{33, 700}, half)
	}
}

func checkSums[T allreduce.Element](t *testing.T, connect Connect, parts []int, shards int, lengths []int, half bool) {
	t.Helper()
	g := open[T](t, connect, layout(t, parts, shards), lengths, func(_ int, c *allreduce.Config) {
		if half {
			c.Half = halfOf
		}
		c.Message = 512 // several a slice
	})
	defer g.close()
	for process, err := range g.each(g.everyone(), func(m *member[T]) error {
		for round := range 4 {
			m.fill(round)
			if err := m.exchange(); err != nil {
				return err
			}
			if err := m.check(round); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("%v slots of %d shards, half %v: process %d: %v", parts, shards, half, process, err)
		}
	}
}

// A goroutine that stands for all members of its process gives for each before it takes.
func testOneGoroutine(t *testing.T, connect Connect) {
	g := open[float32](t, connect, layout(t, []int{1, 1}, 8), []int{100, 7}, nil)
	wait := make(chan error, 2)
	for process := range g.runs {
		go func() { wait <- g.alone(process, 3) }()
	}
	for range g.runs {
		if err := <-wait; err != nil {
			t.Error(err)
		}
	}
}

func (g *gang[T]) alone(process, rounds int) error {
	var all []*member[T]
	for k := range g.runs[process] {
		m, err := g.member(process, k)
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	for round := range rounds {
		var errs []error
		for _, m := range all {
			m.fill(round)
			for b := range g.lengths {
				errs = append(errs, m.Give(b, m.slots(b), m.state))
			}
		}
		for _, m := range all {
			for b := range g.lengths {
				errs = append(errs, m.Take(b, m.slots(b), m.state))
			}
			errs = append(errs, m.check(round))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// When a process dies in the middle of a round, every other names it.
func testDeath(t *testing.T, connect Connect) {
	for _, parts := range [][]int{{1, 1}, {1, 2, 1}, {1, 1, 1, 1, 1, 1, 1}} {
		for dead := range parts {
			var silent atomic.Bool // the dead say nothing, while their links end one by one
			g := open[float32](t, connect, layout(t, parts, 8), []int{50, 900}, func(process int, c *allreduce.Config) {
				for i, l := range c.Links {
					if process == dead && l != nil {
						c.Links[i] = altered{l, func(l allreduce.Link, h allreduce.Header, payload []byte, sent func()) error {
							if silent.Load() {
								return errDead
							}
							return l.Send(h, payload, sent)
						}}
					}
				}
			})
			var once sync.Once
			errs := g.each(g.everyone(), func(m *member[float32]) error {
				for round := range 3 {
					m.fill(round)
					if round == 1 && m.Member.Process() == dead {
						if err := m.Give(0, m.slots(0), m.state); err != nil {
							return err
						}
						once.Do(func() {
							silent.Store(true)
							g.kill(dead)
						})
						return errDead
					}
					if err := m.exchange(); err != nil {
						return err
					}
				}
				return nil
			})
			for process, err := range errs {
				if process == dead {
					continue
				}
				if err := names(err, dead); err != nil {
					t.Errorf("%v: process %d after the end of %d: %v", parts, process, dead, err)
				}
			}
			g.close()
		}
	}
}

var errDead = errors.New("it is dead")

// kill breaks all links of a process, as its end does.
func (g *gang[T]) kill(process int) {
	for _, l := range g.links[process] {
		if l != nil {
			l.Close()
		}
	}
}

var errCard = errors.New("the card is gone")

// A member that ends the exchange ends it for its process with its reason, and for others
// with an error that names the process and says the reason.
func testAbort(t *testing.T, connect Connect) {
	g := open[float32](t, connect, layout(t, []int{2, 1, 1}, 4), []int{50, 900}, nil)
	errs := g.each(g.everyone(), func(m *member[float32]) error {
		m.fill(0)
		if m.Process() == 0 && m.run.From == 1 {
			m.Abort(errCard)
		}
		return m.exchange()
	})
	if !errors.Is(errs[0], allreduce.ErrAborted) || !errors.Is(errs[0], errCard) {
		t.Errorf("process 0: %v, want the reason of its member", errs[0])
	}
	for _, process := range []int{1, 2} {
		if err := names(errs[process], 0); err != nil {
			t.Errorf("process %d: %v", process, err)
		}
	}
}

// A process that takes leave while others wait for it ends the exchange.
func testLeaving(t *testing.T, connect Connect) {
	g := open[float32](t, connect, layout(t, []int{1, 1, 1}, 4), []int{50, 900}, nil)
	errs := g.each(g.everyone(), func(m *member[float32]) error {
		for round := range 2 {
			if round == 1 && m.Process() == 2 {
				return g.groups[2].Close()
			}
			m.fill(round)
			if err := m.exchange(); err != nil {
				return err
			}
		}
		return nil
	})
	for process, err := range errs[:2] {
		if err := names(err, 2); err != nil {
			t.Errorf("process %d: %v", process, err)
		}
	}
	if errs[2] != nil {
		t.Error(errs[2])
	}
}
