package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/train"
)

// maxSlots bounds the tasks at once of one worker on processors: each has its own
// memory.
const maxSlots = 4096

// parseSlots reads a device and a number of slots.
func parseSlots(text string) (device string, n int, err error) {
	device, number, ok := strings.Cut(text, ":")
	if !ok {
		number = "1"
	}
	n, err = strconv.Atoi(number)
	if err != nil || device == "" || n < 1 || n > maxSlots {
		return "", 0, fault.New(fault.ErrSpec, "--slots %q is not a device and a number up to %d", text, maxSlots).WithHint("for example cpu:1, or cuda:2 for two GPUs")
	}
	return device, n, nil
}

// slot is what a task trains on.
type slot struct {
	name   string
	device kernels.Device
}

// backends are where devices come from.
type backends struct {
	gpus func() (int, error) // how many there are
	open func(name string) (kernels.Device, error)
}

// built are those of this build.
var built = backends{gpus: countGPUs, open: openDevice}

// kind is the kind of device that slots are of: auto is GPUs, where there are any.
func (b backends) kind(device string) string {
	if device != "auto" {
		return device
	}
	if _, err := b.gpus(); err != nil {
		say("%v: using the CPU", err)
		return "cpu"
	}
	return "cuda"
}

// slots opens n devices of a kind: each slot has a GPU of its own, or the processor,
// which all share. They are of one numerics class, since a worker has one.
func (b backends) slots(kind string, n int) (all []slot, err error) {
	if kind == "cuda" {
		if err := b.enough(n); err != nil {
			return nil, err
		}
	}
	var devices []kernels.Device
	for i := range n {
		s, err := b.slot(kind, i)
		if err != nil {
			return nil, errors.Join(err, closeDevices(devices))
		}
		devices = append(devices, s.device)
		all = append(all, s)
	}
	if err := train.SameClass(devices...); err != nil {
		return nil, errors.Join(fmt.Errorf("--slots %s:%d: %w", kind, n, err), closeDevices(devices))
	}
	return all, nil
}

// slot opens the device of the slot of a number.
func (b backends) slot(kind string, n int) (slot, error) {
	name := kind
	if kind == "cuda" {
		name = fmt.Sprintf("cuda:%d", n)
	}
	d, err := b.open(name)
	return slot{name, d}, err
}

// enough says whether there are n GPUs.
func (b backends) enough(n int) error {
	count, err := b.gpus()
	if err != nil {
		return fault.New(fault.ErrUnavailable, "--slots cuda:%d asks for %s, and there is none: %w", n, plural(n, "GPU"), err).WithHint("--slots cpu:1 needs none")
	}
	if count < n {
		return fault.New(fault.ErrUnavailable, "--slots cuda:%d asks for %s, and there are %d", n, plural(n, "GPU"), count).WithHint("a slot is one GPU")
	}
	return nil
}
