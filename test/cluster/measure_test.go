package cluster

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	measureFile = flag.String("measure", "", "where to write how fast gangs recover and grow")
	measures    = flag.Int("measures", 10, "how often each size of a gang is measured")
)

// moments are durations; their median is what is told.
type moments []time.Duration

func (m moments) String() string {
	if len(m) == 0 {
		return "–"
	}
	slices.Sort(m)
	return fmt.Sprintf("%.2f s (%.2f–%.2f)", m.median().Seconds(), m[0].Seconds(), m[len(m)-1].Seconds())
}

// median is 0 of nothing: one part of the measurement may be run alone.
func (m moments) median() time.Duration {
	if len(m) == 0 {
		return 0
	}
	slices.Sort(m)
	return (m[len(m)/2] + m[(len(m)-1)/2]) / 2
}

// recovery is what was measured of gangs of one size.
type recovery struct {
	size    int
	next    moments   // from kill -9 to the next step of those who are left
	joins   moments   // how long the others stood when a member came
	waited  moments   // of that, for it at the meeting
	inSteps []float64 // the same as joins, in steps
}

// TestMeasure measures how soon a gang goes on without a member that is killed, how long it
// stands when one joins, and what a second worker is worth. It is not a test: it runs with
// -measure alone.
func TestMeasure(t *testing.T) {
	if *measureFile == "" {
		t.Skip("measures only with -measure FILE")
	}
	before := load1(t)
	var rows []*recovery
	t.Run("recovery", func(t *testing.T) {
		g := measured(t, "gangs.yaml", "--set", "finetune.epochs=100000", "--set", "finetune.dropEvery=100000", "--set", "checkpoint.every=1000 epoch")
		for size := 2; size <= 3; size++ {
			rows = append(rows, g.recovers(size))
		}
	})
	var alone, two throughput
	t.Run("scaling", func(t *testing.T) {
		t.Setenv("GOMAXPROCS", "1") // of every process
		alone, two = measured(t, "scaling.yaml").scales()
	})
	if t.Failed() {
		return
	}
	var all moments
	for _, r := range rows {
		all = append(all, r.next...)
	}
	text := report(rows, alone, two, before, load1(t)) + fmt.Sprintf("\nrecovery median %.2f s\n", all.median().Seconds())
	if err := os.WriteFile(*measureFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("recovery median %.2f s\n", all.median().Seconds())
}

// measured is a cluster that has begun to train an experiment on one worker.
func measured(t *testing.T, spec string, args ...string) *gangs {
	t.Helper()
	c := newCluster(t)
	g := newGangs(c, rand.New(rand.NewPCG(1, 2)))
	c.found("", "c1", "c2", "c3")
	g.worker("w1")
	g.experiment = c.submit(append([]string{"testdata/" + spec, "--store", g.store}, args...)...)
	eventually(t, 10*time.Minute, "training", func() bool { return len(g.training(1)) > 0 })
	return g
}

// training is how the members of a gang of a size came together, if that trains now: nil if
// it does not.
func (g *gangs) training(size int) []attendance {
	var now []attendance
	for _, a := range g.attendances() {
		if len(now) > 0 && now[0].generation != a.generation {
			now = nil
		}
		now = append(now, a)
	}
	if len(now) != size || now[0].members != size || slices.ContainsFunc(now, func(a attendance) bool { return a.trains.IsZero() }) {
		return nil
	}
	return now
}

// recovers kills members of a gang of a size, again and again, each of which comes back.
func (g *gangs) recovers(size int) *recovery {
	r := &recovery{size: size}
	for i := 1; i <= size; i++ {
		if id := fmt.Sprint("w", i); g.workers[id] == nil {
			g.worker(id)
		}
	}
	trains := func(size int) (now []attendance) {
		eventually(g.t, 5*time.Minute, fmt.Sprintf("a gang of %d trains", size), func() bool {
			now = g.training(size)
			return now != nil
		})
		return now
	}
	full := trains(size)
	for range *measures {
		w := g.workers[full[g.r.IntN(size)].worker]
		dead := time.Now()
		w.kill()
		rest := trains(size - 1)
		first := slices.MinFunc(rest, func(a, b attendance) int { return a.trains.Compare(b.trains) })
		r.next = append(r.next, first.trains.Sub(dead))
		g.startWorker(w)
		full = trains(size)
		for _, a := range full {
			was := slices.IndexFunc(rest, func(b attendance) bool { return b.who() == a.who() })
			if was < 0 {
				continue
			}
			arrived, steps := a.at.Add(-a.waited), a.stood-rest[was].step-1
			step := arrived.Sub(rest[was].trains) / time.Duration(max(steps, 1))
			stood := a.trains.Sub(arrived)
			r.joins, r.waited = append(r.joins, stood), append(r.waited, a.waited)
			if steps > 0 && step > 0 {
				r.inSteps = append(r.inSteps, float64(stood)/float64(step))
			}
			break // one member of each gang: all stand together
		}
	}
	g.t.Logf("gangs of %d: %v to the next step; a member joins: %v, of that %v at the meeting, in steps %.1f", size, r.next, r.joins, r.waited, middle(r.inSteps))
	return r
}

// throughput is images a second of time, and of the workers' processors: what the first is
// where other work shares the machine, and what it could be where none does.
type throughput struct{ seconds, processors []float64 }

func (t *throughput) add(images, seconds, processors float64) {
	t.seconds, t.processors = append(t.seconds, images/seconds), append(t.processors, images/processors)
}

// processors is the seconds of processors that the workers and their runners have used, as far
// as they live.
func (g *gangs) processors() (seconds float64) {
	workers := map[string]bool{}
	for _, w := range g.workers {
		workers[strconv.Itoa(w.cmd.Process.Pid)] = true
	}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		g.t.Fatal(err)
	}
	const ticks = 100 // a second, on every Linux
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// Behind the name: state, parent, ..., user and system time.
		_, rest, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(rest); len(f) > 12 && (workers[filepath.Base(filepath.Dir(path))] || workers[f[1]]) {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			seconds += float64(user+system) / ticks
		}
	}
	return seconds
}

