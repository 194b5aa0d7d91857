//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
	"g2c/kernels/cuda/tiles"
)

// A convolution of bf16 whose result the next instruction normalises leaves the moments of
// that result, and the norm does not read it for its statistics. Both run in one segment,
// by launches of their own; RunInstr knows nothing of it.

// momentsPiece is kPiece of src/mma.cuh: pixels whose moments are taken together.
const momentsPiece = 64

// momentsAcross is the across of src/pixel_sum.cu's Plane that makes such pieces.
const momentsAcross = blockThreads / (momentsPiece / pixelsDeep)

// normalised says whether instruction i leaves moments for the one after it. The batch has
// no say, so that a shard has its bits on any device.
func (e *Exec) normalised(i int) bool {
	in := e.program.Instrs[i]
	if !e.neighbours(i) || e.program.Values[in.Out[0]].Type.DType != kernels.BF16 {
		return false
	}
	switch e.program.Instrs[i+1].Op.(type) {
	case kernels.InstanceNorm, kernels.BatchNorm:
	default:
		return false
	}
	y := e.program.Values[in.Out[0]].Type.Shape
	pixels, stride := y[1]*y[2], 1
	switch op := in.Op.(type) {
	case kernels.Conv2D:
	case kernels.Conv2DGradX:
		if stride = op.Stride; op.Mode == kernels.Reflect || y[1]%stride+y[2]%stride != 0 {
			return false
		}
	default:
		return false
	}
	p, err := tiles.Of(in.Op, e.types(in.In))
	return err == nil && pixels%(stride*stride*momentsPiece) == 0 && !tiles.Choose(e.device.capability, p, e.device.tile).Strips
}

// neighbours says whether the instruction after i is of the same segment and reads first
// what i makes.
func (e *Exec) neighbours(i int) bool {
	for _, s := range e.program.Segments {
		if s.From <= i && i+1 < s.To {
			return e.program.Instrs[i].Out[0] == e.program.Instrs[i+1].In[0]
		}
	}
	return false
}

func (e *Exec) types(ids []int) []kernels.Type {
	types := make([]kernels.Type, len(ids))
	for k, id := range ids {
		types[k] = e.program.Values[id].Type
	}
	return types
}

// momentsBytes is the size of the largest moments that any convolution leaves.
func (e *Exec) momentsBytes() int64 {
	most := 0
	for i, in := range e.program.Instrs {
		if e.normalised(i) {
			most = max(most, 2*4*e.program.Values[in.Out[0]].Type.Shape.Len()/momentsPiece)
		}
	}
	return int64(most)
}

// join gives instructions that leave and take moments launches for when they run in their
// segment.
func (e *Exec) join(b *builder) error {
	e.joined = append([][]launch(nil), e.launches...)
	defer func() { b.moments = 0 }()
	b.moments = b.scratch // in front: what is kept
	for i := range e.program.Instrs {
		if !e.normalised(i) {
			continue
		}
		for k := i; k < i+2; k++ {
			l, err := e.prepareOne(b, k)
			if err != nil {
				return err
			}
			e.joined[k] = l
		}
	}
	return nil
}

// left adds the address of the moments that a convolution by a tile leaves, 0 for none; strips
// leave none.
func (b *builder) left(a *driver.Arguments, t tiles.Tile) *driver.Arguments {
	if t.Strips {
		return a
	}
	return a.Pointer(b.moments)
}

// leftBy has the moments of x be those that the convolution before left.
func (p *plane) leftBy(moments cu.DevicePtr) {
	p.across, p.pieces, p.part = momentsAcross, p.pixels/momentsPiece, moments
}
