package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// write writes the page.
func write(w io.Writer, all []result) error {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	fmt.Fprintf(w, "# The all-reduce, measured\n\n`make bench-allreduce`; %d processors, %s, ranks on loopback, load at the end %s. Rivals take turns of %d rounds, %d times.\n",
		runtime.NumCPU(), runtime.Version(), strings.Fields(string(load))[0], *rounds, *turns)
	fmt.Fprint(w, "A round of ours is given and taken in buckets of 4 MiB, with what is copied out of and into each rank's state; Gloo's is one `all_reduce` of a tensor, in place.\n",
		"Times are the slowest rank's, the median of all rounds and the best; processor time is that of all ranks, a GB that is to be added up.\n\n")
	fmt.Fprint(w, "| ranks | MB | rival | median ms | best ms | to Gloo | CPU s/GB | garbage a step and rank, kB |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		ratio := "–"
		if g, ok := find(all, rivalGloo, r.ranks, r.bytes); ok {
			ratio = fmt.Sprintf("%.2f", r.median()/g.median())
		}
		garbage := "–"
		if r.rival != rivalGloo {
			garbage = fmt.Sprintf("%.0f", r.garbage/1e3)
		}
		fmt.Fprintf(w, "| %d | %.2f | %s | %.2f | %.2f | %s | %.2f | %s |\n", r.ranks, float64(r.bytes)/1e6, r.rival,
			1e3*r.median(), 1e3*r.best(), ratio, r.cpu/(float64(r.bytes)/1e9), garbage)
	}
	if err := writeModel(w, all); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n## Ratios, of medians, at the worst size\n\n    %s\n", strings.Join(ratios(all), "\n    "))
	return nil
}

func find(all []result, rival string, ranks, bytes int) (result, bool) {
	for _, r := range all {
		if r.rival == rival && r.ranks == ranks && r.bytes == bytes {
			return r, true
		}
	}
	return result{}, false
}

// ratios are the lines that goals are about.
func ratios(all []result) []string {
	var out []string
	for _, c := range []struct{ name, of, to string }{
		{"grpc fp32 / gloo", rivalGRPC, rivalGloo},
		{"grpc bf16 / gloo fp32", rivalHalf, rivalGloo},
		{"one runner / gloo", rivalSlots, rivalGloo},
		{"grpc fp32 / raw tcp", rivalGRPC, rivalTCP},
		{"grpc tls fp32 / gloo", rivalTLS, rivalGloo},
	} {
		worst := 0.0
		for _, r := range all {
			if to, ok := find(all, c.to, r.ranks, r.bytes); ok && r.rival == c.of && r.bytes != small {
				worst = max(worst, r.median()/to.median())
			}
		}
		if worst > 0 {
			out = append(out, fmt.Sprintf("%s %.2f", c.name, worst))
		}
	}
	return out
}