// scales has a second worker come and go, and gives the images a second of one worker and of
// two, in turn.
func (g *gangs) scales() (alone, two throughput) {
	const batch, steps, rounds = 32, 6, 2
	rate := func(size int, to *throughput) {
		var now []attendance
		eventually(g.t, 5*time.Minute, "training", func() bool { now = g.training(size); return now != nil })
		a := *find(now, "w1")
		var key string
		for _, task := range g.ps(g.experiment) {
			if strings.HasPrefix(task.Key, a.task) {
				key = task.Key
			}
		}
		used, from, till := g.processors(), 0, 0
		eventually(g.t, time.Minute, "a step", func() bool { from = g.progress(key); return from > 0 })
		eventually(g.t, 10*time.Minute, "some steps", func() bool { till = g.progress(key); return till > max(a.step+1, from)+steps })
		used = g.processors() - used
		if size == 1 {
			if g.workers["w2"] == nil {
				g.worker("w2")
			} else {
				g.startWorker(g.workers["w2"])
			}
		} else {
			g.workers["w2"].signal(syscall.SIGTERM)
			g.workers["w2"].exit(time.Minute)
		}
		var b attendance
		eventually(g.t, 5*time.Minute, "the next meeting", func() bool {
			all := g.attendances()
			slices.Reverse(all)
			b = *find(all, "w1")
			return b.generation > a.generation
		})
		seconds := b.at.Add(-b.waited).Sub(a.trains).Seconds()
		g.t.Logf("%d workers: %d steps in %.1f s", size, b.stood-a.step-1, seconds)
		to.add(batch*float64(b.stood-a.step-1), seconds, used*float64(b.stood-a.step-1)/float64(till-from))
	}
	for range rounds {
		rate(1, &alone)
		rate(2, &two)
	}
	rate(1, &alone)
	return alone, two
}

// find is the first attendance of a worker; a zero one if there is none.
func find(all []attendance, worker string) *attendance {
	for i := range all {
		if all[i].worker == worker {
			return &all[i]
		}
	}
	return &attendance{}
}

// load1 is the machine's load average of the last minute, 0 where that is not known.
func load1(t *testing.T) string {
	b, err := os.ReadFile("/proc/loadavg")
	if errors.Is(err, fs.ErrNotExist) {
		return "unknown"
	}
	if err != nil {
		t.Fatal(err)
	}
	load, _, _ := strings.Cut(string(b), " ")
	return load
}

func middle(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.SortFunc(v, cmp.Compare[float64])
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

// report is the figures as a document.
func report(rows []*recovery, alone, two throughput, before, after string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Gangs that lose and gain members\n")
	p("Written by `make bench-elastic`: three coordinators and the workers as processes on one machine of %d processors, joined by TLS on loopback;", runtime.NumCPU())
	p("the load average was %s before and %s after, so other work shared the machine. Median, and lowest to highest. Times are from", before, after)
	p("the workers' logs (`the gang has met`, `the gang trains`).\n")
	p("| gang of | kill -9 to the next step | a member joins: the others stand | of that, waiting for it | in steps | measured |")
	p("|---|---|---|---|---|---|")
	for _, r := range rows {
		p("| %d | %s | %s | %s | %.1f | %d |", r.size, r.next, r.joins, r.waited, middle(r.inSteps), len(r.next))
	}
	p("\nWho joins loads its data before it is at the meeting, and its programs before it can exchange sums; the others stand meanwhile.")
	p("The steps are those of `test/cluster/testdata/gangs.yaml`, a small model's.\n")
	p("A joint step of 64 pixels, three generators of width 16, a classifier of width 64 and 32 images (`testdata/scaling.yaml`), with its evaluations, which")
	p("workers share; each process has one processor (GOMAXPROCS=1). One worker and two in turn, as the second comes and goes:\n")
	p("| workers | images a second | each time | images per second of a processor |")
	p("|---|---|---|---|")
	p("| 1 | %.2f | %s | %.2f |", middle(alone.seconds), listOf(alone.seconds), middle(alone.processors))
	p("| 2 | %.2f | %s | %.2f |", middle(two.seconds), listOf(two.seconds), middle(two.processors))
	p("\nratio %.2f by the clock, which other work on the machine moves either way. By what the processes used of its processors,", middle(two.seconds)/middle(alone.seconds))
	p("two workers do %.2f times the images of one on as much of the processors, so no more than %.2f times as many on two; waiting is not in that.", middle(two.processors)/middle(alone.processors), 2*middle(two.processors)/middle(alone.processors))
	return b.String()
}

func listOf(v []float64) string {
	var out []string
	for _, x := range v {
		out = append(out, fmt.Sprintf("%.2f", x))
	}
	return strings.Join(out, ", ")
}
