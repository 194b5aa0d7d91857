package api

import "g2c/internal/field"

// Paired is the training of a generator from the source stain to one other on pairs of
// images of the same tissue. Batches are one shard, whatever their size. Its weights are a
// forward generator, as a pretraining's are.
type Paired struct {
	Origin               // stain A
	Stain         string `json:"stain" f:"2" rule:"text"` // stain B
	View          `f:"3"`
	Generator     Generator `json:"generator" f:"5"`
	Discriminator `f:"6"`
	Pix2Pix       // 7 to 17
	L1            // 19
	Random        `f:"20"`
	Data          Key `json:"data" f:"22"` // fingerprint of all pairs
}

// Pix2Pix are the hyper-parameters of paired translation that it shares with CycleGAN, by
// whose names a spec gives them.
type Pix2Pix struct {
	Epochs         int     `json:"epochs" f:"7" rule:"min=1,max=1000000"`
	ConstantEpochs int     `json:"constantEpochs" f:"8" rule:"min=0,max=1000000"`
	Batch          int     `json:"batch" f:"9" rule:"min=1,max=65536"` // pairs a step
	Load           float64 `json:"load" f:"13" rule:"min=1,max=4"`
	Flip           bool    `json:"flip" f:"14"`
	LR             float64 `json:"lr" f:"15" rule:"above=0"`
	Beta1          float64 `json:"beta1" f:"16" rule:"min=0,below=1"`
	Beta2          float64 `json:"beta2" f:"17" rule:"min=0,below=1"`
}

// L1 is what paired translation adds to them.
type L1 struct {
	LambdaL1 float64 `json:"lambdaL1" f:"19" default:"100" was:"100" level:"8" rule:"min=0" key:"P" doc:"of paired images (data.paired): weight of the distance to the target; the GAN loss has weight 1"`
}

// PairedTask wraps a paired training.
func PairedTask(class string, p Paired) Task {
	return Task{Kind: KindPaired, Numerics: class, Paired: &p}
}

// Of are the hyper-parameters that a spec gives under the names of CycleGAN's.
func (c CycleGAN) Of() Pix2Pix {
	return Pix2Pix{
		Epochs: c.Epochs, ConstantEpochs: c.ConstantEpochs, Batch: c.Batch,
		Load: c.Load, Flip: c.Flip, LR: c.LR, Beta1: c.Beta1, Beta2: c.Beta2,
	}
}

// Trained is a generator of its own: what is known of the task that trained it.
type Trained struct {
	Source, Stain string
	View
	Generator
	Seed       uint32
	Normaliser *Normaliser // of the source's images; nil for none
}

// Translator is the generator that a task trains alone, whether on pairs or without; false
// for other tasks.
func (t *Task) Translator() (Trained, bool) {
	switch {
	case t.Pretrain != nil:
		p := t.Pretrain
		return Trained{p.Source, p.Stain, p.View, p.Generator, p.Seed, p.Normaliser}, true
	case t.Paired != nil:
		p := t.Paired
		return Trained{p.Source, p.Stain, p.View, p.Generator, p.Seed, nil}, true
	}
	return Trained{}, false
}

// Pairs asks for the pairs of a paired training: those of training at the side of Load,
// those held out at the side that the networks see.
func Pairs(v View, stain string, load float64, where Where) DataSet {
	d := Pair(v, stain, load, where)
	d.Part, d.Seen = PartPaired, v.Size
	return d
}

// Pairs asks for the pairs.
func (p *Paired) Pairs(where Where) DataSet { return Pairs(p.View, p.Stain, p.Load, where) }

func (p *Paired) validate(c *check) {
	c.table(p)
	c.that(p.Stain != p.Source, "stain %s is the source itself", p.Stain)
	c.that(p.ConstantEpochs <= p.Epochs, "constantEpochs %d exceeds epochs %d", p.ConstantEpochs, p.Epochs)
	c.data(p.Data)
}

// MarshalJSON writes the training without the fields that are as before these were there.
func (p Paired) MarshalJSON() ([]byte, error) { return field.MarshalJSON(p) }

// UnmarshalJSON reads a paired training of this version or an older one.
func (p *Paired) UnmarshalJSON(b []byte) error { return field.UnmarshalJSON(b, p) }
