package api

// The numbers below are the canonical encoding: they are never reused. A field
// that is added later takes a new number and is left out at the value that
// stands for what older programs did, so that old tasks keep their keys.
//
// One function per struct serves both directions: a coder either writes the
// fields or reads them.

// kindNumbers are the kinds on the wire.
var kindNumbers = map[Kind]int{KindPretrain: 1, KindFinetune: 2, KindEvaluate: 3}

func (t *Task) fields(c coder) {
	c.kind(1, &t.Kind)
	c.text(2, &t.Numerics)
	switch t.Kind {
	case KindPretrain:
		if t.Pretrain == nil {
			t.Pretrain = new(Pretrain)
		}
		c.nested(3, t.Pretrain.fields)
	case KindFinetune:
		if t.Finetune == nil {
			t.Finetune = new(Finetune)
		}
		c.nested(4, t.Finetune.fields)
	case KindEvaluate:
		if t.Evaluate == nil {
			t.Evaluate = new(Evaluate)
		}
		c.nested(5, t.Evaluate.fields)
	}
}

func (g *Generator) fields(c coder) {
	c.integer(1, &g.Width)
	c.integer(2, &g.Blocks)
}

func (p *Pretrain) fields(c coder) {
	c.text(1, &p.Source)
	c.text(2, &p.Stain)
	c.integer(3, &p.Size)
	c.text(4, &p.Fit)
	c.nested(5, p.Generator.fields)
	c.integer(6, &p.DiscriminatorWidth)
	c.integer(7, &p.Epochs)
	c.integer(8, &p.ConstantEpochs)
	c.integer(9, &p.Batch)
	c.integer(10, &p.Pool)
	c.float(11, &p.LambdaCycle)
	c.float(12, &p.LambdaIdentity)
	c.float(13, &p.Load)
	c.boolean(14, &p.Flip)
	c.float(15, &p.LR)
	c.float(16, &p.Beta1)
	c.float(17, &p.Beta2)
	c.seed(18, &p.Seed)
	c.text(19, &p.Precision)
	c.key(20, &p.Data)
}

func (k *Classifier) fields(c coder) {
	c.integer(1, &k.Width)
	c.integer(2, &k.Units)
	c.integer(3, &k.Hidden)
	c.boolean(4, &k.Attention)
	c.text(5, &k.Stem)
	c.boolean(6, &k.Shared)
}

func (f *Finetune) fields(c coder) {
	c.text(1, &f.Source)
	c.texts(2, &f.Stains)
	c.keys(3, &f.Generators)
	c.integer(4, &f.Size)
	c.text(5, &f.Fit)
	c.texts(6, &f.Positive)
	c.texts(7, &f.Negative)
	c.text(8, &f.PositiveName)
	c.text(9, &f.NegativeName)
	if c.present(10, f.Generator != nil) {
		if f.Generator == nil {
			f.Generator = new(Generator)
		}
		c.nested(10, f.Generator.fields)
	}
	c.nested(11, f.Classifier.fields)
	c.integer(12, &f.Epochs)
	c.integer(13, &f.FrozenEpochs)
	c.integer(14, &f.Batch)
	c.integer(15, &f.Shards)
	c.text(16, &f.Select)
	c.float(17, &f.Gamma)
	c.float(18, &f.LR)
	c.float(19, &f.Momentum)
	c.integer(20, &f.DropEvery)
	c.float(21, &f.DropBy)
	c.boolean(22, &f.Augment)
	c.text(23, &f.Gradients)
	c.seed(24, &f.Seed)
	c.text(25, &f.Precision)
	c.key(26, &f.Data)
}

func (e *Evaluate) fields(c coder) {
	c.nested(1, e.Model.fields)
	if c.present(2, !e.Given.IsZero()) {
		c.key(2, &e.Given)
	}
	c.key(3, &e.Data)
	if c.present(4, e.Metrics != 0) {
		c.integer(4, &e.Metrics)
	}
	if c.present(5, e.PositiveName != "") {
		c.text(5, &e.PositiveName)
	}
	if c.present(6, e.NegativeName != "") {
		c.text(6, &e.NegativeName)
	}
}
