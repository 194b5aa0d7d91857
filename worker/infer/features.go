package infer

import (
	"context"
	"fmt"
	"math"
	"strings"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/inception"
	"g2c/model/metrics"
	"g2c/model/nn"
)

// Inception is the network of the kernel Inception distance, with weights that a user brought.
type Inception struct {
	*session
	images, features []float32
	last             string    // size and pixels of the real images that were looked at last
	real             []float32 // their features
}

// inceptionBatch is how many images are looked at a time. Each is looked at alone, so no bit
// depends on it.
const inceptionBatch = 4

// inceptionClasses is how many the network of the FID tells apart. Those that torchvision
// brings tell 1000, and are another network, though all other tensors are called the same.
const inceptionClasses = 1008

// NewInception loads the network from tensors under the names of
// pt_inception-2015-12-05-6726825d.pth, whatever stands before these. What is not that network
// is refused.
func NewInception(d kernels.Device, w *safetensors.File) (*Inception, error) {
	m, err := inception.New(inceptionBatch)
	if err != nil {
		return nil, err
	}
	prefix, err := inceptionPrefix(w)
	if err != nil {
		return nil, err
	}
	if err := safetensors.CheckFinite(w.Tensors); err != nil {
		return nil, err
	}
	rename := func(name string) string { return prefix + name[len(inception.Net)+1:] }
	s, err := open(d, m.State, []*kernels.Program{m.Look}, &m.Catalog, w, rename)
	if err != nil {
		return nil, err
	}
	s.size, s.batch = nn.InceptionSize, inceptionBatch
	n := inceptionBatch
	return &Inception{
		session: s, images: make([]float32, n*3*nn.InceptionSize*nn.InceptionSize), features: make([]float32, n*nn.InceptionFeatures),
	}, nil
}

const bringInception = "bring pt_inception-2015-12-05-6726825d.pth, which pytorch-fid downloads"

// inceptionPrefix is what stands before the names of the network's tensors.
func inceptionPrefix(w *safetensors.File) (string, error) {
	const first, last = "Conv2d_1a_3x3.conv.weight", "fc.weight"
	for _, t := range w.Tensors {
		prefix, ok := strings.CutSuffix(t.Name, first)
		if !ok {
			continue
		}
		fc, ok := w.Tensor(prefix + last)
		if !ok || len(fc.Shape) != 2 {
			return "", fault.New(fault.ErrData, "these weights of an Inception network lack %s, by which that of the distance is told from torchvision's", prefix+last).WithHint(bringInception)
		}
		if fc.Shape[0] != inceptionClasses {
			return "", fault.New(fault.ErrData, "these are weights of an Inception network of %d classes: that of the distance has %d, and other averages", fc.Shape[0], inceptionClasses).WithHint(bringInception)
		}
		return prefix, nil
	}
	return "", fault.New(fault.ErrData, "these are not the weights of an Inception network: none is called %s", first).WithHint(bringInception)
}

// Features looks at n images of a size in pixels, 8-bit RGB, n·size·size·3 bytes: 2048 numbers
// each. Images are brought to 299×299 as pytorch-fid does it: bilinearly, without smoothing,
// corners not aligned, in [-1,1].
func (in *Inception) Features(ctx context.Context, pixels []uint8, size int) ([]float32, error) {
	image := 3 * size * size
	if size < 1 || len(pixels) == 0 || len(pixels)%image != 0 {
		return nil, fmt.Errorf("infer: %d bytes are no images of %d×%d pixels", len(pixels), size, size)
	}
	n := len(pixels) / image
	out := make([]float32, 0, n*nn.InceptionFeatures)
	r := newResize(size, nn.InceptionSize)
	for first := 0; first < n; first += inceptionBatch {
		if err := ctx.Err(); err != nil {
			return nil, fault.New(fault.ErrInterrupted, "stopped at image %d of %d: %w", first, n, err)
		}
		for i := range inceptionBatch {
			at := min(first+i, n-1)
			r.resize(in.images[i*3*nn.InceptionSize*nn.InceptionSize:][:3*nn.InceptionSize*nn.InceptionSize], pixels[at*image:][:image])
		}
		if err := in.state.PutF32(inception.Images, in.images); err != nil {
			return nil, err
		}
		if err := in.execs[0].Run(); err != nil {
			return nil, err
		}
		if err := in.state.GetF32(inception.Features, in.features); err != nil {
			return nil, err
		}
		last := min(first+inceptionBatch, n)
		out = append(out, in.features[:(last-first)*nn.InceptionFeatures]...)
		if in.Progress != nil {
			in.Progress(last, n)
		}
	}
	return out, nil
}

// KID is the kernel Inception distance of generated images to real ones, and its standard
// error: metrics.KID of their features. Features of the real images are kept for the next
// call, as generators are judged by the same ones before and after.
func (in *Inception) KID(ctx context.Context, generated, real []uint8, size int) (value, se float64, err error) {
	made, err := in.Features(ctx, generated, size)
	if err != nil {
		return 0, 0, err
	}
	at := fmt.Sprint(size, " ", string(real))
	if at != in.last {
		features, err := in.Features(ctx, real, size)
		if err != nil {
			return 0, 0, err
		}
		in.last, in.real = at, features
	}
	value, se = metrics.KID(made, in.real, nn.InceptionFeatures)
	return value, se, nil
}

// resize brings square images of a side to another one, bilinearly.
// Source: torch.nn.functional.interpolate(mode="bilinear", align_corners=False, antialias=False).
type resize struct {
	from, to  int
	low, high []int
	weight    []float64 // of high
}

func newResize(from, to int) *resize {
	r := &resize{from: from, to: to, low: make([]int, to), high: make([]int, to), weight: make([]float64, to)}
	scale := float64(from) / float64(to)
	for i := range to {
		at := max(float64((float64(i)+0.5)*scale)-0.5, 0)
		low := math.Floor(at)
		r.low[i], r.high[i], r.weight[i] = int(low), min(int(low)+1, from-1), at-low
	}
	return r
}

// resize writes an image of bytes as numbers in [-1,1].
func (r *resize) resize(to []float32, from []uint8) {
	mix := func(a, b, w float64) float64 { return float64(a*(1-w)) + float64(b*w) }
	for y := range r.to {
		top, bottom := from[3*r.from*r.low[y]:], from[3*r.from*r.high[y]:]
		for x := range r.to {
			a, b := 3*r.low[x], 3*r.high[x]
			for c := range 3 {
				v := mix(
					mix(float64(top[a+c]), float64(top[b+c]), r.weight[x]),
					mix(float64(bottom[a+c]), float64(bottom[b+c]), r.weight[x]), r.weight[y])
				to[3*(y*r.to+x)+c] = float32(float64(2*v/255) - 1)
			}
		}
	}
}
