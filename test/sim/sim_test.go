package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/scheduler"
)

var (
	seed  = flag.Uint64("seed", 0, "of the one world to play; 0 for a few fixed ones")
	seeds = flag.Int("seeds", 40, "how many worlds to play, from seed 1 on")
)

// Worlds make much garbage and keep little: it is collected less often than usual.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// mustPlay plays a world in which nothing may break.
func mustPlay(t *testing.T, cfg config) stats {
	t.Helper()
	s, err := play(cfg)
	if err != nil {
		t.Fatalf("%v\nplay it again with -run %s -seed %d", err, strings.Split(t.Name(), "/")[0], cfg.seed)
	}
	t.Logf("seed %d: %v", cfg.seed, s)
	return s
}

// worldOf is one world of many: with reports of what is left in every other, hasty in every
// fourth, with gangs on one worker each in every eighth, and raised late in three of eight:
// from the first level, from that before gangs, or from that before holds.
func worldOf(seed uint64) config {
	cfg := config{
		seed: seed, workers: 16, experiments: 100, duration: time.Hour, calm: 20 * time.Minute, replica: true, hints: seed%2 == 0,
		policy: scheduler.DefaultPolicy(), longest: 10 * time.Minute,
	}
	switch {
	case seed == 1: // large rather than many
		cfg.workers, cfg.experiments = 40, 400
	case seed%8 == 7:
		cfg.policy.Span = false
	case seed%4 == 1:
		cfg.policy, cfg.longest, cfg.calm = hasty(), 90*time.Second, 5*time.Minute
		cfg.duration, cfg.experiments = 40*time.Minute, 200
	}
	switch seed % 8 {
	case 4:
		cfg.raise = cfg.duration / 2
	case 6:
		cfg.level, cfg.raise = api.LevelGangs-1, cfg.duration/2
	case 2:
		cfg.level, cfg.raise = api.LevelHolds-1, cfg.duration/2
	}
	return cfg
}

// hasty is a policy that leaves nothing as it is for long.
func hasty() scheduler.Policy {
	p := scheduler.DefaultPolicy()
	p.PatienceMS, p.PreemptAfterMS, p.GraceMS, p.GrowAfterMS = 60_000, 20_000, 30_000, 20_000
	p.DwellMS = 20_000
	return p
}

// Worlds with faults keep every promise, and a seed makes the same world again.
func TestWorlds(t *testing.T) {
	first, last := uint64(1), uint64(*seeds)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	var mu sync.Mutex
	var all stats
	t.Cleanup(func() {
		if tame := all.tame(); tame != "" && *seed == 0 {
			t.Errorf("too tame: in no world there was %s", tame)
		}
	})
	for n := first; n <= last; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			cfg := worldOf(n)
			s := mustPlay(t, cfg)
			if s.lost == 0 || s.preempted == 0 || s.leaders < 5 || s.done < 100 {
				t.Errorf("too tame a world: %v", s)
			}
			mu.Lock()
			all.add(s)
			mu.Unlock()
			if n%8 > 0 && n != 3 && n != 5 {
				return
			}
			if again := mustPlay(t, cfg); again != s {
				t.Errorf("a second run differs: %v", again)
			}
		})
	}
}

// A world of thousands of workers.
func TestLargeWorld(t *testing.T) {
	cfg := config{
		seed: max(*seed, 1), workers: 2000, experiments: 1500, duration: 20 * time.Minute, calm: 30 * time.Minute,
		policy: scheduler.DefaultPolicy(), longest: 10 * time.Minute,
	}
	if testing.Short() {
		cfg.workers, cfg.experiments = 1000, 300
	}
	mustPlay(t, cfg)
}
