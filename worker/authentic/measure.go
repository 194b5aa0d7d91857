package authentic

import (
	"context"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/model/metrics"
	"g2c/model/results"
	"g2c/worker/train"
)

// MaxImages bounds the images that generators are judged on, and the real ones beside them,
// as pretrainings do.
const MaxImages = 32

// MaxShown is how many of the images are kept for people to look at.
const MaxShown = 3

// Features measures distances in a network's features.
type Features interface {
	// KID is the kernel Inception distance of generated images to real ones, with its
	// standard error: n·size·size·3 bytes each, RGB.
	KID(ctx context.Context, generated, real []uint8, size int) (value, sd float64, err error)
}

// Branch is a generator of a fine-tuning that was trained before.
type Branch struct {
	Number     int // of its stain
	Key        api.Key
	Pretrained *safetensors.File
	Backward   *safetensors.File // the way back to the source; nil where nobody kept it
	Target     *dataset.Set      // real images of the stain, of the generators' side or larger; nil where there are none
}

// Input is what a fine-tuning's generators are judged by.
type Input struct {
	Task     *api.Finetune
	Weights  *safetensors.File // selected
	Branches []Branch
	Images   *dataset.Set // of the source stain and the generators' side
	Of       string       // results.OfTest or results.OfUnlabelled
	Truth    train.Truth  // of the same images; nil where nobody knows it
	Features Features     // nil for none
}

// Trained are the branches of a fine-tuning, by number, whose generators were trained before:
// what is drawn by a formula or at random has no stain to lose.
func Trained(f *api.Finetune) []int {
	var out []int
	for i := range f.Stains {
		if f.Method(i) == "" {
			out = append(out, i)
		}
	}
	return out
}

// Spread are n of a set's images, or all: at equal distances in the set's order, from the
// first on, so that they are of many patients and of every class.
func Spread(set *dataset.Set, n int) *dataset.Set {
	all := set.Len()
	if all <= n {
		return set
	}
	wanted := map[int]bool{}
	for i := range n {
		wanted[i*all/n] = true
	}
	i := -1
	return set.Select(func(dataset.Image) bool { i++; return wanted[i] })
}

// Measure judges the generators of a fine-tuning.
func Measure(ctx context.Context, d kernels.Device, in Input) (*results.Authenticity, *results.Shown, error) {
	f := in.Task
	source, err := train.Normalised(Spread(in.Images, MaxImages), f.Normaliser, in.Weights)
	if err != nil {
		return nil, nil, err
	}
	if source.Len() == 0 {
		return nil, nil, fault.New(fault.ErrData, "no image of %s to judge generators on", f.Source)
	}
	m := &measuring{ctx: ctx, device: d, in: in, source: source, size: f.Size}
	if m.pixels, err = pixelsOf(source); err != nil {
		return nil, nil, err
	}
	out := &results.Authenticity{Version: results.AuthenticityVersion, Of: in.Of, Images: source.Len()}
	sample := &results.Shown{Size: f.Size, Source: m.shown(m.pixels)}
	for _, i := range m.places() {
		sample.Names = append(sample.Names, source.Image(i).Name)
	}
	for _, b := range in.Branches {
		judged, looks, err := m.branch(b)
		if err != nil {
			return nil, nil, fmt.Errorf("generator of %s: %w", f.Stains[b.Number], err)
		}
		out.Generators, sample.Stains = append(out.Generators, *judged), append(sample.Stains, *looks)
	}
	return out, sample, nil
}

// measuring is a measurement as it goes on.
type measuring struct {
	ctx    context.Context
	device kernels.Device
	in     Input
	source *dataset.Set
	size   int
	pixels []uint8 // of the source
}

// places are the numbers of the images that are shown.
func (m *measuring) places() []int {
	n := m.source.Len()
	var out []int
	for i := range min(MaxShown, n) {
		out = append(out, i*n/min(MaxShown, n))
	}
	return out
}

// shown are those of some images that people see.
func (m *measuring) shown(pixels []uint8) []uint8 {
	if pixels == nil {
		return nil
	}
	var out []uint8
	image := m.size * m.size * 3
	for _, i := range m.places() {
		out = append(out, pixels[i*image:][:image]...)
	}
	return out
}

// branch judges one generator before and after.
func (m *measuring) branch(b Branch) (*results.Authentic, *results.ShownStain, error) {
	f := m.in.Task
	stain, prefix := f.Stains[b.Number], g2c.GeneratorNet(b.Number)+"."
	var by beside
	var err error
	if by.truth, err = m.truth(stain); err != nil {
		return nil, nil, err
	}
	if b.Target != nil {
		if by.real, by.colour, err = target(b.Target, m.size); err != nil {
			return nil, nil, err
		}
	}
	before, err := m.translate(b.Pretrained, "", m.source)
	if err != nil {
		return nil, nil, fmt.Errorf("as pretrained: %w", err)
	}
	after, err := m.translate(m.in.Weights, prefix, m.source)
	if err != nil {
		return nil, nil, fmt.Errorf("after joint training: %w", err)
	}
	out := &results.Authentic{Stain: stain, Pretrained: b.Key.String(), RealCheckering: metrics.Undefined()}
	if by.real != nil {
		out.RealCheckering = checkering(by.real, m.size)
	}
	if out.Before, err = m.looks(before, b.Backward, by); err != nil {
		return nil, nil, err
	}
	if slices.Equal(before, after) { // of a generator that stood still; one network less to run
		out.After = out.Before
	} else if out.After, err = m.looks(after, b.Backward, by); err != nil {
		return nil, nil, err
	}
	if out.Drift.Weights, err = drift(b.Pretrained, m.in.Weights, prefix); err != nil {
		return nil, nil, err
	}
	out.Drift.Images, out.Drift.SSIM = m.differences(before, after)
	return out, &results.ShownStain{Stain: stain, Before: m.shown(before), After: m.shown(after), Truth: m.shown(by.truth)}, nil
}

// truth is the pixels of the images in a stain; nil where nobody knows them.
func (m *measuring) truth(stain string) ([]uint8, error) {
	if m.in.Truth == nil {
		return nil, nil
	}
	set, err := m.in.Truth(stain)
	if err == nil && set != nil {
		set, err = set.Named(m.source)
	}
	if err != nil || set == nil {
		return nil, err
	}
	return pixelsOf(set)
}
