package kernels

import "fmt"

// BatchNorm is, over the samples and pixels of each shard v,
//
//	m = mean(x[.,c]); var = mean((x[.,c]-m)^2)                     // biased
//	y = act(gamma[c] * (x-m) / sqrt(var+eps) + beta[c] + res)
//
// x: (N,H,W,C); gamma, beta: (C); res: like x, or absent; y like x; stats:
// (V,2,C) holds each shard's mean, then its biased variance, for the backward
// pass and the running statistics. act is None or ReLU. Sums: PixelSum over the
// shard's samples.
// Source: torch.nn.BatchNorm2d in training mode; paper, Inception-v4 stem and
// residual blocks.
type BatchNorm struct {
	Segments
	Act Act
	Eps float64
}

// Name implements Op.
func (BatchNorm) Name() string { return "batch_norm" }

// Attrs implements Op.
func (o BatchNorm) Attrs() string {
	return fmt.Sprintf("act=%v eps=%g %v", o.Act, o.Eps, o.Segments)
}

// Infer implements Op: operands x, gamma, beta and optionally res; results y,
// stats.
func (o BatchNorm) Infer(in []Type) ([]Type, error) {
	ranks := []int{4, 1, 1, 4}
	if err := wantHalf("batch_norm", o.Halves(len(in)), in, ranks[:min(max(len(in), 3), 4)]...); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if err := o.check(x[0]); err != nil {
		return nil, fmt.Errorf("batch_norm: %w", err)
	}
	if o.Per(x[0])*o.Groups*x[1]*x[2] < 2 {
		return nil, fmt.Errorf("batch_norm: a shard of x %v holds one value per channel", x)
	}
	if err := wantAffine("batch_norm", in, x); err != nil {
		return nil, err
	}
	return []Type{in[0], Real(o.Shards, 2, x[3])}, nil
}

// wantAffine checks operands gamma, beta and res, from index 1.
func wantAffine(op string, in []Type, x Shape) error {
	for i, name := range []string{"gamma", "beta"} {
		if err := wantShape(op, name, in[1+i], x[3]); err != nil {
			return err
		}
	}
	if len(in) == 4 {
		return wantShape(op, "res", in[3], x...)
	}
	return nil
}

// Halves implements Halvable.
func (BatchNorm) Halves(int) []int { return []int{0, 3} }

// Cost implements Op.
func (o BatchNorm) Cost(in, out []Type) Cost { return perElement(9, in[0], in, out) }

// BatchNormGrad is the gradient of BatchNorm, with h = (x-m)*rstd, rstd =
// 1/sqrt(var+eps), g = dy where act is None or y > 0, else 0, and means over the
// samples and pixels of a shard:
//
//	dgamma[v,c] = sum(g*h); dbeta[v,c] = sum(g); dres = g
//	dx = gamma[c] * rstd * (g - mean(g) - h * mean(g*h))
//
// dy, x, y: (N,H,W,C); gamma: (C); stats: (V,2,C). Operand y is absent when act
// is None. Results dx, dgamma (V,C), dbeta (V,C), and dres only when Res is set.
// Sums: PixelSum over the shard's samples.
// Source: torch.nn.BatchNorm2d in training mode.
type BatchNormGrad struct {
	Segments
	Act Act
	Eps float64
	Res bool
}

// Name implements Op.
func (BatchNormGrad) Name() string { return "batch_norm_grad" }

// Attrs implements Op.
func (o BatchNormGrad) Attrs() string {
	return fmt.Sprintf("act=%v eps=%g res=%v %v", o.Act, o.Eps, o.Res, o.Segments)
}

// Infer implements Op: operands dy, x, gamma, stats and, with an activation, y.
func (o BatchNormGrad) Infer(in []Type) ([]Type, error) {
	ranks := []int{4, 4, 1, 3, 4}
	if o.Act == None {
		ranks = ranks[:4]
	}
	if err := wantHalf("batch_norm_grad", o.Halves(len(in)), in, ranks...); err != nil {
		return nil, err
	}
	x := in[1].Shape
	if err := o.check(x[0]); err != nil {
		return nil, fmt.Errorf("batch_norm_grad: %w", err)
	}
	if err := wantShape("batch_norm_grad", "dy", in[0], x...); err != nil {
		return nil, err
	}
	if err := wantShape("batch_norm_grad", "gamma", in[2], x[3]); err != nil {
		return nil, err
	}
	if err := wantShape("batch_norm_grad", "stats", in[3], o.Shards, 2, x[3]); err != nil {
		return nil, err
	}
	if o.Act != None {
		if err := wantShape("batch_norm_grad", "y", in[4], x...); err != nil {
			return nil, err
		}
	}
	out := []Type{in[1], Real(o.Shards, x[3]), Real(o.Shards, x[3])}
	if o.Res {
		out = append(out, in[1])
	}
	return out, nil
}

