package api

import (
	"slices"
	"strings"
	"testing"
)

// madeTasks are stains that are made without training, and a model that sees some of them.
func madeTasks() []Task {
	target := StainTask(ClassCPU, Stain{Origin: Origin{"PAS"}, Stain: "HE", View: View{224, FitResize}, Method: MethodReinhard, Data: fill(0xe5)})
	drawn := StainTask(ClassCPU, Stain{Origin: Origin{"PAS"}, Stain: "PASM", View: View{224, FitResize}, Method: MethodRandom, Generator: &Generator{64, 6, UpK4}, Seed: 2})
	return []Task{target, drawn, mixedTask(), normalisedTask(), normalisedTuning(), jitteredTask()}
}

// normalisedTask is a pretraining whose source's images are normalised.
func normalisedTask() Task {
	t := pretrainTask()
	t.Pretrain.Normaliser = &Normaliser{MethodMacenko, fill(0xf6)}
	return t
}

// jitteredTask jitters stains.
func jitteredTask() Task {
	t := stainsTask()
	t.Finetune.Augment, t.Finetune.JitterStains = true, true
	return t
}

func normalisedTuning() Task {
	t := stainsTask()
	t.Finetune.Normaliser = &Normaliser{MethodReinhard, fill(0xf7)}
	return t
}

func TestNormalisersAreInputs(t *testing.T) {
	if in := normalisedTask().Inputs(); !slices.Equal(in, []Key{fill(0xf6)}) {
		t.Errorf("a pretraining reads %v", in)
	}
	if in := normalisedTuning().Inputs(); len(in) != 3 || in[2] != fill(0xf7) {
		t.Errorf("a fine-tuning reads %v", in)
	}
}

// mixedTask sees one stain by a formula and one by a trained generator.
func mixedTask() Task {
	t := stainsTask()
	t.Finetune.Methods = []string{MethodReinhard, ""}
	return t
}

func TestBranches(t *testing.T) {
	f := mixedTask().Finetune
	if f.Method(0) != MethodReinhard || f.Method(1) != "" || !slices.Equal(f.Given(), []int{0}) || f.Networks() != 1 {
		t.Errorf("branches %v, given %v", f.Methods, f.Given())
	}
	if trained := stainsTask().Finetune; trained.Method(1) != "" || trained.Given() != nil || trained.Networks() != 2 {
		t.Errorf("branches of a model of trained generators: %v", trained.Given())
	}
}

func TestStainsAreRefused(t *testing.T) {
	made := func(edit func(s *Stain)) Task {
		s := *madeTasks()[0].Stain
		edit(&s)
		return StainTask(ClassCPU, s)
	}
	tuned := func(edit func(f *Finetune)) Task {
		task := mixedTask()
		edit(task.Finetune)
		return task
	}
	for want, task := range map[string]Task{
		"method is":                  made(func(s *Stain) { s.Method = "vahadane" }),
		"has a target, or lacks one": made(func(s *Stain) { s.Data = Key{} }),
		"is the source itself":       made(func(s *Stain) { s.Method, s.Data, s.Stain = MethodCopy, Key{}, "PAS" }),
		"belongs to the method":      made(func(s *Stain) { s.Generator = &Generator{64, 6, UpK4} }),
		"draws nothing":              made(func(s *Stain) { s.Seed = 1 }),
		"normaliser has no target":   tuned(func(f *Finetune) { f.Normaliser = &Normaliser{Method: MethodReinhard} }),
		"normaliser.method is":       tuned(func(f *Finetune) { f.Normaliser = &Normaliser{MethodCopy, fill(1)} }),
		"augmentation is off":        tuned(func(f *Finetune) { f.JitterStains = true }),
		"1 methods for 2 stains":     tuned(func(f *Finetune) { f.Methods = f.Methods[:1] }),
		"no method":                  tuned(func(f *Finetune) { f.Methods = []string{"x", ""} }),
		"every branch is":            tuned(func(f *Finetune) { f.Methods = []string{"", ""} }),
		"cannot be jittered":         tuned(func(f *Finetune) { f.Methods, f.Augment = []string{MethodTruth, ""}, true }),
		"to no other":                tuned(func(f *Finetune) { f.Methods = []string{MethodCopy, MethodCopy} }),
		"without a generator":        tuned(func(f *Finetune) { f.Methods, f.Generator = []string{MethodCopy, MethodCopy}, nil }),
	} {
		if err := task.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
