package train

import (
	"context"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/stain"
	"g2c/model/cyclegan"
	"g2c/model/nn"
	"g2c/model/results"
)

// Stain makes what a branch without a trained network needs, and stores it as the task's
// only checkpoint, step 0: the numbers of a target, the weights that a CycleGAN would begin
// with, or nothing. target is nil for methods that have none. It returns the manifest.
func Stain(ctx context.Context, task api.Task, target *dataset.Set, opt Options) (*checkpoint.Manifest, error) {
	s := task.Stain
	out := results.Stain{Method: s.Method}
	var tensors []safetensors.Tensor
	var err error
	switch {
	case api.Targeted(s.Method):
		tensors, err = fitTarget(ctx, s, target, &out)
	case s.Method == api.MethodRandom:
		tensors, err = drawnGenerator(s)
	}
	if err != nil {
		return nil, err
	}
	m, err := saveWhole(ctx, opt.Repo, task, 0, tensors, out)
	if err != nil {
		return nil, err
	}
	if opt.Progress != nil {
		opt.Progress(Progress{Step: 1, Steps: 1, Epochs: 1, Samples: max(out.Images, 1)})
	}
	return m, nil
}

// fitTarget takes the numbers of a method from the pixels of a set.
func fitTarget(ctx context.Context, s *api.Stain, target *dataset.Set, out *results.Stain) ([]safetensors.Tensor, error) {
	if target.Side() != s.Size {
		return nil, fault.New(fault.ErrData, "images of %d pixels, the task reads %d", target.Side(), s.Size)
	}
	pixels, err := stain.Sample(target.Len(), s.Size*s.Size, func(i int) ([]uint8, error) {
		if err := ctx.Err(); err != nil {
			return nil, fault.New(fault.ErrInterrupted, "stopped at image %d of %d: %w", i, target.Len(), err).WithHint("the same command starts it again")
		}
		return target.Pixels(i)
	})
	if err != nil {
		return nil, err
	}
	out.Images, out.Pixels = target.Len(), len(pixels)/3
	if s.Method == api.MethodReinhard {
		if r, ok := stain.FitReinhard(pixels); ok {
			out.Reinhard = &r
			return paintingOfReinhard(r).tensors, nil
		}
	} else if m, ok := stain.FitMacenko(pixels); ok {
		out.Macenko = &m
		return paintingOfMacenko(m).tensors, nil
	}
	return nil, fault.New(fault.ErrData, "the %d unlabelled images of %s have one colour, or too little tissue: the method %s finds no stains in them", target.Len(), s.Stain, s.Method).
		WithHint("look at data.unlabelled.%s with `g2c data inspect`", s.Stain)
}

// drawnGenerator is the forward generator of a CycleGAN as it begins.
func drawnGenerator(s *api.Stain) ([]safetensors.Tensor, error) {
	m, err := cyclegan.NewTranslator(cyclegan.TranslatorConfig{Size: s.Size, Batch: 1, Generator: GeneratorConfig(*s.Generator)})
	if err != nil {
		return nil, err
	}
	params := nn.ByNet(m.Catalog.Params, cyclegan.GAB)
	values := nn.Initial(params, s.Seed, nn.NetGAB)
	var out []safetensors.Tensor
	for _, p := range params {
		file := make([]float32, p.Shape.Len())
		nn.Export(file, values[p.Name], p.Shape)
		out = append(out, safetensors.Float32(p.Name[len(cyclegan.GAB)+1:], nn.ExportShape(p.Shape), file))
	}
	return out, nil
}
