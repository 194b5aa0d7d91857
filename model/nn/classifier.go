package nn

import (
	"strconv"

	"g2c/kernels"
	"g2c/model/graph"
)

// ClassifierConfig describes the classifier.
type ClassifierConfig struct {
	Width     int  // channels of the residual blocks
	Units     int  // of three residual blocks and a pooling each
	Hidden    int  // features between the attention's two layers
	Attention bool // cross-stain attention after each residual block
	Conv7     bool // the 7×7 stem instead of Inception-v4's
	Unshared  bool // weights of its own for each branch
	Classes   int
}

// blocksPerUnit is the number of residual blocks before each pooling.
const blocksPerUnit = 3

// Classifier turns branches, the source image first, each (N,H,W,3) in [0,1],
// into logits (N,classes). Branches share their weights unless the configuration
// says otherwise; batch statistics span all branches that share them.
// Source: paper, "Classifier"; reference, "The reading of the paper".
func Classifier(s *Scope, branches []*graph.Value, c ClassifierConfig) *graph.Value {
	m := len(branches)
	trunks := newTrunks(s, branches, c)
	for i := range blocksPerUnit * c.Units {
		for _, t := range trunks {
			t.x = residualBlock(t.s.Sub("blocks."+strconv.Itoa(i)), t.x, c.Width)
		}
		if c.Attention {
			attend(s.Sub("attention."+strconv.Itoa(i)), trunks, m, c.Hidden)
		}
		if i%blocksPerUnit == blocksPerUnit-1 {
			for _, t := range trunks {
				t.x = s.B.MaxPool(t.x, kernels.Window{K: 3, Stride: 2, Pad: 1})
			}
		}
	}
	x := s.B.GlobalAvgPool(stack(s, trunks))
	return s.Linear("head", s.B.GatherBranches(x, m), c.Classes)
}

// trunk is a part of the classifier with weights of its own: all branches
// stacked, or one.
type trunk struct {
	s *Scope
	x *graph.Value
}

func newTrunks(s *Scope, branches []*graph.Value, c ClassifierConfig) []*trunk {
	stem := Stem
	if c.Conv7 {
		stem = StemConv7
	}
	if !c.Unshared {
		all := *s
		all.Groups = len(branches)
		return []*trunk{{&all, stem(all.Sub("stem"), s.B.Concat(0, branches...))}}
	}
	trunks := make([]*trunk, len(branches))
	for i, x := range branches {
		sub := s.Sub("branches." + strconv.Itoa(i))
		trunks[i] = &trunk{sub, stem(sub.Sub("stem"), x)}
	}
	return trunks
}

// stack puts the trunks' samples one after another, branch-major.
func stack(s *Scope, trunks []*trunk) *graph.Value {
	xs := make([]*graph.Value, len(trunks))
	for i, t := range trunks {
		xs[i] = t.x
	}
	return s.B.Concat(0, xs...)
}

// residualBlock is ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut), where the
// shortcut is x or, when the channels change, a 1×1 convolution and batch norm.
func residualBlock(s *Scope, x *graph.Value, width int) *graph.Value {
	shortcut := x
	if x.Shape()[3] != width {
		shortcut = s.convBN("shortcut", x, width, 1, 1, zero(1, 0), kernels.None)
	}
	y := s.convBN("conv1", x, width, 3, 3, zero(1, 1), kernels.ReLU)
	last := s.Sub("conv2")
	return last.Batch("bn", last.Conv("conv", y, width, 3, 3, zero(1, 1)), shortcut, kernels.ReLU)
}

// attend scales every channel of every branch by cross-stain attention: squeeze
// all branches together, two fully connected layers, a sigmoid.
func attend(s *Scope, trunks []*trunk, branches, hidden int) {
	x := stack(s, trunks)
	c := x.Shape()[3]
	q := s.B.GatherBranches(s.B.GlobalAvgPool(x), branches)
	q = s.B.Activate(s.Linear("fc1", q, hidden), kernels.ReLU)
	q = s.B.Activate(s.Linear("fc2", q, branches*c), kernels.Sigmoid)
	x = s.B.ScaleChannels(x, s.B.ScatterBranches(q, branches))
	if len(trunks) == 1 {
		trunks[0].x = x
		return
	}
	n := x.Shape()[0] / branches
	for i, t := range trunks {
		t.x = s.B.Slice(x, 0, i*n, (i+1)*n)
	}
}
