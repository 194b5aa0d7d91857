// Command allreduce measures the exchange of gradients between processes of one machine,
// over gRPC and beside Gloo, and writes a table: time of a round, processor time, garbage.
// Rivals take turns, so that what else the machine does falls on all of them.
//
//	go run ./bench/allreduce -rank build/bench/rank -python build/torch/bin/python -o bench/results/allreduce.md
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
)

var (
	rank   = flag.String("rank", "build/bench/rank", "the program that is a rank: worker/agent/grpclink/rank")
	python = flag.String("python", "", "a Python with torch; empty: Gloo is left out")
	gloo   = flag.String("gloo", "bench/peers/gloo.py", "a rank of Gloo's")
	turns  = flag.Int("turns", 5, "how often each rival has its turn")
	rounds = flag.Int("rounds", 3, "rounds a turn; one more is not counted")
	output = flag.String("o", "", "Markdown file to write (default standard output)")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "allreduce:", err)
		os.Exit(1)
	}
}

// The gradients of a fine-tuning of the classifier alone and of one with generators, in
// fp32.
var sizes = []int{48_900_000, 146_400_000}

// small is a round whose bytes hardly count: the rest of what it takes is latency.
const small = 64 << 10

func run() error {
	var all []result
	for _, c := range []struct{ ranks, bytes int }{{2, small}, {4, small}, {2, sizes[0]}, {4, sizes[0]}, {2, sizes[1]}, {4, sizes[1]}} {
		of, err := compare(c.ranks, c.bytes)
		if err != nil {
			return err
		}
		all = append(all, of...)
	}
	var b bytes.Buffer
	if err := write(&b, all); err != nil {
		return err
	}
	if *output == "" {
		_, err := os.Stdout.Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(*output, b.Bytes(), 0o644); err != nil {
		return err
	}
	for _, line := range ratios(all) {
		fmt.Println(line)
	}
	return nil
}

// result is what one rival did at one size.
type result struct {
	rival        string
	ranks, bytes int
	seconds      []float64 // of each round: the slowest rank's
	cpu          float64   // seconds a round, of all ranks
	garbage      float64   // bytes a round and rank
}

func (r result) median() float64 {
	s := slices.Sorted(slices.Values(r.seconds))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

func (r result) best() float64 { return slices.Min(r.seconds) }

// compare has every rival exchange at one size, in turns.
func compare(ranks, size int) (out []result, err error) {
	var rivals []*rival
	defer func() {
		for _, r := range rivals {
			if e := r.close(); err == nil {
				err = e
			}
		}
	}()
	for _, name := range []string{rivalGRPC, rivalHalf, rivalTLS, rivalTCP, rivalSlots, rivalGloo} {
		if name == rivalGloo && *python == "" {
			continue
		}
		r, err := start(name, ranks, size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rivals = append(rivals, r)
	}
	for turn := range *turns {
		for i := range rivals {
			r := rivals[(turn+i)%len(rivals)] // none is always behind the same
			if err := r.turn(*rounds); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
	}
	for _, r := range rivals {
		of := r.result
		of.cpu /= float64(len(of.seconds))
		of.garbage /= float64(len(of.seconds) * len(r.ranks))
		fmt.Fprintf(os.Stderr, "%d ranks, %.1f MB, %s: %.1f ms, %.1f ms of processors\n", ranks, float64(size)/1e6, r.name, 1e3*of.median(), 1e3*of.cpu)
		out = append(out, of)
	}
	return out, nil
}
