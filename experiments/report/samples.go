package report

import (
	"math"
	"slices"
	"sort"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/model/metrics"
	"g2c/model/results"
)

// How many examples a page shows: enough to judge by, few enough to look at.
const (
	maxRescued       = 6
	maxLost          = 4
	maxExampleGroups = 4 // of a task, those of the highest balanced accuracy
)

func (c *collector) samples(m *checkpoint.Manifest) (*safetensors.File, error) {
	if _, ok := m.Payloads[results.Samples]; !ok {
		return nil, nil
	}
	data, err := c.repo.Payload(c.ctx, *m, results.Samples)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, damaged(m, results.Samples, "%w", err)
	}
	return f, nil
}

// showcase reads the sample images of a pretraining; nil if it kept none.
func (c *collector) showcase(m *checkpoint.Manifest, size int, shown []int) (*showcase, error) {
	f, err := c.samples(m)
	if err != nil || f == nil || len(shown) == 0 {
		return nil, err
	}
	s := &showcase{size: size, epochs: shown, pixels: map[string][]uint8{}}
	for _, epoch := range shown {
		for _, kind := range results.ShowKinds {
			name := results.ShowName(epoch, kind)
			v, err := pixels(m, f, name)
			if err != nil {
				return nil, err
			}
			if s.images == 0 {
				s.images = len(v) / (3 * size * size)
			}
			if len(v) != s.images*3*size*size || s.images == 0 {
				return nil, damaged(m, results.Samples, "tensor %s has %d bytes, not %d images of %d×%d pixels", name, len(v), s.images, size, size)
			}
			s.pixels[name] = v
		}
	}
	return s, nil
}

func pixels(m *checkpoint.Manifest, f *safetensors.File, name string) ([]uint8, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, damaged(m, results.Samples, "no tensor %s", name)
	}
	v, err := t.Uint8s()
	if err != nil {
		return nil, damaged(m, results.Samples, "%w", err)
	}
	return v, nil
}

// collectExamples finds the patches that groups and the baseline judge
// differently, and reads the images of a few.
func (c *collector) collectExamples() error {
	for _, task := range c.data.tasks() {
		groups := c.data.of(func(g *group) bool { return g.task == task && g.base != nil && len(g.stains) > 0 })
		sort.SliceStable(groups, func(i, j int) bool {
			return sortable(groups[i].spread(balanced).Mean) > sortable(groups[j].spread(balanced).Mean)
		})
		for _, g := range groups[:min(len(groups), maxExampleGroups)] {
			if err := c.examplesOf(g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *collector) examplesOf(g *group) error {
	e := exampleOf{group: g}
	var err error
	rescued, lost := differences(g)
	e.nRescued, e.nLost = len(rescued), len(lost)
	if e.rescued, err = c.withImages(g, rescued, maxRescued); err != nil {
		return err
	}
	if e.lost, err = c.withImages(g, lost, maxLost); err != nil {
		return err
	}
	c.data.examples = append(c.data.examples, e)
	return nil
}

// differences are the patches that only the group judges right, and those that
// only the baseline does, the largest change of probability first.
func differences(g *group) (rescued, lost []example) {
	for _, row := range g.rows {
		base := g.base.seed(row.Seed)
		if base == nil {
			continue
		}
		before := base.byName()
		for _, p := range testOnly(row.predictions) {
			q, ok := before[p.Name]
			if !ok || q.Sample().Right() == p.Sample().Right() {
				continue
			}
			e := example{Name: p.Name, Group: p.Group, Truth: p.Label, Seed: row.Seed, PBaseline: q.P, PArm: p.P}
			if p.Sample().Right() {
				rescued = append(rescued, e)
			} else {
				lost = append(lost, e)
			}
		}
	}
	largestFirst(rescued)
	largestFirst(lost)
	return rescued, lost
}

func largestFirst(v []example) {
	sort.SliceStable(v, func(i, j int) bool {
		a, b := math.Abs(v[i].PArm-v[i].PBaseline), math.Abs(v[j].PArm-v[j].PBaseline)
		if a != b {
			return a > b
		}
		return v[i].Name < v[j].Name
	})
}

// withImages keeps the first few different patches whose images are stored, and
// reads these.
func (c *collector) withImages(g *group, all []example, limit int) ([]example, error) {
	files := map[uint32]*shownImages{}
	var out []example
	for _, e := range all {
		if len(out) == limit {
			break
		}
		if slices.ContainsFunc(out, func(o example) bool { return o.Name == e.Name }) {
			continue
		}
		if files[e.Seed] == nil {
			s, err := c.shownImages(g.seed(e.Seed).Evaluation)
			if err != nil {
				return nil, err
			}
			files[e.Seed] = s
		}
		if files[e.Seed].fill(&e) {
			out = append(out, e)
		}
	}
	return out, nil
}

// shownImages is the sample images of an evaluation.
type shownImages struct {
	names             []string // of the test images shown
	size, stains      int
	source, generated []uint8
}

func (c *collector) shownImages(key api.Key) (*shownImages, error) {
	m := c.finals[key]
	var r results.Evaluate
	if err := c.results(m, &r); err != nil {
		return nil, err
	}
	s := &shownImages{size: r.Size, stains: len(r.Stains)}
	f, err := c.samples(m)
	if err != nil || f == nil {
		return s, err
	}
	for _, i := range r.Shown {
		s.names = append(s.names, r.Predictions[i].Name)
	}
	if s.source, err = pixels(m, f, results.SourceName); err != nil {
		return nil, err
	}
	if s.generated, err = pixels(m, f, results.GeneratedName); err != nil {
		return nil, err
	}
	image := 3 * s.size * s.size
	if len(s.source) != len(s.names)*image || len(s.generated) != len(s.names)*image*s.stains {
		return nil, damaged(m, results.Samples, "%d and %d bytes are not %d images of %d×%d pixels in %d stains",
			len(s.source), len(s.generated), len(s.names), s.size, s.size, s.stains)
	}
	return s, nil
}

// fill copies the images of an example, if they are among those shown.
func (s *shownImages) fill(e *example) bool {
	i := slices.Index(s.names, e.Name)
	if i < 0 {
		return false
	}
	image := 3 * s.size * s.size
	e.size = s.size
	e.source = slices.Clone(s.source[i*image:][:image])
	for k := range s.stains {
		e.generated = append(e.generated, slices.Clone(s.generated[(i*s.stains+k)*image:][:image]))
	}
	return true
}

// sortable puts what is undefined below every share.
func sortable(n metrics.Number) float64 {
	if !n.Defined() {
		return -1
	}
	return float64(n)
}
