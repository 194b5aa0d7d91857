package kernels

import "fmt"

// ScaleChannels is y[n,h,w,c] = x[n,h,w,c] * s[n,c].
//
// x: (N,H,W,C), s: (N,C); y like x. It is its own gradient by x.
// Source: paper, cross-stain attention block ("scale").
type ScaleChannels struct{}

// Name implements Op.
func (ScaleChannels) Name() string { return "scale_channels" }

// Attrs implements Op.
func (ScaleChannels) Attrs() string { return "" }

// Infer implements Op: operands x, s.
func (o ScaleChannels) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("scale_channels", o.Halves(len(in)), in, 4, 2); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if err := wantShape("scale_channels", "s", in[1], x[0], x[3]); err != nil {
		return nil, err
	}
	return []Type{in[0]}, nil
}

// Halves implements Halvable.
func (ScaleChannels) Halves(int) []int { return []int{0} }

// Cost implements Op.
func (ScaleChannels) Cost(in, out []Type) Cost { return perElement(1, in[0], in, out) }

// Overwrites implements InPlace.
func (ScaleChannels) Overwrites() [][2]int { return [][2]int{{0, 0}} }

// ScaleChannelsGradS is ds[n,c] = sum over h,w of dy[n,h,w,c] * x[n,h,w,c].
//
// dy, x: (N,H,W,C); ds: (N,C). Sums: PixelSum, a fused multiply-add a pixel.
// Source: paper, cross-stain attention block.
type ScaleChannelsGradS struct{}

// Name implements Op.
func (ScaleChannelsGradS) Name() string { return "scale_channels_grad_s" }

// Attrs implements Op.
func (ScaleChannelsGradS) Attrs() string { return "" }

// Infer implements Op: operands dy, x.
func (o ScaleChannelsGradS) Infer(in []Type) ([]Type, error) {
	if err := wantHalf("scale_channels_grad_s", o.Halves(len(in)), in, 4, 4); err != nil {
		return nil, err
	}
	x := in[1].Shape
	if err := wantShape("scale_channels_grad_s", "dy", in[0], x...); err != nil {
		return nil, err
	}
	return []Type{Real(x[0], x[3])}, nil
}

// Halves implements Halvable.
func (ScaleChannelsGradS) Halves(int) []int { return []int{0, 1} }

// Cost implements Op.
func (ScaleChannelsGradS) Cost(in, out []Type) Cost { return perElement(2, in[1], in, out) }

// GatherBranches puts the features of a sample's branches side by side:
//
//	y[n, b*C+c] = x[b*N+n, c]
//
// x: (B*N,C), branch-major; y: (N,B*C). Its gradient is ScatterBranches.
// Source: paper, "squeeze all stains"; torch.cat of the branches' vectors.
type GatherBranches struct{ Branches int }

// Name implements Op.
func (GatherBranches) Name() string { return "gather_branches" }

// Attrs implements Op.
func (o GatherBranches) Attrs() string { return fmt.Sprintf("branches=%d", o.Branches) }

// Infer implements Op: operand x.
func (o GatherBranches) Infer(in []Type) ([]Type, error) {
	if err := want("gather_branches", in, 2); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if o.Branches < 1 || s[0]%o.Branches != 0 {
		return nil, fmt.Errorf("gather_branches: %v does not divide into %d branches", in[0], o.Branches)
	}
	return []Type{Real(s[0]/o.Branches, s[1]*o.Branches)}, nil
}

// Cost implements Op.
func (o GatherBranches) Cost(in, out []Type) Cost { return perElement(0, in[0], in, out) }

// ScatterBranches is the inverse of GatherBranches: x[b*N+n, c] = y[n, b*C+c].
// Its gradient is GatherBranches.
type ScatterBranches struct{ Branches int }

// Name implements Op.
func (ScatterBranches) Name() string { return "scatter_branches" }

// Attrs implements Op.
func (o ScatterBranches) Attrs() string { return fmt.Sprintf("branches=%d", o.Branches) }

// Infer implements Op: operand y.
func (o ScatterBranches) Infer(in []Type) ([]Type, error) {
	if err := want("scatter_branches", in, 2); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if o.Branches < 1 || s[1]%o.Branches != 0 {
		return nil, fmt.Errorf("scatter_branches: %v does not divide into %d branches", in[0], o.Branches)
	}
	return []Type{Real(s[0]*o.Branches, s[1]/o.Branches)}, nil
}

// Cost implements Op.
func (o ScatterBranches) Cost(in, out []Type) Cost { return perElement(0, in[0], in, out) }
