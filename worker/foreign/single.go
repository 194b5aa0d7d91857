package foreign

import (
	"encoding/binary"
	"math"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
)

// single gives a tensor in float32. Half precision widens exactly; float64 is
// rounded.
func single(t safetensors.Tensor) (safetensors.Tensor, error) {
	v := make([]float32, t.Len())
	switch t.DType {
	case safetensors.F32:
		return t, nil
	case safetensors.F64:
		wide, err := t.Reals()
		if err != nil {
			return t, err
		}
		for i, x := range wide {
			v[i] = float32(x)
		}
	case safetensors.BF16:
		for i := range v {
			v[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
	case safetensors.F16:
		for i := range v {
			v[i] = half(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	default:
		return t, fault.New(fault.ErrData, "tensor %s holds %s, not real numbers", t.Name, t.DType)
	}
	return safetensors.Float32(t.Name, t.Shape, v), nil
}

// half is a number of IEEE half precision: 1 bit of sign, 5 of exponent, 10 of
// fraction.
func half(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero and subnormal: fraction × 2⁻²⁴, exact in float32
		const unit = 1.0 / (1 << 24)
		v := float32(fraction) * unit
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
