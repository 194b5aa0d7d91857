package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
	"g2c/kernels/cpu"
	"g2c/worker/agent"
	"g2c/worker/train"
)

// tuning is a fine-tuning of a classifier on noise, of so many steps.
func tuning(class string, epochs int) (api.Task, *dataset.Set) {
	const side, training, images = 32, 18, 58 // two batches to train on, and three to judge
	task := api.FinetuneTask(class, api.Finetune{
		Origin: api.Origin{Source: "PAS"}, View: api.View{Size: side, Fit: api.FitResize},
		Positive: []string{"p"}, Negative: []string{"n"}, PositiveName: "p", NegativeName: "n",
		Classifier: api.Classifier{Width: 8, Units: 1, Hidden: 4, Attention: true, Stem: api.StemInceptionV4, Shared: true},
		Tuning:     api.Tuning{Epochs: epochs, FrozenEpochs: 0, Batch: 8, Shards: 4, Select: api.SelectBest, Gamma: 2, LR: 0.01, Momentum: 0.5, DropEvery: 5, DropBy: 10, Optimizer: api.OptimizerSGD}, Augment: true,
		Replacement: api.Replacement{Baseline: api.BaselineNone},
		Sums:        api.Sums{Gradients: api.FP32}, Random: api.Random{Seed: 1, Precision: api.FP32},
	})
	list, pixels := make([]dataset.Image, images), make([][]uint8, images)
	for i := range list {
		list[i] = dataset.Image{Name: fmt.Sprint(i), Label: []string{"p", "n"}[i%2], Group: fmt.Sprint(i), Split: dataset.Train}
		if i >= training {
			list[i].Split = dataset.Validation
		}
		pixels[i] = make([]uint8, side*side*3)
		for k := range pixels[i] {
			pixels[i][k] = uint8(philox.Words(7, philox.Split, [4]uint32{uint32(i), uint32(k / 30)})[0])
		}
	}
	return task, dataset.New(side, list, pixels)
}

// school trains one task on workers that come and go: its own coordinator, with no leases.
type school struct {
	*town
	task api.Task
	set  *dataset.Set
	repo *checkpoint.Repo

	mu         sync.Mutex
	generation uint64
	members    []string
	runs       map[string]context.CancelCauseFunc
	running    sync.WaitGroup
	warms      map[string]chan struct{} // what workers that join wait for
	dead       map[string]bool
	trained    map[string]bool // have the state
	steps      []done          // as they were reported
	ended      chan string
	errs       map[string]error
	at         chan int64 // each step that was done
	fails      bool       // members end before they are told to
}

// done is a step, and the first of the gang that did it.
type done struct {
	step int64
	by   string
}

func newSchool(t *testing.T, epochs int) *school {
	d, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := &school{town: newTown(t), runs: map[string]context.CancelCauseFunc{}, dead: map[string]bool{}, trained: map[string]bool{}, ended: make(chan string, 100), errs: map[string]error{}, at: make(chan int64, 10_000)}
	s.task, s.set = tuning(d.Class(), epochs)
	store, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.repo = checkpoint.New(store)
	return s
}

// go_ has a generation be of some workers; those that are new begin.
func (s *school) goes(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.regroup(names)
}

func (s *school) regroup(names []string) {
	slices.Sort(names)
	s.generation++
	s.members = names
	s.t.Logf("generation %d is %v", s.generation, names)
	a := agent.Assignment{Task: s.task.Key(), Generation: s.generation, Slots: 1}
	for _, n := range names {
		if s.workers[n] == nil {
			s.add(n)
		}
		a.Gang = append(a.Gang, agent.Part{Worker: n, Slots: 1, Address: s.workers[n].address})
	}
	for _, n := range names {
		w := s.workers[n]
		if w.from != nil {
			w.from.Change(a)
			continue
		}
		w.from = agent.NewGang(a)
		w.out = agent.NewOutput(nil, func() { go s.heard(n) })
		var err error
		if w.gang, err = w.Open(w.from, w.out); err != nil {
			s.t.Error(err)
			return
		}
		ctx, stop := context.WithCancelCause(context.Background())
		s.runs[n] = stop
		g := w.gang
		s.running.Go(func() { s.run(ctx, n, g) })
	}
}

