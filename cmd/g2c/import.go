package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/store"
	"g2c/checkpoint/torchfile"
	"g2c/checkpoint/weightfile"
	"g2c/internal/fault"
	"g2c/internal/residue"
	"g2c/worker/foreign"
)

// newImport is `g2c import FILE -o MODEL`.
func newImport() *cobra.Command {
	var o foreign.Options
	var from, output string
	c := &cobra.Command{
		Use:   "import FILE --from torch -o MODEL",
		Short: "Take weights from PyTorch",
		Long: `Take weights from PyTorch: a file of torch.save (.pth, .pt, .ckpt) with a state dict
in it, or a .safetensors file. Which it is, is told by its bytes.

Known are generators (head.weight, ...), those of the original CycleGAN
(model.1.weight, ...), and whole models (generators.0.*, classifier.*). Widths, depths and
the way up are read off the tensors: published weights of the original are 64 wide, of 6
or 9 blocks, and go up by 3x3 transposed convolutions; a spec that takes one says so:
model.generator: {width: 64, blocks: 9, up: k3}. What the original has and what changes
nothing (biases before a norm, running statistics of old files) is dropped, and said.
Norms with learnt weights (affine=True, batch norm) and other networks are refused.

The names may have any prefix: module. of DataParallel, _orig_mod. of torch.compile,
a Lightning module's attribute, the keys of dicts in the file. A file of several networks
needs --select NAME; without it they are listed. --ema takes the moving averages of
weights (params_ema, model_ema, ...), where there are both. Other tensors, such as an
optimizer's, are left out. Objects beside the weights (numpy scalars, argparse.Namespace)
are passed over: no code in the file is ever run. Weights with NaN or infinity are refused.

MODEL is a new folder or s3://BUCKET/PREFIX, a store of one model: give it to predict, translate and
export, or to generators in a spec.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if from != "torch" {
				return fault.New(fault.ErrSpec, "weights cannot be taken from %q", from).WithHint("--from is torch")
			}
			return importModel(c, args[0], output, o)
		},
	}
	c.Flags().StringVar(&from, "from", "torch", "torch: .pth or .safetensors with PyTorch's names and layouts")
	c.Flags().StringVarP(&output, "output", "o", "", "folder or s3://BUCKET/PREFIX to make")
	c.Flags().StringVar(&o.Select, "select", "", "network to take from a file of several, by its name or the end of it")
	c.Flags().BoolVar(&o.EMA, "ema", false, "take the moving averages of weights (ema in the name)")
	c.Flags().StringVar(&o.Source, "source", "PAS", "stain that the model takes")
	c.Flags().StringSliceVar(&o.Stains, "stain", nil, "stain that the generator makes; one for each, in alphabetical order")
	c.Flags().IntVar(&o.Size, "size", 224, "side of its images in pixels")
	c.Flags().StringVar(&o.PositiveName, "positive", "positive", "class of the classifier's first output")
	c.Flags().StringVar(&o.NegativeName, "negative", "negative", "class of its second output")
	_ = c.MarkFlagRequired("output") // the flag exists
	return c
}

// imported is what `g2c import --json` prints.
type imported struct {
	Model         string   `json:"model"`
	Key           string   `json:"key"`
	Kind          string   `json:"kind"`
	WeightsSHA256 string   `json:"weightsSHA256"`
	Notices       []string `json:"notices"`
}

func importModel(c *cobra.Command, path, output string, o foreign.Options) error {
	contents, err := readForeign(path)
	if err != nil {
		return err
	}
	device, err := openDevice("cpu")
	if err != nil {
		return err
	}
	o.Numerics = device.Class()
	if err := device.Close(); err != nil {
		return err
	}
	m, err := foreign.Convert(contents.Tensors, o)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if notice := passedOver(contents.Passed); notice != "" {
		m.Notices = append(m.Notices, notice)
	}
	manifest, err := saveModel(c.Context(), output, m)
	if err != nil {
		return err
	}
	for _, n := range m.Notices {
		say("note: %s", n)
	}
	if wantJSON(c) {
		return printJSON(imported{output, manifest.Task, string(manifest.Kind), manifest.WeightsSHA256(), append([]string{}, m.Notices...)})
	}
	fmt.Fprintf(stdout, "%s: %s\n", output, manifest)
	return nil
}

// readForeign reads a file of weights, whichever format it has.
func readForeign(path string) (*torchfile.Contents, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.ErrNotFound, "there is no file %s", path)
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read weights: %w", err)
	}
	c, err := weightfile.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// passedOver says which objects of a file were not looked at.
func passedOver(passed []torchfile.Passed) string {
	const some = 3
	var names []string
	for _, p := range passed[:min(len(passed), some)] {
		names = append(names, p.String())
	}
	if len(names) == 0 {
		return ""
	}
	if more := len(passed) - some; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "passed over, unread: " + strings.Join(names, "; ")
}

// saveModel makes a store of one model.
func saveModel(ctx context.Context, dir string, m *foreign.Model) (checkpoint.Manifest, error) {
	if err := mustBeNewStore(ctx, dir); err != nil {
		return checkpoint.Manifest{}, err
	}
	s, err := openStore(ctx, dir)
	if err != nil {
		return checkpoint.Manifest{}, err
	}
	description, err := json.Marshal(m.Task)
	if err != nil {
		return checkpoint.Manifest{}, err
	}
	return checkpoint.New(s).Save(ctx, checkpoint.Snapshot{
		Kind: checkpoint.Kind(m.Task.Kind), Task: m.Task.Key().String(), Class: m.Task.Numerics, Final: true,
		Description: description, Payloads: map[string]store.Body{checkpoint.Weights: m.Weights},
	})
}

// mustBeNewStore refuses a store with anything in it.
func mustBeNewStore(ctx context.Context, path string) error {
	if !s3store.Is(path) {
		return mustBeNew(path)
	}
	_, err := openRead(ctx, path)
	switch {
	case errors.Is(err, fault.ErrNotFound):
		return nil
	case err == nil:
		return fault.New(fault.ErrSpec, "%s is not empty", path).WithHint("name another prefix")
	}
	return err
}

// mustBeNew refuses a folder with anything in it but what systems leave.
func mustBeNew(dir string) error {
	entries, err := os.ReadDir(dir)
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return residue.Is(e.Name()) })
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return fault.New(fault.ErrUnavailable, "folder %s: %w", dir, err)
	}
	return fault.New(fault.ErrSpec, "folder %s is not empty", dir).WithHint("name a new one, or remove what is in it")
}
