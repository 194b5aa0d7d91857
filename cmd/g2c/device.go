package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/ref"
	"g2c/kernels/rewrite"
	"g2c/worker/train"
)

// isaVariable forces an instruction set of the CPU backend: avx512, avx2 or
// portable. The bits of the first two are equal.
const isaVariable = "G2C_CPU_ISA"

// rewritesVariable chooses the rewrites of programs by name: all (the default),
// none, or a list divided by commas. No bit depends on them.
const rewritesVariable = "G2C_REWRITES"

// addDevice defines the flags of verbs that run programs on a device.
func addDevice(c *cobra.Command, name *string, devices string) {
	c.Flags().StringVar(name, "device", "auto", devices)
	addDebugSync(c)
}

// addSpecDevice defines the same of verbs that have a spec, which names a device too.
func addSpecDevice(c *cobra.Command, name *string, devices string) {
	c.Flags().StringVar(name, "device", "", devices+" (default the spec's, auto)")
	addDebugSync(c)
}

// addDebugSync defines the flag of verbs that may run programs on a GPU.
func addDebugSync(c *cobra.Command) {
	c.Flags().BoolFunc("debug-sync", "wait for each operation on a GPU: errors name theirs, and a table of times ends the run", func(v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil || !on {
			return err
		}
		return debugSync()
	})
}

// openDevices makes the devices that a flag names, all of one numerics class.
func openDevices(name string) ([]kernels.Device, error) {
	list, ok := strings.CutPrefix(name, "cuda:")
	if !ok || !strings.Contains(list, ",") {
		d, err := openDevice(name)
		return []kernels.Device{d}, err
	}
	var all []kernels.Device
	numbers := strings.Split(list, ",")
	for i, number := range numbers {
		if slices.Contains(numbers[:i], number) {
			return nil, errors.Join(fault.New(fault.ErrSpec, "--device %s: %s is there twice", name, number), closeDevices(all))
		}
		d, err := openDevice("cuda:" + number)
		if err != nil {
			return nil, errors.Join(err, closeDevices(all))
		}
		all = append(all, d)
	}
	if err := train.SameClass(all...); err != nil {
		return nil, errors.Join(err, closeDevices(all))
	}
	return all, nil
}

func closeDevices(all []kernels.Device) error {
	var errs []error
	for _, d := range all {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}

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