// heard acts on what a worker suspects, as the coordinator does.
func (s *school) heard(by string) {
	suspicion := s.workers[by].out.Suspicion()
	if suspicion == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if suspicion.Generation != s.generation || s.dead[by] {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(s.members), func(n string) bool { return slices.Contains(suspicion.Workers, n) })
	s.t.Logf("%s suspects %v in generation %d: %s", by, suspicion.Workers, suspicion.Generation, suspicion.Reason)
	for _, n := range suspicion.Workers {
		if !s.dead[n] && !s.fails {
			s.t.Errorf("%s is suspected though it lives: %s", n, suspicion.Reason)
		}
	}
	s.regroup(rest)
}

func (s *school) run(ctx context.Context, name string, g *Gang) {
	d, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		s.t.Error(err)
		return
	}
	defer d.Close()
	if cold := s.warms[name]; cold != nil {
		<-cold
	}
	_, err = train.Finetune(ctx, s.task, s.set, nil, train.Options{
		Device: d, Gang: g, Repo: s.repo, Checkpoint: api.Checkpoint{EveryEpochs: 2, Keep: 2},
		Began: func(uint64) {
			s.mu.Lock()
			s.trained[name] = true
			s.mu.Unlock()
		},
		Progress: func(p train.Progress) {
			s.mu.Lock()
			s.steps = append(s.steps, done{p.Step, name})
			s.mu.Unlock()
			s.at <- p.Step
		},
	})
	g.Close()
	s.mu.Lock()
	s.errs[name] = err
	if rest := slices.DeleteFunc(slices.Clone(s.members), func(n string) bool { return n == name }); s.fails && len(rest) > 0 && len(rest) < len(s.members) {
		s.regroup(rest) // others are to see for themselves
	}
	s.mu.Unlock()
	s.ended <- name
}

// until waits until a step was done.
func (s *school) until(step int64) {
	for done := range s.at {
		if done >= step {
			return
		}
	}
}

// kills has a worker vanish in the middle of whatever it does.
func (s *school) kills(name string) {
	s.mu.Lock()
	s.dead[name] = true
	w := s.workers[name]
	s.mu.Unlock()
	w.vanish()
	s.runs[name](agent.ErrStop)
}

// leaves has a worker stop in good order, and the gang go on without it.
func (s *school) leaves(name string) {
	s.runs[name](agent.ErrSave)
	for <-s.ended != name {
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.errs[name]; err != nil && !errors.Is(err, fault.ErrInterrupted) {
		s.t.Errorf("%s left with %v", name, err)
	}
	s.dead[name] = true
	s.regroup(slices.DeleteFunc(slices.Clone(s.members), func(n string) bool { return n == name }))
}

// finish waits for the end, and gives the weights. No step was left out, and none done twice
// but for the one that whoever did it died with, before anybody else had.
func (s *school) finish() []byte {
	s.t.Helper()
	for {
		name := <-s.ended
		if s.dead[name] {
			continue
		}
		if err := s.errs[name]; err != nil {
			s.t.Fatalf("%s ended with %v", name, err)
		}
		break
	}
	for _, stop := range s.runs {
		stop(agent.ErrStop)
	}
	s.running.Wait()
	next := int64(1)
	for i, d := range s.steps {
		if i > 0 && d.step == next-1 && s.dead[s.steps[i-1].by] && d.by != s.steps[i-1].by {
			continue
		}
		if d.step != next {
			s.t.Fatalf("step %d was done in place of %d: %v", d.step, next, s.steps)
		}
		next++
	}
	m, _, err := s.repo.Final(s.t.Context(), s.task.Key().String(), checkpoint.Present)
	if err != nil || m == nil {
		s.t.Fatalf("no result: %v", err)
	}
	weights, err := s.repo.Payload(s.t.Context(), *m, checkpoint.Weights)
	if err != nil {
		s.t.Fatal(err)
	}
	return weights
}

// Whoever trains, comes, leaves and dies: the weights have the same bits, and no step is done
// twice while one member lives.
func TestTheSameBitsWhoeverTrains(t *testing.T) {
	const epochs = 6 // of two steps
	alone := newSchool(t, epochs)
	alone.goes("a")
	want := alone.finish()
	for name, play := range map[string]func(s *school){
		"two":   func(s *school) { s.goes("a", "b") },
		"three": func(s *school) { s.goes("a", "b", "c") },
		"four":  func(s *school) { s.goes("a", "b", "c", "d") },
		"one joins": func(s *school) {
			s.goes("b")
			s.until(3)
			s.goes("a", "b") // and is the first
		},
		"the first dies": func(s *school) {
			s.goes("a", "b", "c")
			s.until(5)
			s.kills("a")
		},
		"another dies": func(s *school) {
			s.goes("a", "b")
			s.until(4)
			s.kills("b")
		},
		"they leave": func(s *school) {
			s.goes("a", "b", "c")
			s.until(2)
			s.leaves("a")
			s.until(6)
			s.leaves("c")
		},
		"all but who came last die": func(s *school) {
			s.goes("b", "c")
			s.until(2)
			s.goes("a", "b", "c")
			s.until(4)
			s.kills("b")
			s.until(6)
			s.kills("c")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchool(t, epochs)
			play(s)
			if !bytes.Equal(s.finish(), want) {
				t.Error("the weights are others than those of one worker")
			}
		})
	}
}

