package main

import (
	"g2c/internal/energy"
	"g2c/kernels"
)

// meterOf reads what a machine uses while it trains on some devices: the counters of its
// processors and of those devices. Nil where none can be read, as in most virtual machines,
// or where cards do not tell theirs: without that the rest would pass for the whole.
func meterOf(devices []kernels.Device) energy.Meter {
	var all energy.Sum
	cards, known := cardsMeter(devices)
	if !known {
		return nil
	}
	if cards != nil {
		all = append(all, cards)
	}
	if processors, err := energy.OpenRAPL(energy.Root); err == nil {
		all = append(all, processors)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
