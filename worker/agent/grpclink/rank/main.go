// Command rank is one process of an exchange that is measured: bench/allreduce starts it. It
// prints where it listens, reads where all listen, and exchanges as often as it is told,
// with what each time cost.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"syscall"
	"time"

	"g2c/api"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/worker/allreduce"
)

var (
	wire  = flag.String("wire", "grpc", "what carries links: grpc, tls (gRPC over TLS), tcp (frames on a bare connection), or none: all ranks are slots of this process")
	self  = flag.Int("rank", 0, "which process this is")
	ranks = flag.Int("ranks", 2, "how many there are")
	bytes = flag.Int("bytes", 4<<20, "what is exchanged in a round, in fp32")
	half  = flag.Bool("half", false, "round every node of the sums to bf16")

	costs = flag.String("simulate", "", "simulate a round instead, of processes with these costs, as JSON, and print its seconds")
)

// bucketBytes is the bucket of a fine-tuning (worker/train).
const bucketBytes = 4 << 20

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "rank %d: %v\n", *self, err)
		os.Exit(1)
	}
}

func run() (err error) {
	if *costs != "" {
		return simulate(*costs)
	}
	processes, slots := *ranks, 1
	if *wire == "none" {
		processes, slots = 1, *ranks
	}
	parts := make([]int, processes)
	for i := range parts {
		parts[i] = slots
	}
	shares, err := api.ShareShards(parts, *ranks)
	if err != nil {
		return err
	}
	c := allreduce.Config{Gang: shares, Self: *self, Half: func(int) bool { return *half }}
	in := bufio.NewReader(os.Stdin)
	if processes > 1 {
		t, err := listen(*wire)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		fmt.Println(t.address())
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if c.Links, err = t.join(strings.Fields(line), *self); err != nil {
			return err
		}
	}
	g, err := allreduce.New[float32](c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return serve(in, g, slots)
}

// serve runs rounds as it is told: a number of them a line, to the input's end.
func serve(in *bufio.Reader, g *allreduce.Group[float32], slots int) error {
	var all []*slot
	for k := range slots {
		s, err := newSlot(g.Member(k))
		if err != nil {
			return err
		}
		all = append(all, s)
		go s.serve()
	}
	out := json.NewEncoder(os.Stdout)
	for {
		var rounds int
		if _, err := fmt.Fscan(in, &rounds); err != nil {
			return nil // the end
		}
		m := measured{}
		cpuBefore, garbageBefore := cpuSeconds(), garbage()
		for range rounds {
			began := time.Now()
			for _, s := range all {
				s.begin <- struct{}{}
			}
			for _, s := range all {
				if err := <-s.end; err != nil {
					return err
				}
			}
			m.Seconds = append(m.Seconds, time.Since(began).Seconds())
		}
		m.CPU, m.Garbage = cpuSeconds()-cpuBefore, garbage()-garbageBefore
		if err := out.Encode(m); err != nil {
			return err
		}
	}
}

// measured is what rounds took, and all of them together cost.
type measured struct {
	Seconds []float64 `json:"seconds"` // each
	CPU     float64   `json:"cpu"`     // seconds of this process
	Garbage uint64    `json:"garbage"` // bytes that were allocated
}

// slot is a device's goroutine: its member, and what it exchanges, in buckets.
type slot struct {
	member  *allreduce.Member[float32]
	state   kernels.State
	buckets [][]string
	begin   chan struct{}
	end     chan error
}

func newSlot(m *allreduce.Member[float32]) (*slot, error) {
	s := &slot{member: m, begin: make(chan struct{}), end: make(chan error)}
	var slots []kernels.Slot
	for i, n := range buckets() {
		name := fmt.Sprint("bucket ", i)
		slots = append(slots, kernels.Slot{Name: name, Type: kernels.Real(n / 4)})
		s.buckets = append(s.buckets, []string{name})
	}
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "gradients", Slots: slots})
	if err != nil {
		return nil, err
	}
	d, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	s.state, err = d.NewState(spec)
	return s, err
}

// buckets are the bytes of each bucket.
func buckets() (all []int) {
	for left := *bytes; left > 0; left -= bucketBytes {
		all = append(all, min(left, bucketBytes))
	}
	return all
}

func simulate(costs string) error {
	var c allreduce.Costs
	if err := json.Unmarshal([]byte(costs), &c); err != nil {
		return err
	}
	fmt.Println(allreduce.Simulate(c, *ranks, buckets()))
	return nil
}

func (s *slot) serve() {
	for range s.begin {
		s.end <- s.round()
	}
}

func (s *slot) round() error {
	for i, b := range s.buckets {
		if err := s.member.Give(i, b, s.state); err != nil {
			return err
		}
	}
	for i, b := range s.buckets {
		if err := s.member.Take(i, b, s.state); err != nil {
			return err
		}
	}
	return nil
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func garbage() uint64 {
	runtime.Gosched()
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
