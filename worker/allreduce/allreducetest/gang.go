package allreducetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"g2c/api"
	"g2c/kernels"
	"g2c/worker/allreduce"
)

// Connect links processes: the answer has for each the links to all, nil to itself. They
// are closed by who uses them, and at the test's end at the latest.
type Connect func(t testing.TB, s allreduce.Session, processes int) [][]allreduce.Link

// Pipes links processes in memory.
func Pipes(_ testing.TB, _ allreduce.Session, processes int) [][]allreduce.Link {
	links := make([][]allreduce.Link, processes)
	for i := range links {
		links[i] = make([]allreduce.Link, processes)
		for j := range i {
			links[i][j], links[j][i] = allreduce.Pipe()
		}
	}
	return links
}

// state holds slots in memory.
type state struct {
	kernels.State
	spec  *kernels.StateSpec
	slots map[string][]float64
}

// Spec implements kernels.State.
func (s *state) Spec() *kernels.StateSpec { return s.spec }

// GetF64 implements kernels.State.
func (s *state) GetF64(name string, to []float64) error {
	copy(to, s.slots[name])
	return nil
}

// PutF64 implements kernels.State.
func (s *state) PutF64(name string, v []float64) error {
	copy(s.slots[name], v)
	return nil
}

// GetF32 implements kernels.State.
func (s *state) GetF32(name string, to []float32) error {
	for i, v := range s.slots[name] {
		to[i] = float32(v)
	}
	return nil
}

// PutF32 implements kernels.State.
func (s *state) PutF32(name string, v []float32) error {
	for i, x := range v {
		s.slots[name][i] = float64(x)
	}
	return nil
}

// newState has a slot of each length, in groups of their own.
func newState(lengths []int) (*state, error) {
	var groups []kernels.Group
	s := &state{slots: map[string][]float64{}}
	for i, n := range lengths {
		name := slotName(i)
		groups = append(groups, kernels.Group{Name: "group " + name, Slots: []kernels.Slot{{Name: name, Type: kernels.Real(n)}}})
		s.slots[name] = make([]float64, n)
	}
	var err error
	s.spec, err = kernels.NewStateSpec(groups...)
	return s, err
}

func slotName(i int) string { return fmt.Sprintf("slot %d", i) }

// session is one of a task.
var session = allreduce.Session{Key: api.Key{1, 2, 3}, Generation: 7}

