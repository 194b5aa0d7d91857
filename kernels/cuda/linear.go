//go:build gpu

package cuda

import "g2c/kernels"

func linear(b *builder, _ kernels.Linear, c call) {
	n, in, out := c.in[0].Shape[0], c.in[0].Shape[1], c.out[0].Shape[1]
	ints(b.elements("linear", n*out).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.in[2].at).Pointer(c.out[0].at), n, in, out)
}

func linearGradX(b *builder, _ kernels.LinearGradX, c call) {
	n, out, in := c.in[0].Shape[0], c.in[0].Shape[1], c.out[0].Shape[1]
	ints(b.elements("linear_grad_x", n*in).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at), n, in, out)
}

func linearGradW(b *builder, op kernels.LinearGradW, c call) {
	n, in, out := c.in[0].Shape[0], c.in[0].Shape[1], c.in[1].Shape[1]
	a := b.elements("linear_grad_w", op.Shards*out*in).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at)
	ints(segments(a, op.Segments, n), in, out)
}
