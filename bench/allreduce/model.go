package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// costs are those of allreduce.Costs.
type costs struct{ Latency, Bandwidth, PerByte, PerMessage, Processors float64 }

// messageBytes and bucketBytes are the exchange's.
const (
	messageBytes = 1 << 20
	bucketBytes  = 4 << 20
)

// traffic is what a process of an exchange sends, and receives as much: bytes and messages.
func traffic(processes, bytes int) (sent, messages float64) {
	p := float64(processes)
	for left := bytes; left > 0; left -= bucketBytes {
		slice := float64(min(left, bucketBytes)) / p
		sent += 2 * (p - 1) * slice
		messages += 2 * (p - 1) * float64(int(slice+messageBytes-1)/messageBytes)
	}
	return sent, messages
}

// fit finds what a byte and a message cost a processor from the largest and the smallest
// round over gRPC of two ranks, and half of the smallest's time as a step's latency.
func fit(all []result, rival string) (costs, bool) {
	large, ok := find(all, rival, 2, sizes[len(sizes)-1])
	little, also := find(all, rival, 2, small)
	if !ok || !also {
		return costs{}, false
	}
	sent, messages := traffic(2, large.bytes)
	_, few := traffic(2, little.bytes)
	c := costs{Latency: little.best() / 2, PerMessage: little.cpu / 2 / (2 * few), Processors: float64(runtime.NumCPU())}
	c.PerByte = max(large.cpu/2-c.PerMessage*2*messages, 0) / (2 * sent)
	return c, true
}

// predict is a round by the model: two steps of latency, and whatever is slower of the
// connection and the processors.
func predict(c costs, processes, bytes int) float64 {
	sent, messages := traffic(processes, bytes)
	return 2*c.Latency + max(sent/c.Bandwidth, (c.PerByte*2*sent+c.PerMessage*2*messages)/c.Processors)
}

// simulate plays the plan of a round.
func simulate(c costs, processes, bytes int) (float64, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	out, err := exec.Command(*rank, "-simulate", string(text), "-ranks", fmt.Sprint(processes), "-bytes", fmt.Sprint(bytes)).Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// writeModel writes what the model says of gangs that were not measured.
func writeModel(w io.Writer, all []result) error {
	c, ok := fit(all, rivalGRPC)
	if !ok {
		return nil
	}
	fmt.Fprintf(w, "\n## Larger gangs: a model, not a measurement\n\nFitted to the rounds of two ranks over gRPC above: %.0f µs a step, %.2f ns of a processor to send or receive a byte, %.0f µs a message;\n",
		1e6*c.Latency, 1e9*c.PerByte, 1e6*c.PerMessage)
	fmt.Fprintf(w, "%.0f processors a worker are assumed, connections that do not disturb each other, and that all buckets are there at the start. *Model*: 2 steps + the slower of 2S(P−1)/P bytes each way and the processors' work.\n"+
		"*Simulation*: the exchange's plan, message by message (`allreduce.Simulate`).\n\n", c.Processors)
	fmt.Fprint(w, "| workers | MB | Gbit/s | model ms | simulation ms | the processors' part, ms |\n|---|---|---|---|---|---|\n")
	for _, processes := range []int{8, 64, 512} {
		for _, gbit := range []float64{25, 100} {
			at := c
			at.Bandwidth = gbit * 1e9 / 8
			played, err := simulate(at, processes, sizes[0])
			if err != nil {
				return err
			}
			free := at
			free.Bandwidth, free.Latency = 1e18, 0
			fmt.Fprintf(w, "| %d | %.1f | %.0f | %.1f | %.1f | %.1f |\n", processes, float64(sizes[0])/1e6, gbit,
				1e3*predict(at, processes, sizes[0]), 1e3*played, 1e3*predict(free, processes, sizes[0]))
		}
	}
	return nil
}
