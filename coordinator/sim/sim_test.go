package sim

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
)

var (
	seed  = flag.Uint64("seed", 0, "of the one world to play; 0 for a few fixed ones")
	seeds = flag.Int("seeds", 40, "how many worlds to play, from seed 1 on")
)

func play(t *testing.T, cfg Config) Stats {
	t.Helper()
	stats, err := Run(cfg)
	if err != nil {
		t.Fatalf("%v\nplay it again with -run %s -seed %d", err, strings.Split(t.Name(), "/")[0], cfg.Seed)
	}
	t.Logf("seed %d: %v", cfg.Seed, stats)
	return stats
}

// worldOf is one world of many: with reports of what is left in every other, and
// with gangs that may span several workers in every fourth.
func worldOf(seed uint64) Config {
	cfg := Config{Seed: seed, Workers: 40, Experiments: 400, Duration: 3600_000, Faults: true, Replica: true, Hints: seed%2 == 0, Longest: longestMS}
	if seed > 2 {
		cfg.Workers, cfg.Experiments = 16, 100 // many rather than large
	}
	cfg.Policy = scheduler.DefaultPolicy()
	cfg.Policy.Span = seed%4 == 3
	return cfg
}

// Worlds with faults keep every promise, and a seed makes the same world again.
func TestWorlds(t *testing.T) {
	first, last := uint64(1), uint64(*seeds)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			cfg := worldOf(n)
			s := play(t, cfg)
			if s.Lost == 0 || s.Preempted == 0 || s.Leaders < 5 || s.Done < 100 {
				t.Errorf("too tame a world: %v", s)
			}
			if n%8 > 0 && n != 1 {
				return
			}
			if again := play(t, cfg); again != s {
				t.Errorf("a second run differs: %v", again)
			}
		})
	}
}

// A world of thousands of workers.
func TestLargeWorld(t *testing.T) {
	cfg := Config{Seed: max(*seed, 1), Workers: 2000, Experiments: 1500, Duration: 1200_000, Faults: true, Policy: scheduler.DefaultPolicy(), Longest: longestMS}
	if testing.Short() {
		cfg.Workers, cfg.Experiments = 1000, 300
	}
	play(t, cfg)
}

// A gang of most of the cluster gets its turn, though small tasks never stop
// coming and it came last: after the policy's patience and the longest of them.
func TestALargeGangIsNotStarved(t *testing.T) {
	cfg := Config{Seed: 1, Workers: 16, Duration: 7200_000, Policy: scheduler.DefaultPolicy(), Longest: longestMS}
	cfg.Policy.Span = true // no single worker has as many
	w := newWorld(cfg)
	for i := range 7200 / 80 { // as much as the slots can do, so that the gang never finds them free
		w.after(int64(i)*80_000, func() { w.submitMany(fmt.Sprint("small", i), 16, api.Gang{Min: 1, Max: 1}) })
	}
	var gang api.Key
	w.after(600_000, func() { gang = w.submitMany("gang", 1, api.Gang{Min: 60, Max: 60}) })
	w.until(func() bool { t := w.state.Task(gang); return t != nil && t.Parts != nil })
	if w.now < 600_000+cfg.Policy.PatienceMS {
		t.Error("it found its slots free: the world is too tame")
	}
	if w.err != nil {
		t.Fatal(w.err)
	}
	const longest = longestMS + 10_000
	if waited := w.now - 600_000; waited > cfg.Policy.PatienceMS+longest {
		t.Errorf("it waited %d s", waited/1000)
	}
}

// submitMany asks for tasks that differ in name alone and returns the first's key.
func (w *World) submitMany(name string, n int, gang api.Gang) api.Key {
	c := command.Submit{Experiment: name}
	for i := range n {
		c.Works = append(c.Works, w.work(fmt.Sprintf("%s.%d", name, i), fixture.Options{Gang: gang}))
	}
	if r := w.apply(c); r.Err != nil {
		w.fail("submit: %w", r.Err)
	}
	return c.Works[0].Key
}
