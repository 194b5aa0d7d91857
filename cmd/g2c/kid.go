package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/weightfile"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/metrics"
	"g2c/worker/infer"
)

// addInception defines the flag that brings the network of the kernel Inception distance.
func addInception(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "inception", "", "weights of the Inception network of the FID, for the KID: pt_inception-2015-12-05-6726825d.pth, or safetensors of its tensors")
}

// inceptionFile is the network of a file, opened on a device when it is asked.
type inceptionFile struct {
	hash    string // SHA-256 of the file
	weights *safetensors.File
	device  func() (kernels.Device, error)
	network *infer.Inception
}

// readInception reads the weights of the network.
func readInception(path string) (*inceptionFile, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fault.New(fault.ErrNotFound, "there is no file %s", path).WithHint("pytorch-fid downloads pt_inception-2015-12-05-6726825d.pth; g2c brings none")
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read the Inception network: %w", err)
	}
	contents, err := weightfile.Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	return &inceptionFile{hash: hex.EncodeToString(sum[:]), weights: &safetensors.File{Tensors: contents.Tensors}}, nil
}

// open opens the network unless it is.
func (f *inceptionFile) open() (*infer.Inception, error) {
	if f.network != nil {
		return f.network, nil
	}
	d, err := f.device()
	if err == nil {
		f.network, err = infer.NewInception(d, f.weights)
	}
	return f.network, err
}

func (f *inceptionFile) close() {
	if f.network != nil {
		f.network.Close()
		f.network = nil
	}
}

// KID implements authentic.Features.
func (f *inceptionFile) KID(ctx context.Context, generated, real []uint8, size int) (value, se float64, err error) {
	network, err := f.open()
	if err != nil {
		return 0, 0, err
	}
	return network.KID(ctx, generated, real, size)
}

// newKID is `g2c kid GENERATED REAL --inception FILE`.
func newKID() *cobra.Command {
	var f kidFlags
	c := &cobra.Command{
		Use:   "kid GENERATED REAL --inception FILE",
		Short: "Measure how far generated images are from real ones: the kernel Inception distance",
		Long: `Measure how far generated images are from real ones: the kernel Inception distance
(Bińkowski et al. 2018), the unbiased estimate over all pairs, and its standard error.
GENERATED and REAL are folders, globs or images; those of --size are taken as they are,
others are cropped and resized to it as for training. It is 0 where both are drawn from
the same, and may be a little below.

The network is brought by --inception: that of the FID, of TensorFlow's, which other
programs download as pt_inception-2015-12-05-6726825d.pth. Images are brought to its
299 pixels as pytorch-fid does it, bilinearly and without smoothing. How images were
resized and compressed moves the value: compare only what was made alike, and as many.

` + exitCodes,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return f.measure(c, args[0], args[1]) },
	}
	addInception(c, &f.inception)
	c.Flags().IntVar(&f.size, "size", 0, "side in pixels to which images are fitted before (required)")
	c.Flags().StringVar(&f.fit, "fit", "resize", "how they are: as data.fit of a spec")
	addDevice(c, &f.device, "auto, cpu, cuda, cuda:1 or ref")
	f.imageFlags.add(c)
	_ = c.MarkFlagRequired("inception") // the flags exist
	_ = c.MarkFlagRequired("size")
	return c
}

type kidFlags struct {
	inception, device, fit string
	size                   int
	imageFlags
}

// distance is `g2c kid --json`.
type distance struct {
	KID       metrics.Number `json:"kid"`
	SE        metrics.Number `json:"se"`
	Generated int            `json:"generated"`
	Real      int            `json:"real"`
	Size      int            `json:"size"`
	Inception string         `json:"inception"` // SHA-256 of the file
}

func (f *kidFlags) measure(c *cobra.Command, generated, real string) error {
	ctx := c.Context()
	network, err := readInception(f.inception)
	if err != nil {
		return err
	}
	images, err := openImages(ctx, []string{generated, real}, &f.imageFlags, f.size, f.fit)
	if err != nil {
		return err
	}
	var pixels [2][]uint8
	for k, group := range images {
		for i := range group.set.Len() {
			p, err := group.set.Pixels(i)
			if err != nil {
				return err
			}
			pixels[k] = append(pixels[k], p...)
		}
		if n := group.set.Len(); n < 2 {
			return fault.New(fault.ErrData, "%s has %s: a distance takes two at least", []string{generated, real}[k], plural(n, "image"))
		}
	}
	d, err := openDevice(f.device)
	if err != nil {
		return err
	}
	defer d.Close()
	network.device = func() (kernels.Device, error) { return d, nil }
	defer network.close()
	if _, err := network.open(); err != nil {
		return fmt.Errorf("%s: %w", f.inception, err)
	}
	network.network.Progress = imagesOf("looking")
	value, se, err := network.KID(ctx, pixels[0], pixels[1], f.size)
	if err != nil {
		return err
	}
	out := distance{metrics.Number(value), metrics.Number(se), images[0].set.Len(), images[1].set.Len(), f.size, network.hash}
	if wantJSON(c) {
		return printJSON(out)
	}
	fmt.Fprintf(stdout, "KID %.5f ± %.5f (standard error), %s generated, %d real, %d pixels\n", value, se, plural(out.Generated, "image"), out.Real, out.Size)
	return nil
}
