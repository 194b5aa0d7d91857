package nn

import (
	"g2c/kernels"
	"g2c/model/graph"
)

// Init says how a parameter starts.
type Init uint8

// The initialisations: N(0, 0.02), as CycleGAN's networks start; U(±1/√fan-in),
// PyTorch's default; and constants.
const (
	Normal Init = iota
	FanIn
	Zeros
	Ones
)

// Param is a parameter or a running statistic of a network.
type Param struct {
	Net   string // the network it belongs to, such as G_AB
	Name  string // full name, network included
	Shape kernels.Shape
	Init  Init
	Fan   int // fan-in, for Init FanIn
}

// Stats is the batch statistics of one batch norm in a training pass.
type Stats struct {
	Mean, Var string       // the running statistics they update
	Sums      *graph.Value // (2,C): tree sums over shards
	Count     int          // values per channel in one shard
}

// Catalog lists what networks declare, in order of first use.
type Catalog struct {
	Params  []Param // trainable
	Running []Param // running statistics
	known   map[string]bool
}

// Scope is where a network's layers are built: a builder, a prefix of names, and
// the arrangement of samples.
type Scope struct {
	B       *graph.Builder
	Catalog *Catalog
	Net     string
	// Groups is the number of branches stacked along the samples (kernels.Segments).
	Groups int
	// Infer selects evaluation mode: running statistics instead of the batch's.
	Infer bool
	// Weights is how convolutions and linear layers start.
	Weights Init

	prefix string
	stats  *[]Stats
}

// NewScope starts a network of the given name.
func NewScope(b *graph.Builder, c *Catalog, net string) *Scope {
	if c.known == nil {
		c.known = map[string]bool{}
	}
	return &Scope{B: b, Catalog: c, Net: net, Groups: 1, prefix: net, stats: &[]Stats{}}
}

// Sub is the scope of a part of the network.
func (s *Scope) Sub(name string) *Scope {
	sub := *s
	sub.prefix += "." + name
	return &sub
}

// BatchStats lists the statistics of the training pass built so far.
func (s *Scope) BatchStats() []Stats { return *s.stats }

// Param declares a trainable parameter.
func (s *Scope) Param(name string, init Init, fan int, dims ...int) *graph.Value {
	full := s.prefix + "." + name
	s.declare(&s.Catalog.Params, Param{Net: s.Net, Name: full, Shape: dims, Init: init, Fan: fan})
	if s.Infer {
		return s.B.Slot(full, kernels.Real(dims...))
	}
	return s.B.Param(full, dims...)
}

// running declares a running statistic and gives its slot's name.
func (s *Scope) running(name string, init Init, c int) string {
	full := s.prefix + "." + name
	s.declare(&s.Catalog.Running, Param{Net: s.Net, Name: full, Shape: kernels.Shape{c}, Init: init})
	return full
}

func (s *Scope) declare(list *[]Param, p Param) {
	if !s.Catalog.known[p.Name] {
		s.Catalog.known[p.Name] = true
		*list = append(*list, p)
	}
}