// Who joins warms up while the others go on training, whichever of them is the first; one that
// dies before it is warm costs them nothing.
func TestThoseWhoTrainDoNotWaitForWhoJoins(t *testing.T) {
	const epochs = 8
	alone := newSchool(t, epochs)
	alone.goes("a")
	want := alone.finish()
	for _, c := range []struct {
		name   string
		first  []string
		joins  string
		arrive bool
	}{{"as the first", []string{"b", "c"}, "a", true}, {"as the last", []string{"a", "b"}, "c", true}, {"one alone", []string{"b"}, "a", true}, {"and dies", []string{"b", "c"}, "a", false}} {
		t.Run(c.name, func(t *testing.T) {
			s := newSchool(t, epochs)
			s.warms = map[string]chan struct{}{c.joins: make(chan struct{})}
			s.goes(slices.Clone(c.first)...)
			s.until(2)
			s.goes(append(slices.Clone(c.first), c.joins)...)
			s.until(8) // they go on
			if !c.arrive {
				s.kills(c.joins)
				s.until(10)
			}
			close(s.warms[c.joins])
			if !bytes.Equal(s.finish(), want) {
				t.Error("the weights are others than those of one worker")
			}
			if c.arrive != s.trained[c.joins] {
				t.Errorf("the one who joins trained: %v, want %v", s.trained[c.joins], c.arrive)
			}
		})
	}
}

// Random histories of workers that come, leave and die.
func TestRandomHistories(t *testing.T) {
	const epochs = 8
	alone := newSchool(t, epochs)
	alone.goes("a")
	want := alone.finish()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 15))
			s := newSchool(t, epochs)
			names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
			r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			next := 1 + r.IntN(3)
			s.goes(slices.Clone(names[:next])...)
			for step := int64(1 + r.IntN(3)); step < 2*epochs-2; step += int64(1 + r.IntN(4)) {
				s.until(step)
				s.mu.Lock()
				live := slices.Clone(s.members)
				live = slices.DeleteFunc(live, func(n string) bool { return s.dead[n] })
				one := live[r.IntN(len(live))]
				heir := slices.ContainsFunc(live, func(n string) bool { return n != one && s.trained[n] })
				s.mu.Unlock()
				switch {
				case heir && r.IntN(2) == 0:
					s.kills(one)
				case heir && r.IntN(3) == 0:
					s.leaves(one)
				case len(live) < 4 && next < len(names):
					s.goes(append(live, names[next])...)
					next++
				}
			}
			if !bytes.Equal(s.finish(), want) {
				t.Error("the weights are others than those of one worker")
			}
		})
	}
}

// A loss that is not finite ends the task for every member with what one process says. Who
// sees it first leaves the exchange, and those who have not seen it yet do the step again.
func TestEveryMemberNamesALossThatIsNotFinite(t *testing.T) {
	diverges := func(names ...string) []error {
		s := newSchool(t, 4)
		s.task.Finetune.LR, s.fails = 1e30, true
		s.goes(names...)
		var errs []error
		for range names {
			errs = append(errs, s.errs[<-s.ended])
		}
		s.running.Wait()
		return errs
	}
	want := diverges("a")[0]
	var none *train.NonFinite
	if !errors.As(want, &none) {
		t.Fatalf("one process ends with %v", want)
	}
	for i, err := range diverges("a", "b", "c") {
		var got *train.NonFinite
		if !errors.As(err, &got) || got.Step != none.Step || got.Loss != none.Loss {
			t.Errorf("the end of member %d is %v, of one process %v", i, err, want)
		}
	}
}
