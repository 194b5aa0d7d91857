package scenario

import (
	"crypto/sha256"
	"slices"

	"g2c/api"
)

// Options say what is special about a task.
type Options struct {
	Class  string // numerics class; api.ClassCPU if empty
	Gang   api.Gang
	Data   string // name of the data it reads; "data" if empty
	Inputs []api.Key
}

// Work is a valid work of a name, different for every name: a pretraining, or, with
// inputs, the fine-tuning that reads them.
func Work(name string, o Options) api.Work {
	class := o.Class
	if class == "" {
		class = api.ClassCPU
	}
	var t api.Task
	if len(o.Inputs) == 0 {
		t = api.PretrainTask(class, pretrain(name, o))
	} else {
		t = api.FinetuneTask(class, finetune(name, o))
	}
	return api.Work{
		Key: t.Key(), Names: []string{name}, Task: t, Gang: o.Gang,
		Where: api.Where{Source: "PAS", Synthetic: &api.Synthetic{Patients: 1, Patches: 1}}, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2},
	}
}

// Data is the fingerprint of data of a name.
func Data(name string) api.Key {
	if name == "" {
		name = "data"
	}
	return sha256.Sum256([]byte(name))
}

func pretrain(name string, o Options) api.Pretrain {
	return api.Pretrain{
		Source: "PAS", Stain: name, Size: 64, Fit: api.FitResize, Generator: api.Generator{Width: 16, Blocks: 3}, DiscriminatorWidth: 16,
		Epochs: 12, ConstantEpochs: 6, Batch: 1, Pool: 50, LambdaCycle: 10, LambdaIdentity: 0.5, Load: 1.117, Flip: true,
		LR: 2e-4, Beta1: 0.5, Beta2: 0.999, Seed: 1, Precision: api.FP32, Data: Data(o.Data),
	}
}

func finetune(name string, o Options) api.Finetune {
	f := api.Finetune{
		Source: "PAS", Generator: &api.Generator{Width: 16, Blocks: 3}, Size: 64, Fit: api.FitResize,
		Positive: []string{name}, Negative: []string{"not " + name}, PositiveName: name, NegativeName: "not " + name,
		Classifier: api.Classifier{Width: 64, Units: 3, Hidden: 32, Attention: true, Stem: api.StemConv7, Shared: true},
		Epochs:     10, FrozenEpochs: 2, Batch: 16, Shards: 4, Select: api.SelectLast, Gamma: 2, LR: 0.01, Momentum: 0.5,
		DropEvery: 4, DropBy: 10, Gradients: api.FP32, Seed: 1, Precision: api.FP32, Data: Data(o.Data),
	}
	f.Generators = slices.Clone(o.Inputs)
	for i := range o.Inputs {
		f.Stains = append(f.Stains, "S"+string(rune('A'+i)))
	}
	return f
}
