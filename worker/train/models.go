package train

import (
	"slices"
	"sync"

	"g2c/api"
	"g2c/model/g2c"
)

// models are a fine-tuning's programs for runs of its shards: those of one length are the
// same, whichever shards they are. Each is built once, before it is needed where it is
// known that it will be, so that nobody stands and waits for it. Methods may be called
// from any goroutine.
type models struct {
	config   g2c.Config
	mu       sync.Mutex
	by       map[int]func() (*g2c.Model, error) // by shards
	building sync.WaitGroup
}

func newModels(c g2c.Config) *models {
	return &models{config: c, by: map[int]func() (*g2c.Model, error){}}
}

// of is the model of a run of so many shards.
func (m *models) of(shards int) (*g2c.Model, error) { return m.builder(shards)() }

func (m *models) builder(shards int) func() (*g2c.Model, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	build := m.by[shards]
	if build == nil {
		c := m.config
		c.Own = shards
		build = sync.OnceValues(func() (*g2c.Model, error) { return g2c.New(c) })
		m.by[shards] = build
	}
	return build
}

// prepare begins to build what runs of shards will need. Whoever loads them hears of errors.
func (m *models) prepare(runs []api.Shards) {
	for _, run := range runs {
		for _, part := range run.Subtrees() {
			build := m.builder(part.Len())
			m.building.Go(func() { _, _ = build() })
		}
	}
}

// prepare builds what this process will need in the gang that is to come, if that is
// another than was seen last: beside the training, or at once where nothing is trained yet.
func (f *finetuner) prepare() {
	slots, self := f.opt.Gang.Coming()
	if self < 0 || slices.Equal(slots, f.coming) && self == f.place {
		return
	}
	f.coming, f.place = slots, self
	runs, err := api.ShareShards(slots, f.f.Shards)
	if err != nil {
		return // whoever joins that gang says so
	}
	f.models.prepare(asSeenBy(self, runs, len(f.all()))[self])
	if f.devices == nil {
		f.models.building.Wait()
	}
}
