package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/torchfile"
	"g2c/internal/fault"
	"g2c/worker/foreign"
)

// exporting is what weights are exported as.
type exporting struct{ store, format, names, to string }

// newExport is `g2c export MODEL`.
func newExport() *cobra.Command {
	var e exporting
	var out output
	c := &cobra.Command{
		Use:   "export MODEL --format safetensors|torch [--names g2c|cyclegan] -o FILE",
		Short: "Write a model's weights for other programs",
		Long: `Write a model's weights for other programs.

safetensors is the weights as they are stored, byte for byte. torch is a state dict
that torch.load(FILE, weights_only=True) opens. Names and layouts are PyTorch's;
bench/peers/model.py loads either.

--names cyclegan writes one generator, under the names of the original CycleGAN
(model.1.weight, ...), whose ResnetGenerator of that width and number of blocks loads it
with strict=True where model.generator.up is k3. Biases before an instance norm, which it
has and which change nothing, are zero. It takes images in [-1,1]. Of a fine-tuned model,
--to chooses the generator.

A file that is there is replaced only with --force, unless it holds the same bytes.

` + modelHelp + "\n\n" + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := exported(c, args[0], e)
			if err != nil {
				return err
			}
			if err := out.write(data, args[0]); err != nil {
				return err
			}
			if wantJSON(c) {
				return printJSON(map[string]any{"file": out.path, "format": e.format, "bytes": len(data)})
			}
			fmt.Fprintf(stdout, "%s: %d bytes\n", out.path, len(data))
			return nil
		},
	}
	c.Flags().StringVar(&e.store, "store", defaultStore, "store of the model's key")
	c.Flags().StringVar(&e.format, "format", "safetensors", "safetensors or torch")
	c.Flags().StringVar(&e.names, "names", "g2c", "g2c, or cyclegan: the names of the original CycleGAN's generator")
	c.Flags().StringVar(&e.to, "to", "", "with --names cyclegan: stain whose generator to write (may be left out where there is one)")
	c.Flags().StringVarP(&out.path, "output", "o", "", "file to write")
	addForce(c, &out.force)
	_ = c.MarkFlagRequired("output") // the flag exists
	return c
}

// exported is the bytes of a model in a format.
func exported(c *cobra.Command, model string, e exporting) ([]byte, error) {
	switch e.format {
	case "safetensors", "torch":
	case "onnx":
		return nil, fault.New(fault.ErrUnavailable, "this build does not write ONNX").WithHint("export safetensors or torch")
	default:
		return nil, fault.New(fault.ErrSpec, "there is no format %q", e.format).WithHint("--format is safetensors or torch")
	}
	switch {
	case e.names != "g2c" && e.names != "cyclegan":
		return nil, fault.New(fault.ErrSpec, "there are no names %q", e.names).WithHint("--names is g2c or cyclegan")
	case e.to != "" && e.names == "g2c":
		return nil, fault.New(fault.ErrSpec, "--to chooses a generator, and without --names cyclegan the whole model is written")
	}
	m, err := findModel(c.Context(), e.store, model, api.KindPretrain, api.KindPaired, api.KindFinetune)
	if err != nil {
		return nil, err
	}
	data, weights, err := m.weights(c.Context())
	if err != nil || e.format == "safetensors" && e.names == "g2c" {
		return data, err
	}
	tensors := weights.Tensors
	if e.names == "cyclegan" {
		g, _, err := m.generator(e.to)
		if err != nil {
			return nil, err
		}
		if g.given {
			f := m.task.Finetune
			return nil, fault.New(fault.ErrSpec, "model %s has no generator to %s: the method %s makes that stain", m, f.Stains[g.stain], f.Method(g.stain))
		}
		if tensors, err = foreign.Original(weights, g.Prefix, g.Shape); err != nil {
			return nil, err
		}
	}
	if e.format == "torch" { // a module's state has no place for the numbers of branches without a network
		tensors = slices.DeleteFunc(slices.Clone(tensors), func(t safetensors.Tensor) bool { return t.DType == safetensors.F64 })
	}
	return encoded(tensors, e.format)
}

// encoded is tensors in a format.
func encoded(tensors []safetensors.Tensor, format string) ([]byte, error) {
	var out bytes.Buffer
	if format == "torch" {
		err := torchfile.Write(&out, tensors)
		return out.Bytes(), err
	}
	e, err := safetensors.Encode(tensors, map[string]string{"format": "pt"})
	if err != nil {
		return nil, err
	}
	_, err = e.WriteTo(&out)
	return out.Bytes(), err
}
