//go:build !gpu

package main

import (
	"os"

	"g2c/internal/energy"
	"g2c/internal/fault"
	"g2c/kernels"
)

// openAuto takes the processor: this build knows nothing else.
func openAuto() (kernels.Device, error) { return openCPU() }

func openCUDA(string) (kernels.Device, error) {
	return nil, fault.New(fault.ErrUnavailable, "this build has no CUDA backend").WithHint("build with `make gpu`, or run with --device cpu")
}

func countGPUs() (int, error) {
	return 0, fault.New(fault.ErrUnavailable, "this build has no CUDA backend, `make gpu` builds it")
}

// debugSync is what --debug-sync does.
func debugSync() error {
	return fault.New(fault.ErrSpec, "this build has no CUDA backend, which is what --debug-sync watches").WithHint("build with `make gpu`")
}

// cardsMeter is none: this build has no cards.
func cardsMeter([]kernels.Device) (energy.Meter, bool) { return nil, true }

// driverPlaces are where the driver's library lies on the systems that we build
// for.
var driverPlaces = []string{"/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1"}

func checkCUDA() []finding {
	for _, place := range driverPlaces {
		if _, err := os.Stat(place); err == nil {
			return []finding{{"gpu", warns, "a CUDA driver is there (" + place + "), and this build has no CUDA backend", "training runs on the CPU: build with `make gpu`"}}
		}
	}
	return []finding{{Check: "gpu", Verdict: passes, Found: "no CUDA driver: training runs on the CPU"}}
}
