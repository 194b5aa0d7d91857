package main

import (
	"fmt"
	"os"
	"strings"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/ref"
	"g2c/kernels/rewrite"
)

// isaVariable forces an instruction set of the CPU backend: avx512, avx2 or
// portable. The bits of the first two are equal.
const isaVariable = "G2C_CPU_ISA"

// rewritesVariable chooses the rewrites of programs by name: all (the default),
// none, or a list divided by commas. No bit depends on them.
const rewritesVariable = "G2C_REWRITES"

// openDevice makes the device that a flag names.
func openDevice(name string) (kernels.Device, error) {
	switch {
	case name == "auto":
		return openAuto()
	case name == "cpu":
		return openCPU()
	case name == "ref":
		return ref.New(), nil
	case name == "cuda" || strings.HasPrefix(name, "cuda:"):
		return openCUDA(strings.TrimPrefix(strings.TrimPrefix(name, "cuda"), ":"))
	}
	return nil, fault.New(fault.ErrSpec, "there is no device %q", name).WithHint("--device is auto, cpu, cuda, cuda:0,1 or ref")
}

func openCPU() (kernels.Device, error) {
	rules, err := rewrite.Named(os.Getenv(rewritesVariable))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rewritesVariable, err)
	}
	return cpu.New(cpu.Options{ISA: cpu.ISA(os.Getenv(isaVariable)), Rewrites: rules})
}
