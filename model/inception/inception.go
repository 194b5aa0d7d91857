// Package inception makes the program of the network that the Fréchet and the kernel Inception
// distance are measured with. It only looks: nothing is trained.
package inception

import (
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// Slots of the state.
const (
	Images   = "images"   // (batch,299,299,3), in [-1,1]
	Features = "features" // (batch,2048)
)

// Net is the prefix of the parameters' names: Net.Conv2d_1a_3x3.conv.weight.
const Net = "inception"

// Model is the network for a number of images at a time.
type Model struct {
	Batch   int
	Catalog nn.Catalog
	State   *kernels.StateSpec
	Look    *kernels.Program // Images to Features
}

// New builds the program.
func New(batch int) (*Model, error) {
	m := &Model{Batch: batch}
	images, features := kernels.Real(batch, nn.InceptionSize, nn.InceptionSize, 3), kernels.Real(batch, nn.InceptionFeatures)
	var out []graph.Output
	b, err := graph.Build(1, func(b *graph.Builder) {
		s := nn.NewScope(b, &m.Catalog, Net)
		s.Infer = true
		out = []graph.Output{{Slot: Features, Value: nn.Inception(s, b.Slot(Images, images))}}
	})
	if err != nil {
		return nil, err
	}
	m.State, err = kernels.NewStateSpec(
		nn.Group("weights", "", append(append([]nn.Param(nil), m.Catalog.Params...), m.Catalog.Running...)),
		kernels.Group{Name: "data", Slots: []kernels.Slot{{Name: graph.Seed, Type: kernels.Real()}, {Name: Images, Type: images}, {Name: Features, Type: features}}},
	)
	if err != nil {
		return nil, err
	}
	m.Look, err = b.Compile(graph.Plan{Name: "inception", Outputs: out}, m.State)
	return m, err
}
