//go:build gpu

package cuda

import (
	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// pooling adds Pooling of src/pool.cu.
func pooling(a *driver.Arguments, o kernels.Window, x, y kernels.Shape) {
	a.Struct(o.K, o.Stride, o.Pad, x[1], x[2], y[1], y[2], x[3])
}

func maxPool(b *builder, op kernels.MaxPool, c call) {
	n := c.out[0].Shape.Len()
	pooling(b.elements("max_pool", n).Pointer(c.in[0].at).Pointer(c.out[0].at).Pointer(c.out[1].at).Int(n), op.Window, c.in[0].Shape, c.out[0].Shape)
}

func maxPoolGrad(b *builder, op kernels.MaxPoolGrad, c call) {
	n := c.out[0].Shape.Len()
	pooling(b.elements("max_pool_grad", n).Pointer(c.in[0].at).Pointer(c.in[1].at).Pointer(c.out[0].at).Int(n), op.Window, c.out[0].Shape, c.in[0].Shape)
}

func avgPool(b *builder, op kernels.AvgPool, c call) {
	n := c.out[0].Shape.Len()
	pooling(b.elements("avg_pool", n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n), op.Window, c.in[0].Shape, c.out[0].Shape)
}

func avgPoolGrad(b *builder, op kernels.AvgPoolGrad, c call) {
	n := c.out[0].Shape.Len()
	pooling(b.elements("avg_pool_grad", n).Pointer(c.in[0].at).Pointer(c.out[0].at).Int(n), op.Window, c.out[0].Shape, c.in[0].Shape)
}
