package main

import (
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/kernels"
	"g2c/worker/train"
)

// benchInfo is what `g2c debug bench --json` prints.
type benchInfo struct {
	Task       string    `json:"task"`
	Class      string    `json:"class"`
	MS         float64   `json:"ms"` // median of a step
	MinMS      float64   `json:"minMS"`
	InputMS    float64   `json:"inputMS"` // median of the part of a step that brings its images in
	ImagesPerS float64   `json:"imagesPerSecond"`
	GFLOP      float64   `json:"gflop"` // of a step
	GFLOPS     float64   `json:"gflops"`
	PeakGFLOPS float64   `json:"peakGFLOPS"` // measured; 0 where the device does not say
	CopyGBPerS float64   `json:"copyGBPerSecond"`
	PeakRSSMiB float64   `json:"peakRSSMiB"` // of the process, which evaluates and saves too, as a task does
	StateMiB   float64   `json:"stateMiB"`
	ArenaMiB   float64   `json:"arenaMiB"`
	NaiveMiB   float64   `json:"naiveMiB"` // all temporaries side by side
	WorkMiB    float64   `json:"workspaceMiB"`
	Ops        []benchOp `json:"ops"`
}

type benchOp struct {
	Name   string  `json:"name"`
	Calls  int     `json:"calls"`
	MS     float64 `json:"ms"`
	GFLOPS float64 `json:"gflops"`
	GBPerS float64 `json:"gbPerSecond"`
	// Share of the nearer ceiling: products, which a fast algorithm may exceed, or
	// copies, which caches may.
	Share float64 `json:"share"`
}

// peaker is a device that can measure its own ceilings.
type peaker interface {
	Peaks(now func() time.Time, bf16 bool) (flops, bytesPerSecond float64, err error)
}

// newDebugBench is `g2c debug bench SPEC`.
func newDebugBench() *cobra.Command {
	var f debugFlags
	c := &cobra.Command{
		Use:   "bench SPEC",
		Short: "Time a training step: median, rate, memory of a whole task, and a table by operation",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			device, task, err := f.open(c, args[0])
			if err != nil {
				return err
			}
			defer device.Close()
			info, err := f.bench(device, task)
			if err != nil {
				return err
			}
			if wantJSON(c) {
				return printJSON(info)
			}
			info.print()
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.shapes, "shapes", false, "a row for each operation and its shapes")
	return c
}

const (
	mib  = 1 << 20
	giga = 1e9
)

func (f *debugFlags) bench(device kernels.Device, task api.Task) (*benchInfo, error) {
	b, err := train.RunBench(device, task, max(f.steps, 1), f.shapes, time.Now)
	if err != nil {
		return nil, err
	}
	info := &benchInfo{
		Task: f.task, Class: device.Class(), MS: ms(train.Median(b.Steps)), InputMS: ms(train.Median(b.Inputs)), MinMS: ms(b.Steps[0]), GFLOP: float64(b.FLOPs) / giga,
		StateMiB: float64(b.StateBytes) / mib, ArenaMiB: float64(b.ArenaBytes) / mib, NaiveMiB: float64(b.NaiveBytes) / mib,
		WorkMiB: float64(b.WorkBytes) / mib, PeakRSSMiB: peakRSS(),
	}
	for _, d := range b.Steps {
		info.MinMS = min(info.MinMS, ms(d))
	}
	info.ImagesPerS = 1000 * float64(b.Samples) / info.MS
	info.GFLOPS = 1000 * info.GFLOP / info.MS
	if p, ok := device.(peaker); ok {
		flops, bytes, err := p.Peaks(time.Now, isBF16(task))
		if err != nil {
			return nil, err
		}
		info.PeakGFLOPS, info.CopyGBPerS = flops/giga, bytes/giga
	}
	for _, o := range b.Ops {
		s := o.Time.Seconds()
		op := benchOp{Name: o.Name, Calls: o.Calls, MS: ms(o.Time), GFLOPS: float64(o.Cost.FLOPs) / s / giga, GBPerS: float64(o.Cost.Bytes) / s / giga}
		if info.PeakGFLOPS > 0 {
			op.Share = max(op.GFLOPS/info.PeakGFLOPS, op.GBPerS/info.CopyGBPerS)
		}
		info.Ops = append(info.Ops, op)
	}
	return info, nil
}

// isBF16 says whether a task computes in mixed precision.
func isBF16(t api.Task) bool {
	return t.Pretrain != nil && t.Pretrain.Precision == api.BF16 || t.Paired != nil && t.Paired.Precision == api.BF16 || t.Finetune != nil && t.Finetune.Precision == api.BF16
}

func ms(d time.Duration) float64 { return 1000 * d.Seconds() }

// peakRSS is the most memory that the process has held, in MiB.
func peakRSS() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Maxrss) / 1024
}

func (i *benchInfo) print() {
	fmt.Fprintf(stdout, "%s on %s: %.1f ms a step (least %.1f), %.2f images/s, %.2f GFLOP, %.1f GFLOP/s",
		i.Task, i.Class, i.MS, i.MinMS, i.ImagesPerS, i.GFLOP, i.GFLOPS)
	if i.PeakGFLOPS > 0 {
		fmt.Fprintf(stdout, "; ceilings: %.0f GFLOP/s of products, %.0f GB/s of copies", i.PeakGFLOPS, i.CopyGBPerS)
	}
	fmt.Fprintf(stdout, "\ninput: %.2f ms a step, %.1f %% of it: images are decoded before the first", i.InputMS, 100*i.InputMS/i.MS)
	fmt.Fprintf(stdout, "\nmemory: peak %.0f MiB; state %.1f, arena %.1f (side by side %.1f), workspace %.1f\n\n",
		i.PeakRSSMiB, i.StateMiB, i.ArenaMiB, i.NaiveMiB, i.WorkMiB)
	fmt.Fprintf(stdout, "%-24s %6s %9s %6s %9s %8s %7s\n", "operation", "calls", "ms", "share", "GFLOP/s", "GB/s", "ceiling")
	total := 0.0
	for _, o := range i.Ops {
		total += o.MS
	}
	for _, o := range i.Ops {
		fmt.Fprintf(stdout, "%-24s %6d %9.2f %5.1f%% %9.1f %8.1f %6.0f%%\n", o.Name, o.Calls, o.MS, 100*o.MS/total, o.GFLOPS, o.GBPerS, 100*o.Share)
	}
}
