package kernels

import "fmt"

// Pixels crops, flips and jitters 8-bit images into real ones in [0,1]:
//
//	u = pixels[n, y0+h', x0+w', :] / 255     h' = flipV ? S-1-h : h, w' = flipH ? S-1-w : w
//	u = clamp(brightness * u, 0, 1)
//	grey = 0.299*u.r + 0.587*u.g + 0.114*u.b                   // from the left
//	x[n,h,w,:] = clamp(grey + saturation * (u - grey), 0, 1)
//
// pixels: (N,L,L,3) bytes; place: (N,4) integers y0, x0, flipH, flipV; jitter:
// (N,2) reals, brightness and saturation, absent when Jitter is false, and the
// last three lines with it. x: (N,S,S,3). A product and a sum round apart.
// Source: paper, "flips and colour jitter (brightness, saturation)"; spec, "Time
// and randomness".
type Pixels struct {
	Size   int
	Jitter bool
}

// Name implements Op.
func (Pixels) Name() string { return "pixels" }

// Attrs implements Op.
func (o Pixels) Attrs() string { return fmt.Sprintf("size=%d jitter=%v", o.Size, o.Jitter) }

// Infer implements Op: operands pixels, place and, with Jitter, jitter.
func (o Pixels) Infer(in []Type) ([]Type, error) {
	n := 2
	if o.Jitter {
		n = 3
	}
	if len(in) != n || in[0].DType != U8 || in[1].DType != I32 {
		return nil, fmt.Errorf("pixels: operands %v, want bytes, places and maybe jitter", in)
	}
	s := in[0].Shape
	if len(s) != 4 || s[1] != s[2] || s[3] != 3 || o.Size < 1 || s[1] < o.Size {
		return nil, fmt.Errorf("pixels: cannot cut %d from %v", o.Size, in[0])
	}
	if err := wantShape("pixels", "place", in[1], s[0], 4); err != nil {
		return nil, err
	}
	if o.Jitter {
		if err := wantShape("pixels", "jitter", in[2], s[0], 2); err != nil {
			return nil, err
		}
	}
	return []Type{Real(s[0], o.Size, o.Size, 3)}, nil
}

// Cost implements Op.
func (o Pixels) Cost(in, out []Type) Cost { return perElement(8, out[0], in, out) }