// Halves implements Halvable.
func (BatchNormGrad) Halves(int) []int { return []int{0, 1, 4} }

// Cost implements Op.
func (o BatchNormGrad) Cost(in, out []Type) Cost { return perElement(12, in[1], in, out) }

// BatchNormInfer is batch norm in evaluation mode:
//
//	y = act(gamma[c] * (x-mean[c]) / sqrt(var[c]+eps) + beta[c] + res)
//
// x: (N,H,W,C); gamma, beta, mean, var: (C); res like x, or absent; y like x.
// Source: torch.nn.BatchNorm2d in evaluation mode.
type BatchNormInfer struct {
	Act Act
	Eps float64
}

// Name implements Op.
func (BatchNormInfer) Name() string { return "batch_norm_infer" }

// Attrs implements Op.
func (o BatchNormInfer) Attrs() string { return fmt.Sprintf("act=%v eps=%g", o.Act, o.Eps) }

// Infer implements Op: operands x, gamma, beta, mean, var and optionally res.
func (o BatchNormInfer) Infer(in []Type) ([]Type, error) {
	ranks := []int{4, 1, 1, 1, 1, 4}
	if err := wantHalf("batch_norm_infer", o.Halves(len(in)), in, ranks[:min(max(len(in), 5), 6)]...); err != nil {
		return nil, err
	}
	x := in[0].Shape
	for i, name := range []string{"gamma", "beta", "mean", "var"} {
		if err := wantShape("batch_norm_infer", name, in[1+i], x[3]); err != nil {
			return nil, err
		}
	}
	if len(in) == 6 {
		if err := wantShape("batch_norm_infer", "res", in[5], x...); err != nil {
			return nil, err
		}
	}
	return []Type{in[0]}, nil
}

// Halves implements Halvable.
func (BatchNormInfer) Halves(int) []int { return []int{0, 5} }

// Cost implements Op.
func (o BatchNormInfer) Cost(in, out []Type) Cost { return perElement(5, in[0], in, out) }

// RunningStats updates batch norm's running statistics in place from the tree
// sums of the shards' means and biased variances:
//
//	mean = (1-momentum)*mean + momentum * sums[0]/V
//	var  = (1-momentum)*var  + momentum * sums[1]/V * n/(n-1)
//
// mean, var: (C); sums: (2,C). V is the number of shards of the global batch and
// n = Count the values per channel in one shard.
// Source: spec, "Shards and the tree"; torch.nn.BatchNorm2d.
type RunningStats struct {
	Momentum float64
	Shards   int
	Count    int
}

// Name implements Op.
func (RunningStats) Name() string { return "running_stats" }

// Attrs implements Op.
func (o RunningStats) Attrs() string {
	return fmt.Sprintf("momentum=%g shards=%d count=%d", o.Momentum, o.Shards, o.Count)
}

// Infer implements Op: operands mean, var, sums; results mean and var again.
func (o RunningStats) Infer(in []Type) ([]Type, error) {
	if err := want("running_stats", in, 1, 1, 2); err != nil {
		return nil, err
	}
	c := in[0].Shape[0]
	if err := wantShape("running_stats", "var", in[1], c); err != nil {
		return nil, err
	}
	if err := wantShape("running_stats", "sums", in[2], 2, c); err != nil {
		return nil, err
	}
	return []Type{in[0], in[1]}, nil
}

// Cost implements Op.
func (o RunningStats) Cost(in, out []Type) Cost { return perElement(4, in[2], in, out) }

// Overwrites implements InPlace: the results are the operands.
func (RunningStats) Overwrites() [][2]int { return [][2]int{{0, 0}, {1, 1}} }
