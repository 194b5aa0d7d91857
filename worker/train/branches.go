package train

import (
	"fmt"
	"slices"
	"sync"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/g2c"
)

// keepPainted is how many bytes of painted images a training keeps in memory, over all of
// its branches, and as many of normalised ones: those of seven thousand images of 224
// pixels.
const keepPainted = 1 << 30

// Truth is the labelled images in another stain, by the names of the source's; nil where
// nobody knows them.
type Truth func(stain string) (*dataset.Set, error)

// Branches are the branches of a model that have no network: what their images are, for
// any set of images of the source. It may be used by several goroutines.
type Branches struct {
	given    []int              // their stains, by number
	painters []*dataset.Painter // one each; nil for the real stain
	truth    []*dataset.Set     // of the real stain; nil for others
	// tensors are the numbers that the methods need, as the model's weights hold them.
	tensors []safetensors.Tensor

	mu    sync.Mutex
	views map[*dataset.Set][]*dataset.Set
}

// maxViews is of how many sets a model remembers what its branches see: those of a training
// and an evaluation have room, and whoever brings a set an image does not fill the memory.
const maxViews = 64

// NewBranches makes those of a model out of its weights, to see images once; truth may be
// nil.
func NewBranches(f *api.Finetune, weights *safetensors.File, truth Truth) (*Branches, error) {
	return newBranches(f, func(i int) (*safetensors.File, string) { return weights, g2c.GeneratorNet(i) + "." }, truth, 0)
}

// newBranches makes them where the numbers of each stain lie in a file, under a prefix. They
// keep so many bytes of what they have painted.
func newBranches(f *api.Finetune, file func(i int) (*safetensors.File, string), truth Truth, keep int64) (*Branches, error) {
	b := &Branches{given: f.Given(), views: map[*dataset.Set][]*dataset.Set{}}
	for _, i := range b.given {
		if f.Method(i) == api.MethodTruth {
			set, err := truthOf(f.Stains[i], truth)
			if err != nil {
				return nil, err
			}
			b.painters, b.truth = append(b.painters, nil), append(b.truth, set)
			continue
		}
		weights, prefix := file(i)
		p, err := readPainting(f.Method(i), weights, prefix)
		if err != nil {
			return nil, fmt.Errorf("branch %s: %w", f.Stains[i], err)
		}
		b.painters = append(b.painters, &dataset.Painter{Apply: p.apply, Keep: keep / int64(len(b.given))})
		b.truth = append(b.truth, nil)
		b.tensors = append(b.tensors, named(g2c.GeneratorNet(i)+".", p.tensors)...)
	}
	return b, nil
}

// at is a file of a list that may be too short, which whoever begins to train hears of.
func at(files []*safetensors.File, i int) *safetensors.File {
	if i < len(files) {
		return files[i]
	}
	return &safetensors.File{}
}

func truthOf(stain string, truth Truth) (*dataset.Set, error) {
	if truth == nil {
		return nil, fault.New(fault.ErrSpec, "the model sees the real %s of synthetic tissue, which other images do not have", stain).
			WithHint("take a model of another arm")
	}
	set, err := truth(stain)
	if err == nil && set == nil {
		err = fault.New(fault.ErrSpec, "the real %s of these images is not known: only synthetic tissue has one", stain)
	}
	return set, err
}

// of are a set's images as each branch sees them.
func (b *Branches) of(set *dataset.Set) ([]*dataset.Set, error) {
	if b == nil || len(b.given) == 0 {
		return nil, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if views, ok := b.views[set]; ok {
		return views, nil
	}
	var views []*dataset.Set
	for k := range b.given {
		view, err := b.view(k, set)
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	if len(b.views) >= maxViews {
		clear(b.views)
	}
	b.views[set] = views
	return views, nil
}

func (b *Branches) view(k int, set *dataset.Set) (*dataset.Set, error) {
	if b.truth[k] != nil {
		return b.truth[k].Named(set)
	}
	return set.Painted(b.painters[k]), nil
}

// View is a set's images as the branch of stain i sees them; false of a branch that has a
// network.
func (b *Branches) View(set *dataset.Set, i int) (*dataset.Set, bool, error) {
	k := slices.Index(b.given, i)
	if k < 0 {
		return nil, false, nil
	}
	view, err := b.view(k, set)
	return view, true, err
}

// GivenPixels are places for a batch of each branch.
type GivenPixels [][]uint8

// NewGivenPixels makes them, of so many bytes each.
func (b *Branches) NewGivenPixels(bytes int) GivenPixels {
	if b == nil {
		return nil
	}
	out := make(GivenPixels, len(b.given))
	for k := range out {
		out[k] = make([]uint8, bytes)
	}
	return out
}

// Read puts an image of a set to a place of the batch, as each branch sees it.
func (b *Branches) Read(to GivenPixels, set *dataset.Set, i, place int) error {
	views, err := b.of(set)
	if err != nil {
		return err
	}
	size := set.Side() * set.Side() * 3
	for k, v := range views {
		if err := v.Read(to[k][place*size:][:size], i); err != nil {
			return err
		}
	}
	return nil
}

// gather copies images into a batch of each branch.
func (b *Branches) gather(to GivenPixels, set *dataset.Set, index func(place int) int) error {
	views, err := b.of(set)
	if err != nil {
		return err
	}
	for k, v := range views {
		if err := gather(to[k], v, index); err != nil {
			return err
		}
	}
	return nil
}

// Put brings the pixels to their slots, beside one of the source's.
func (p GivenPixels) Put(s kernels.State, source string, given []int) error {
	for k, pixels := range p {
		if err := s.PutU8(g2c.GivenSlot(source, given[k]), pixels); err != nil {
			return err
		}
	}
	return nil
}

// part is a run of so many equal shards.
func (p GivenPixels) part(run api.Shards, shards int) (out GivenPixels) {
	for _, pixels := range p {
		out = append(out, part(pixels, run, shards))
	}
	return out
}
