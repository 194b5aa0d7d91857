package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint/torchfile"
	"g2c/internal/fault"
)

// newExport is `g2c export MODEL`.
func newExport() *cobra.Command {
	var storeDir, format string
	var out output
	c := &cobra.Command{
		Use:   "export MODEL --format safetensors|torch -o FILE",
		Short: "Write a model's weights for other programs",
		Long: `Write a model's weights for other programs.

safetensors is the weights as they are stored, byte for byte. torch is a state dict
that torch.load(FILE, weights_only=True) opens. Names and layouts are PyTorch's;
bench/peers/model.py loads either.

A file that is there is replaced only with --force, unless it holds the same bytes.

` + modelHelp + "\n\n" + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := exported(c, storeDir, args[0], format)
			if err != nil {
				return err
			}
			if err := out.write(data, args[0]); err != nil {
				return err
			}
			if wantJSON(c) {
				return printJSON(map[string]any{"file": out.path, "format": format, "bytes": len(data)})
			}
			fmt.Fprintf(stdout, "%s: %d bytes\n", out.path, len(data))
			return nil
		},
	}
	c.Flags().StringVar(&storeDir, "store", defaultStore, "store of the model's key")
	c.Flags().StringVar(&format, "format", "safetensors", "safetensors or torch")
	c.Flags().StringVarP(&out.path, "output", "o", "", "file to write")
	addForce(c, &out.force)
	_ = c.MarkFlagRequired("output") // the flag exists
	return c
}

// exported is the bytes of a model in a format.
func exported(c *cobra.Command, storeDir, model, format string) ([]byte, error) {
	switch format {
	case "safetensors", "torch":
	case "onnx":
		return nil, fault.New(fault.ErrUnavailable, "this build does not write ONNX").WithHint("export safetensors or torch")
	default:
		return nil, fault.New(fault.ErrSpec, "there is no format %q", format).WithHint("--format is safetensors or torch")
	}
	m, err := findModel(c.Context(), storeDir, model, api.KindPretrain, api.KindFinetune)
	if err != nil {
		return nil, err
	}
	data, weights, err := m.weights(c.Context())
	if err != nil || format == "safetensors" {
		return data, err
	}
	var out bytes.Buffer
	if err := torchfile.Write(&out, weights.Tensors); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
