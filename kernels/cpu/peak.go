package cpu

import (
	"time"

	"g2c/kernels/host"
)

// Peaks measures what operations are held to: the rate of the widest
// micro-kernel on packed operands in the first cache, and that of copying memory
// that fits no cache, counting bytes read and written, each with all threads.
func (d *Device) Peaks(now func() time.Time, _ bool) (flops, bytesPerSecond float64, err error) {
	return d.peakProduct(now), d.peakCopy(now), nil
}

// peakRepeats is how often a ceiling is measured; the best counts.
const peakRepeats = 5

func (d *Device) peakProduct(now func() time.Time) float64 {
	const depth, calls = 256, 20000
	k := d.micro[0]
	d.need(k.rows, 0, 0)
	right := host.AlignedFloats[float32](depth * k.columns)
	type operands struct{ left, results []float32 }
	own := make([]operands, d.team.members)
	for m := range own {
		own[m] = operands{host.AlignedFloats[float32](depth * k.rows), host.AlignedFloats[float32](k.rows * k.columns)}
	}
	best := 0.0
	for range peakRepeats {
		begun := now()
		d.team.run(d.team.members, func(member, _ int) {
			w, o := &d.members[member], &own[member]
			for r := range k.rows {
				w.left[r], w.rows[r] = &o.left[r*depth], &o.results[r*k.columns]
			}
			for range calls {
				k.dot(1, &w.left[0], depth, &right[0], nil, &w.rows[0], 0)
			}
		})
		work := float64(d.team.members) * calls * 2 * depth * float64(k.rows*k.columns)
		best = max(best, work/now().Sub(begun).Seconds())
	}
	return best
}

func (d *Device) peakCopy(now func() time.Time) float64 {
	const size, piece = 1 << 24, 1 << 16 // floats
	from, to := host.AlignedFloats[float32](size), host.AlignedFloats[float32](size)
	best := 0.0
	for range peakRepeats {
		begun := now()
		d.team.run(size/piece, func(_, item int) { copy(to[item*piece:][:piece], from[item*piece:]) })
		best = max(best, 2*4*size/now().Sub(begun).Seconds())
	}
	return best
}
