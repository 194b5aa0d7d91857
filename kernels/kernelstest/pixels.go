package kernelstest

import (
	"g2c/kernels"
	"g2c/kernels/tolerance"
)

func pixelsCases(m *maker) {
	for _, d := range [][3]int{{1, 1, 1}, {2, 5, 5}, {3, 9, 6}, {1, 17, 16}, {2, 36, 32}} {
		n, load, size := d[0], d[1], d[2]
		for flips := range 4 {
			place := m.places(n, load-size, flips)
			m.add("", kernels.Pixels{Size: size}, m.bytes(n, load, load, 3), place)
			m.add("", kernels.Pixels{Size: size, Jitter: true}, m.bytes(n, load, load, 3), place, m.positive(n, 2))
		}
	}
	// All bytes; black, white; what clamps.
	all := m.bytes(1, 16, 16, 3)
	for i := range all.V {
		all.V[i] = float64(i % 256)
	}
	origin := m.places(1, 0, 0)
	m.add("every byte", kernels.Pixels{Size: 16}, all, origin)
	for _, jitter := range [][]float64{{0, 1}, {2, 2}, {1, 0}, {1, 1}, {0.8, 1.2}} {
		j := fixed(jitter)
		j.Type = kernels.Real(1, 2)
		m.add("every byte", kernels.Pixels{Size: 16, Jitter: true}, all, origin, j)
	}
}

// places draws corners from 0 to room, both ends included, with the two flips in
// the bits of flips.
func (m *maker) places(n, room, flips int) tolerance.Tensor {
	t := m.ints(room+1, n, 4)
	for i := range n {
		t.V[i*4+2], t.V[i*4+3] = float64(flips&1), float64(flips>>1)
	}
	if n > 1 { // the far corner is among them
		t.V[0], t.V[1] = float64(room), float64(room)
	}
	return t
}
