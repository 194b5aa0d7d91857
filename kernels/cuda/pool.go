//go:build gpu

package cuda

import (
	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// pool launches a kernel over the elements of out, width(channels) a thread.
func (b *builder) pool(name string, out kernels.Shape) *driver.Arguments {
	channels := out[3]
	return b.elements(b.wide(name, channels), out.Len()/b.width(channels))
}

// pooling adds Pooling of src/pool.cu.
func pooling(a *driver.Arguments, o kernels.Window, x, y kernels.Shape) {
	flag := func(on bool) int {
		if on {
			return 1
		}
		return 0
	}
	a.Struct(o.K, o.Stride, o.Pad, flag(o.Inside), flag(o.Differ()), x[1], x[2], y[1], y[2], x[3])
}

func maxPool(b *builder, op kernels.MaxPool, c call) {
	y := c.out[0].Shape
	pooling(b.pool("max_pool", y).Pointer(c.in[0].at).Pointer(c.out[0].at).Pointer(c.out[1].at).Int(y.Len()), op.Window, c.in[0].Shape, y)
}

func maxPoolGrad(b *builder, op kernels.MaxPoolGrad, c call) {
	x := c.out[0].Shape
	pooling(b.pool("max_pool_grad", x).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Int(x.Len()), op.Window, x, c.in[0].Shape)
}

func avgPool(b *builder, op kernels.AvgPool, c call) {
	y := c.out[0].Shape
	pooling(b.pool("avg_pool", y).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(y.Len()), op.Window, c.in[0].Shape, y)
}

func avgPoolGrad(b *builder, op kernels.AvgPoolGrad, c call) {
	x := c.out[0].Shape
	pooling(b.pool("avg_pool_grad", x).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(x.Len()), op.Window, x, c.in[0].Shape)
}
