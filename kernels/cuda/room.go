//go:build gpu

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"g2c/kernels"
)

// pageBytes is what a large allocation of the driver is rounded up to.
const pageBytes = 2 << 20

// pages is the memory that an allocation takes.
func pages(bytes int64) int64 {
	if bytes < pageBytes/2 {
		return bytes
	}
	return (bytes + pageBytes - 1) / pageBytes * pageBytes
}

// Room implements kernels.Planner.
func (d *Device) Room(spec *kernels.StateSpec, programs ...*kernels.Program) (kernels.Room, error) {
	nowhere := &State{device: d, spec: spec, groups: make([]cu.DevicePtr, len(spec.Groups))}
	r := kernels.Room{State: guardBytes}
	for _, g := range spec.Groups {
		t, _ := spec.Type(g.Name)
		r.State += pages(layout.Bytes(t))
	}
	err := d.do(func() error {
		free, _, err := cu.MemInfo()
		r.Free = free
		for _, p := range programs {
			if err != nil || p == nil {
				continue
			}
			e := &Exec{device: d, state: nowhere, program: p, plan: kernels.NewPlan(p, layout)}
			b := &builder{device: d}
			if err = e.prepare(b); err != nil {
				err = fmt.Errorf("program %s: %w", p.Name, err)
			}
			r.Arena, r.Workspace = max(r.Arena, pages(e.plan.Arena)), max(r.Workspace, pages(b.needed))
		}
		return err
	})
	return r, err
}

var _ kernels.Planner = (*Device)(nil)