// value is what a shard adds to an element: of sizes so different that every other order
// of additions shows.
func value(round, bucket, i, shard int) float64 {
	x := uint64(round)<<48 | uint64(bucket)<<40 | uint64(shard)<<24 | uint64(i)
	for range 2 { // SplitMix64's finaliser
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return math.Ldexp(float64(int64(x))/(1<<63), int(x%30))
}

// tree is the sum over a node, by its definition. Half rounds every node to bf16.
func tree[T allreduce.Element](run api.Shards, half bool, leaf func(shard int) T) T {
	node := func(v T) T { return v }
	if half {
		node = func(v T) T { return T(kernels.RoundBF16(float64(v))) }
	}
	if run.Len() == 1 {
		return node(leaf(run.From))
	}
	middle := (run.From + run.To) / 2
	return node(tree(api.Shards{From: run.From, To: middle}, half, leaf) + tree(api.Shards{From: middle, To: run.To}, half, leaf))
}

// halfOf are the buckets that are added in bf16, in a gang that has such: every other,
// from the second on.
func halfOf(bucket int) bool { return bucket%2 == 1 }

// gang is an exchange with all its processes in one.
type gang[T allreduce.Element] struct {
	runs    [][]api.Shards
	links   [][]allreduce.Link
	groups  []*allreduce.Group[T]
	shards  int
	lengths []int // of buckets: one slot each, but for the first, which has two
	half    bool  // it has buckets in bf16
	ends    sync.WaitGroup
}

// layout cuts shards among processes and these among slots, and gives each process's
// members.
func layout(t *testing.T, parts []int, shards int) [][]api.Shards {
	t.Helper()
	shares, err := api.ShareShards(parts, shards)
	if err != nil {
		t.Fatal(err)
	}
	runs := make([][]api.Shards, len(parts))
	for i, slots := range shares {
		for _, s := range slots {
			runs[i] = append(runs[i], s.Subtrees()...)
		}
	}
	return runs
}

// open begins an exchange. configure may change what a process begins it with.
func open[T allreduce.Element](t *testing.T, connect Connect, runs [][]api.Shards, lengths []int, configure func(process int, c *allreduce.Config)) *gang[T] {
	t.Helper()
	g := &gang[T]{runs: runs, lengths: lengths, links: connect(t, session, len(runs))}
	for i := range runs {
		g.shards = max(g.shards, runs[i][len(runs[i])-1].To)
		c := allreduce.Config{Session: session, Gang: runs, Self: i, Links: g.links[i]}
		for k := range runs {
			c.Names = append(c.Names, fmt.Sprintf("host-%d", k))
		}
		if configure != nil {
			configure(i, &c)
		}
		g.half = c.Half != nil
		one, err := allreduce.New[T](c)
		if err != nil {
			t.Fatal(err)
		}
		g.groups = append(g.groups, one)
	}
	t.Cleanup(g.close)
	return g
}

// close closes all at the same time, as processes do.
func (g *gang[T]) close() {
	var all sync.WaitGroup
	for _, one := range g.groups {
		all.Go(func() { one.Close() })
	}
	all.Wait()
}

// member is a member's slots and what it does in a round.
type member[T allreduce.Element] struct {
	*allreduce.Member[T]
	gang  *gang[T]
	run   api.Shards
	state *state
}

func (g *gang[T]) member(process, k int) (*member[T], error) {
	s, err := newState(append(slices.Clone(g.lengths), 1))
	return &member[T]{g.groups[process].Member(k), g, g.runs[process][k], s}, err
}

// slots are those of a bucket. The first has one more, of one element.
func (m *member[T]) slots(bucket int) []string {
	if bucket == 0 {
		return []string{slotName(len(m.gang.lengths)), slotName(0)}
	}
	return []string{slotName(bucket)}
}

// fill sets the slots to sums over the member's shards.
func (m *member[T]) fill(round int) {
	for b, n := range m.gang.lengths {
		m.state.slots[slotName(b)] = slices.Grow(m.state.slots[slotName(b)][:0], n)[:n]
		for i := range m.state.slots[slotName(b)] {
			m.state.slots[slotName(b)][i] = float64(tree(m.run, m.gang.half && halfOf(b), func(shard int) T { return T(value(round, b, i, shard)) }))
		}
	}
	m.state.slots[slotName(len(m.gang.lengths))][0] = float64(m.run.Len())
}

// exchange gives and takes all buckets.
func (m *member[T]) exchange() error {
	for b := range m.gang.lengths {
		if err := m.Give(b, m.slots(b), m.state); err != nil {
			return err
		}
	}
	for b := range m.gang.lengths {
		if err := m.Take(b, m.slots(b), m.state); err != nil {
			return err
		}
	}
	return nil
}

// check holds the slots to the tree.
func (m *member[T]) check(round int) error {
	all := api.Shards{To: m.gang.shards}
	if got := m.state.slots[slotName(len(m.gang.lengths))][0]; got != float64(all.To) {
		return fmt.Errorf("round %d: %v shards were added, want %d", round, got, all.To)
	}
	for b, n := range m.gang.lengths {
		for i := range n {
			want := float64(tree(all, m.gang.half && halfOf(b), func(shard int) T { return T(value(round, b, i, shard)) }))
			if got := m.state.slots[slotName(b)][i]; math.Float64bits(got) != math.Float64bits(want) {
				return fmt.Errorf("shards %v, round %d, bucket %d: element %d is %v, want %v", m.run, round, b, i, got, want)
			}
		}
	}
	return nil
}

// each has every member of a process do something in a goroutine of its own, and gives
// the first error of each process.
func (g *gang[T]) each(processes []int, do func(m *member[T]) error) []error {
	errs := make([]error, len(g.runs))
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, process := range processes {
		for k := range g.runs[process] {
			all.Go(func() {
				m, err := g.member(process, k)
				if err == nil {
					err = do(m)
				}
				mu.Lock()
				defer mu.Unlock()
				if errs[process] == nil {
					errs[process] = err
				}
			})
		}
	}
	all.Wait()
	return errs
}

// everyone are all processes but some.
func (g *gang[T]) everyone(but ...int) []int {
	var out []int
	for i := range g.runs {
		if !slices.Contains(but, i) {
			out = append(out, i)
		}
	}
	return out
}

// names checks that an error names a process of the gang.
func names(err error, process int) error {
	var at *allreduce.PeerError
	if !errors.As(err, &at) || at.Peer != process || at.Name != fmt.Sprintf("host-%d", process) {
		return fmt.Errorf("%v, want host-%d named", err, process)
	}
	return nil
}
