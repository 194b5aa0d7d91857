// Package weightfile reads a file of weights by what it is, whatever it is called: a
// safetensors file, or one of torch.save. What is neither is called what it is. The
// package knows no network.
package weightfile

import (
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/torchfile"
	"g2c/internal/fault"
	"g2c/internal/filekind"
)

// Read reads the tensors of a file. A file that holds no weights is an error of class
// fault.ErrData that says what it is instead.
func Read(data []byte) (*torchfile.Contents, error) {
	switch kind := filekind.Of(data); kind {
	case filekind.Safetensors:
		f, err := safetensors.Decode(data)
		if err != nil {
			return nil, err
		}
		return &torchfile.Contents{Tensors: f.Tensors}, nil
	case filekind.Zip, filekind.Pickle:
		return torchfile.Read(data)
	default:
		if !kind.Known() {
			return nil, fault.New(fault.ErrData, "it is no file of weights: neither safetensors nor of torch.save").
				WithHint("files of torch.save (.pth, .pt, .ckpt) and .safetensors are read")
		}
		e := fault.New(fault.ErrData, "it is %s, and no file of weights", kind.Name)
		if kind.Remedy == "" {
			return nil, e.WithHint("files of torch.save (.pth, .pt, .ckpt) and .safetensors are read")
		}
		return nil, e.WithHint("%s", kind.Remedy)
	}
}
