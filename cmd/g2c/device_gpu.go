//go:build gpu

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"g2c/internal/energy"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/cuda"
)

// syncVariable has GPUs finish each operation before the next: slow, and an error
// names its operation.
const syncVariable = "G2C_CUDA_SYNC"

func cudaOptions() cuda.Options {
	if os.Getenv(syncVariable) == "" {
		return cuda.Options{}
	}
	return cuda.Options{Sync: true, Report: sayTimes}
}

// debugSync is what --debug-sync does.
func debugSync() error { return os.Setenv(syncVariable, "1") }

// sayTimes prints what operations took, the longest first.
func sayTimes(all []cuda.OpTime) {
	var total time.Duration
	for _, o := range all {
		total += o.Time
	}
	w := tabwriter.NewWriter(os.Stderr, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "operation\tcount\ttotal ms\tshare")
	for _, o := range all {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.1f %%\n", o.Op, o.Count, ms(o.Time), 100*o.Time.Seconds()/max(total.Seconds(), 1e-9))
	}
	w.Flush()
}

func countGPUs() (int, error) { return cuda.Count() }

// openAuto takes the first GPU, or the processor where there is none, and says which.
func openAuto() (kernels.Device, error) {
	if _, err := cuda.Count(); err != nil {
		say("%v: using the CPU", err)
		return openCPU()
	}
	d, err := cuda.Open(0, cudaOptions())
	if err != nil {
		return nil, err
	}
	say("using %s (%s)", d.Name(), d.Class())
	return d, nil
}

// openCUDA takes the GPU of a number, the first if there is none.
func openCUDA(number string) (kernels.Device, error) {
	if strings.Contains(number, ",") {
		return nil, fault.New(fault.ErrSpec, "--device cuda:%s: this runs on one GPU", number).WithHint("name one; `g2c run` takes several")
	}
	n := 0
	if number != "" {
		var err error
		if n, err = strconv.Atoi(number); err != nil {
			return nil, fault.New(fault.ErrSpec, "--device cuda:%s: %q is no number", number, number)
		}
	}
	return cuda.Open(n, cudaOptions())
}

// cardsMeter reads what the cards among some devices use, nil where there are none; false
// where there are some and NVML does not tell.
func cardsMeter(devices []kernels.Device) (energy.Meter, bool) {
	var cards []string
	for _, d := range devices {
		if card, ok := d.(*cuda.Device); ok {
			cards = append(cards, card.UUID())
		}
	}
	if len(cards) == 0 {
		return nil, true
	}
	m, err := energy.OpenNVML(nvml.New(), cards)
	if err != nil {
		return nil, false
	}
	return m, true
}

// checkCUDA opens each GPU and holds it to the reference.
func checkCUDA() []finding {
	count, err := cuda.Count()
	if err != nil {
		return []finding{{Check: "gpu", Verdict: passes, Found: err.Error() + ": training runs on the CPU"}}
	}
	var all []finding
	for n := range count {
		all = append(all, checkGPU(n))
	}
	return all
}

func checkGPU(n int) finding {
	check := fmt.Sprintf("gpu %d", n)
	d, err := cuda.Open(n, cudaOptions())
	if err != nil {
		return finding{check, fails, err.Error(), "look at nvidia-smi: the card, its driver, and who uses it"}
	}
	defer d.Close()
	far, err := selfCheck(d)
	switch {
	case err != nil:
		return finding{check, fails, err.Error(), "report this with the output of `g2c doctor --json`"}
	case !(far <= selfTolerance):
		return finding{check, fails, fmt.Sprintf("a generator's image is %.2g away from the reference, %.2g is allowed", far, selfTolerance), "the card may be damaged: test it, and report this"}
	}
	return finding{Check: check, Verdict: passes, Found: fmt.Sprintf("%s, class %s, a generator's image is within %.1g of the reference", d.Name(), d.Class(), far)}
}
