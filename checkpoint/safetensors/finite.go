package safetensors

import (
	"encoding/binary"

	"g2c/internal/fault"
)

// CheckFinite refuses tensors with NaN or an infinity in them, with the first such
// tensor's name, as an error of class fault.ErrData. Tensors of integers pass.
func CheckFinite(tensors []Tensor) error {
	for _, t := range tensors {
		if n := t.notFinite(); n > 0 {
			return fault.New(fault.ErrData, "tensor %s holds NaN or an infinity in %d of its %d numbers", t.Name, n, t.Len()).
				WithHint("a training that diverged leaves such weights: take a checkpoint from before")
		}
	}
	return nil
}

// notFinite counts the numbers whose exponent is all ones.
func (t Tensor) notFinite() (n int) {
	switch t.DType {
	case F32:
		for i := 0; i < len(t.Data); i += 4 {
			const ones = 0xff << 23
			if binary.LittleEndian.Uint32(t.Data[i:])&ones == ones {
				n++
			}
		}
	case F64:
		for i := 0; i < len(t.Data); i += 8 {
			const ones = 0x7ff << 52
			if binary.LittleEndian.Uint64(t.Data[i:])&ones == ones {
				n++
			}
		}
	case F16, BF16:
		ones := uint16(0x1f << 10)
		if t.DType == BF16 {
			ones = 0xff << 7
		}
		for i := 0; i < len(t.Data); i += 2 {
			if binary.LittleEndian.Uint16(t.Data[i:])&ones == ones {
				n++
			}
		}
	}
	return n
}
