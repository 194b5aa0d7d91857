package train

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"g2c/api"
	"g2c/internal/dataset"
	"g2c/kernels"
	"g2c/worker/agent/grpclink/linktest"
	"g2c/worker/allreduce"
)

// process is one of a gang, in this one.
type process struct {
	*replicas
	err error
}

// openGang opens a task on the devices of several processes, which are linked over gRPC.
// Parts are devices by process.
func openGang(t *testing.T, open func(*testing.T, int) []kernels.Device, f *api.Finetune, parts ...int) []*process {
	t.Helper()
	slots, err := api.ShareShards(parts, f.Shards)
	if err != nil {
		t.Fatal(err)
	}
	session := allreduce.Session{Key: api.Key{5}, Generation: 1}
	links := linktest.Connect(t, session, len(parts))
	gang := make([]*process, len(parts))
	var names []string
	for i := range parts {
		names = append(names, fmt.Sprintf("host-%d", i))
	}
	for i, n := range parts {
		devices := open(t, n)
		r, err := openPart(devices, f, Share{
			Slots: slots, Self: i, Exchange: allreduce.Config{Session: session, Names: names},
			Links: func() ([]allreduce.Link, error) { return links[i], nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		gang[i] = &process{replicas: r}
	}
	t.Cleanup(func() { atOnce(gang, func(p *process) { p.Close() }) })
	return gang
}

// atOnce has all processes do something, and waits.
func atOnce(gang []*process, do func(*process)) {
	var all sync.WaitGroup
	for _, p := range gang {
		all.Go(func() { do(p) })
	}
	all.Wait()
}

// trainGang trains over processes, and gives what each replica holds.
func trainGang(t *testing.T, gang []*process, task api.Task, set *dataset.Set, steps int) []string {
	t.Helper()
	hashes := make([][]string, len(gang))
	atOnce(gang, func(p *process) {
		for i := range gang {
			if gang[i] == p {
				hashes[i], p.err = trainPart(t, p.replicas, task, set, steps)
			}
		}
	})
	var all []string
	for i, p := range gang {
		if p.err != nil {
			t.Fatalf("process %d: %v", i, p.err)
		}
		all = append(all, hashes[i]...)
	}
	return all
}

// checkProcesses trains on one device and over processes: the same bits on each.
func checkProcesses(t *testing.T, open func(*testing.T, int) []kernels.Device, parts [][]int, batch, steps int, change func(*api.Finetune)) {
	t.Helper()
	one := open(t, 1)
	task, set := shared(one[0], batch)
	change(task.Finetune)
	want := trainOver(t, one, task, set, steps)[0]
	for _, p := range parts {
		for k, got := range trainGang(t, openGang(t, open, task.Finetune, p...), task, set, steps) {
			if got != want {
				t.Errorf("devices %v: replica %d ends in %s, one alone in %s", p, k, got, want)
			}
		}
	}
}

// Processes that are linked over gRPC end in the bits of one device, whatever devices
// each has.
func TestProcessesGiveTheBitsOfOne(t *testing.T) {
	plain := func(f *api.Finetune) { f.Stains, f.Generators, f.Generator = nil, nil, nil }
	t.Run("attention", func(t *testing.T) {
		checkProcesses(t, cpus, [][]int{{1, 1}, {2, 1, 1}}, 8, 2, func(*api.Finetune) {})
	})
	t.Run("eight shards", func(t *testing.T) {
		checkProcesses(t, cpus, [][]int{{1, 1, 1}, {1, 4, 2}, {3, 2}}, 8, 1, func(f *api.Finetune) {
			plain(f)
			f.Shards = 8
		})
	})
	t.Run("gradients in bf16", func(t *testing.T) {
		checkProcesses(t, cpus, [][]int{{1, 1, 1}}, 8, 1, func(f *api.Finetune) { f.Gradients = api.BF16 })
	})
	t.Run("ref", func(t *testing.T) {
		checkProcesses(t, refs, [][]int{{2, 1}}, 4, 1, func(f *api.Finetune) {
			plain(f)
			f.Classifier.Stem = api.StemConv7
		})
	})
}

// When a device of one process fails, the others name the process, and no replica of
// theirs has applied the step.
func TestAnErrorInOneProcessEndsAll(t *testing.T) {
	task, set := shared(cpus(t, 1)[0], 8)
	task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator = nil, nil, nil
	const bad = 1
	opened := 0
	gang := openGang(t, func(t *testing.T, n int) []kernels.Device {
		devices := cpus(t, n)
		if opened++; opened == bad+1 {
			devices[0] = &failing{devices[0], 2}
		}
		return devices
	}, task.Finetune, 2, 1, 1)
	before := make([]string, len(gang))
	for i, p := range gang {
		before[i] = weightsOf(t, p.replicas)
	}
	atOnce(gang, func(p *process) { _, p.err = trainPart(t, p.replicas, task, set, 1) })
	for i, p := range gang {
		var at *allreduce.PeerError
		switch {
		case i == bad && !errors.Is(p.err, errCard):
			t.Errorf("%v, want the card", p.err)
		case i != bad && (!errors.As(p.err, &at) || at.Name != "host-1"):
			t.Errorf("process %d: %v, want host-1 named", i, p.err)
		case i != bad && weightsOf(t, p.replicas) != before[i]:
			t.Errorf("process %d has applied a step that did not end", i)
		}
	}
}

// weightsOf are the weights of all replicas, as text.
func weightsOf(t *testing.T, r *replicas) string {
	t.Helper()
	out := ""
	for _, one := range r.all {
		for _, g := range finetuneGroups {
			typ, _ := one.state.Spec().Type(g)
			v := make([]float64, typ.Shape.Len())
			if err := one.state.GetF64(g, v); err != nil {
				t.Fatal(err)
			}
			out += fmt.Sprint(v)
		}
	}
	return out
}

// Replicas leave one gang and join the next without loading anything, and go on in the
// same bits.
func TestReplicasJoinTheNextGang(t *testing.T) {
	one := cpus(t, 1)
	task, set := shared(one[0], 8)
	task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator = nil, nil, nil
	alone := openShared(t, one, task.Finetune)
	gang := openGang(t, cpus, task.Finetune, 1, 1)
	for round := range 2 {
		want, err := trainPart(t, alone, task, set, 1)
		if err != nil {
			t.Fatal(err)
		}
		for k, got := range trainGang(t, gang, task, set, 1) {
			if got != want[0] {
				t.Errorf("round %d: replica %d ends in %s, one alone in %s", round, k, got, want[0])
			}
		}
		slots, err := api.ShareShards([]int{1, 1}, task.Finetune.Shards)
		if err != nil {
			t.Fatal(err)
		}
		session := allreduce.Session{Key: api.Key{5}, Generation: uint64(round) + 2}
		links := linktest.Connect(t, session, len(gang))
		atOnce(gang, func(p *process) { p.err = p.leave() })
		for i, p := range gang {
			err := p.join(Share{Slots: slots, Self: i, Exchange: allreduce.Config{Session: session}, Links: func() ([]allreduce.Link, error) { return links[i], nil }})
			if err := errors.Join(p.err, err); err != nil {
				t.Fatal(err)
			}
		}
	}
}
