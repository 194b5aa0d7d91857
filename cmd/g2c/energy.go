package main

import (
	"g2c/internal/energy"
	"g2c/kernels"
)

// meterOf reads what a machine uses while it trains on some devices: the counters of its
// processors and of those devices. Nil where none can be read, as in most virtual machines.
func meterOf(devices []kernels.Device) energy.Meter {
	var all energy.Sum
	if cards := cardsMeter(devices); cards != nil {
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
