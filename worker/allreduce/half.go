package allreduce

import (
	"encoding/binary"

	"g2c/kernels"
)

// addHalf is to = bf16(a + b), element by element; to may be a or b.
func addHalf[T Element](to, a, b []T) {
	a, b = a[:len(to)], b[:len(to)]
	if sizeOf[T]() == 8 {
		for i, v := range a {
			to[i] = T(kernels.RoundBF16(float64(v) + float64(b[i])))
		}
		return
	}
	t, x, y := as[float32](to), as[float32](a), as[float32](b)
	n := addHalfBlocks(t, x, y)
	addHalfPlain(t[n:], x[n:], y[n:])
}

func addHalfPlain(to, a, b []float32) {
	for i, v := range a {
		to[i] = kernels.ToBF16(v + b[i])
	}
}

// addHalfWide is to = bf16(a + b) where b are bit patterns of bf16; to may be a.
func addHalfWide(to, a []float32, b []uint16) {
	a, b = a[:len(to)], b[:len(to)]
	n := addHalfWideBlocks(to, a, b)
	addHalfWidePlain(to[n:], a[n:], b[n:])
}

func addHalfWidePlain(to, a []float32, b []uint16) {
	for i, v := range a {
		to[i] = kernels.ToBF16(v + kernels.GetBF16(b[i]))
	}
}

// narrow gives the bit patterns of numbers that are bf16.
func narrow(to []uint16, from []float32) {
	from = from[:len(to)]
	n := narrowBlocks(to, from)
	narrowPlain(to[n:], from[n:])
}

func narrowPlain(to []uint16, from []float32) {
	for i, v := range from {
		to[i] = kernels.PutBF16(v)
	}
}

// widen gives the numbers of bit patterns.
func widen(to []float32, from []uint16) {
	from = from[:len(to)]
	n := widenBlocks(to, from)
	widenPlain(to[n:], from[n:])
}

func widenPlain(to []float32, from []uint16) {
	for i, h := range from {
		to[i] = kernels.GetBF16(h)
	}
}

// widenParts fills elements from parts, which hold two bytes for each: one may end in
// another part than it began in.
func widenParts(to []float32, parts [][]byte) {
	var split [2]byte
	begun := false
	for _, p := range parts {
		if begun && len(p) > 0 {
			split[1] = p[0]
			to[0] = kernels.GetBF16(binary.LittleEndian.Uint16(split[:]))
			to, p, begun = to[1:], p[1:], false
		}
		n := len(p) / 2
		if whole := [][]byte{p[:2*n]}; inElements[uint16](whole) {
			widen(to[:n], elementsOf[uint16](p[:2*n]))
		} else {
			for i := range n {
				to[i] = kernels.GetBF16(binary.LittleEndian.Uint16(p[2*i:]))
			}
		}
		to = to[n:]
		if len(p)%2 == 1 {
			split[0], begun = p[len(p)-1], true
		}
	}
}
