//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

	"g2c/kernels"
)

// What src/losses.cu sums.
const (
	squares   = 0
	distances = 1
	logits    = 2
)

// lossPiece is the elements of a block: kLossPiece of src/losses.cu.
const lossPiece = 16 * blockThreads

// pieceLoss is a loss of one value a shard: pieces of samples, then their sum.
func (b *builder) pieceLoss(c call, seg kernels.Segments, what int, target, scale float64) {
	samples := c.in[0].Shape[0]
	per := c.in[0].Shape.Len() / samples
	pieces := blocks(per, lossPiece)
	part := b.temporary(8 * samples * pieces)
	a := b.grid("loss_pieces", threads(pieces, samples)).Pointer(c.in[0].at).Pointer(c.operand(1)).Pointer(part)
	ints(a, per, what).Double(target)
	segments(b.grid("add_losses", threads(seg.Shards, 1)).Pointer(part).Pointer(c.out[0].at).Int(pieces), seg, samples).Double(scale)
}

func mse(b *builder, op kernels.MSE, c call) {
	b.pieceLoss(c, op.Segments, squares, op.Target, op.Scale)
}

func bce(b *builder, op kernels.BCE, c call) {
	b.pieceLoss(c, op.Segments, logits, op.Target, op.Scale)
}

func bceGrad(b *builder, op kernels.BCEGrad, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("bce_grad", n).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Int(n)
	reals(a, op.Scale).Double(op.Target)
}

func l1(b *builder, op kernels.L1, c call) { b.pieceLoss(c, op.Segments, distances, 0, op.Scale) }

func mseGrad(b *builder, op kernels.MSEGrad, c call) {
	n := c.out[0].Shape.Len()
	reals(b.elements("mse_grad", n).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Int(n), 2*op.Scale, op.Target)
}

func l1Grad(b *builder, op kernels.L1Grad, c call) {
	n := c.out[0].Shape.Len()
	a := b.elements("l1_grad", n)
	for _, p := range []cu.DevicePtr{c.in[0].at, c.in[1].at, c.in[2].at, c.out[0].at} {
		a.Pointer(p)
	}
	reals(a.Int(n), op.Scale)
}

func softmax(b *builder, _ kernels.Softmax, c call) {
	s := c.in[0].Shape
	ints(b.elements("softmax", s[0]).Pointer(c.in[0].at).Pointer(c.out[0].at), s[0], s[1])
}

func focal(b *builder, op kernels.Focal, c call) {
	softmax(b, kernels.Softmax{}, call{in: c.in[:1], out: c.out[1:]})
	s := c.in[0].Shape
	a := b.elements("focal", op.Shards).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Int(s[1])
	segments(a, op.Segments, s[0]).Double(op.Gamma).Double(op.Scale)
}

func focalGrad(b *builder, op kernels.FocalGrad, c call) {
	s := c.in[0].Shape
	a := b.elements("focal_grad", s[0]).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.in[2].at).Pointer(c.out[0].at)
	ints(a, s[0], s[1]).Double(op.Gamma).Double(op.Scale)
}
