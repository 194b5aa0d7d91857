package api

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
)

// Each case breaks one rule of normal form or of the encoding.
func TestValidateRefuses(t *testing.T) {
	negativeZero := math.Copysign(0, -1)
	for _, c := range []struct {
		want  string
		task  Task
		spoil func(t *Task)
	}{
		{"not a numerics class", pretrainTask(), func(t *Task) { t.Numerics = "gpu" }},
		{"does not match", pretrainTask(), func(t *Task) { t.Kind = KindFinetune }},
		{"one body, not 2", pretrainTask(), func(t *Task) { t.Finetune = aloneTask().Finetune }},
		{"one body, not 0", pretrainTask(), func(t *Task) { t.Pretrain = nil }},
		{"stain PAS is the source", pretrainTask(), func(t *Task) { t.Pretrain.Stain = "PAS" }},
		{"multiple of 4", pretrainTask(), func(t *Task) { t.Pretrain.Size = 66 }},
		{"size is 60", pretrainTask(), func(t *Task) { t.Pretrain.Size = 60 }},
		{"fit is", pretrainTask(), func(t *Task) { t.Pretrain.Fit = "crop" }},
		{"lr is NaN", pretrainTask(), func(t *Task) { t.Pretrain.LR = math.NaN() }},
		{"lambdaCycle is +Inf", pretrainTask(), func(t *Task) { t.Pretrain.LambdaCycle = math.Inf(1) }},
		{"lambdaCycle is -0", pretrainTask(), func(t *Task) { t.Pretrain.LambdaCycle = negativeZero }},
		{"constantEpochs 201 exceeds", pretrainTask(), func(t *Task) { t.Pretrain.ConstantEpochs = 201 }},
		{"no fingerprint", pretrainTask(), func(t *Task) { t.Pretrain.Data = Key{} }},
		{"generator.width is 0", pretrainTask(), func(t *Task) { t.Pretrain.Generator.Width = 0 }},
		{"one body, not 2", pairedTask(), func(t *Task) { t.Pretrain = pretrainTask().Pretrain }},
		{"does not match", pairedTask(), func(t *Task) { t.Kind = KindPretrain }},
		{"stain PAS is the source", pairedTask(), func(t *Task) { t.Paired.Stain = "PAS" }},
		{"constantEpochs 201 exceeds", pairedTask(), func(t *Task) { t.Paired.ConstantEpochs = 201 }},
		{"lambdaL1 is -1", pairedTask(), func(t *Task) { t.Paired.LambdaL1 = -1 }},
		{"no fingerprint", pairedTask(), func(t *Task) { t.Paired.Data = Key{} }},
		{"not sorted", stainsTask(), func(t *Task) { t.Finetune.Stains = []string{"MASSON", "HE"} }},
		{"not sorted", stainsTask(), func(t *Task) { t.Finetune.Stains = []string{"HE", "HE"} }},
		{"stain PAS is the source", stainsTask(), func(t *Task) { t.Finetune.Stains = []string{"HE", "PAS"} }},
		{"1 generators for 2 stains", stainsTask(), func(t *Task) { t.Finetune.Generators = []Key{fill(1)} }},
		{"a generator has no key", stainsTask(), func(t *Task) { t.Finetune.Generators = []Key{fill(1), {}} }},
		{"belong to a task with generators", stainsTask(), func(t *Task) { t.Finetune.Generator = nil }},
		{"belong to a task with generators", aloneTask(), func(t *Task) { t.Finetune.Generator = &Generator{1, 1, UpK4} }},
		{"frozenEpochs is 1 without", aloneTask(), func(t *Task) { t.Finetune.FrozenEpochs = 1 }},
		{"exceeds epochs", stainsTask(), func(t *Task) { t.Finetune.FrozenEpochs = 31 }},
		{"positive and negative", aloneTask(), func(t *Task) { t.Finetune.Negative = []string{"gs"} }},
		{"without labels", aloneTask(), func(t *Task) { t.Finetune.Negative = nil }},
		{"both classes are called", aloneTask(), func(t *Task) { t.Finetune.NegativeName = "s" }},
		{"printable text", aloneTask(), func(t *Task) { t.Finetune.NegativeName = "a\nb" }},
		{"power of two", aloneTask(), func(t *Task) { t.Finetune.Shards = 3 }},
		{"divide batch 12", aloneTask(), func(t *Task) { t.Finetune.Batch, t.Finetune.Shards = 12, 8 }},
		{"at most 1024", aloneTask(), func(t *Task) { t.Finetune.Negative = make([]string, 1025) }},
		{"no fingerprint", evaluateTask(), func(t *Task) { t.Evaluate.Data = Key{} }},
		{"select is", evaluateTask(), func(t *Task) { t.Evaluate.Model.Select = "first" }},
	} {
		c.spoil(&c.task)
		if err := c.task.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

func TestDecodeRefusesOtherEncodings(t *testing.T) {
	good := pretrainTask().Canonical()
	kind := len(magic)                                                  // field 1: number, length 8, the kind
	long := append(append([]byte(magic), 0x81, 0x00), good[kind+1:]...) // field number 1 in two bytes
	swap := bytes.Clone(good)
	swap[kind] = 2
	unknown := bytes.Clone(good)
	unknown[kind+9] = 9
	for _, c := range []struct {
		want string
		text []byte
	}{
		{"does not begin", nil},
		{"does not begin", good[1:]},
		{"ends inside", good[:len(good)-1]},
		{"ends inside", []byte(magic)},
		{"1 bytes too many", append(bytes.Clone(good), 0)},
		{"another encoding", long},
		{"field 2 where 1 belongs", swap},
		{"unknown kind 9", unknown},
		{"at most 65536", make([]byte, MaxCanonicalBytes+1)},
	} {
		_, err := DecodeTask(c.text)
		if !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

// Truncating or flipping any byte of a task never yields another task with the
// same canonical bytes, and never panics.
func TestDecodeEveryDamage(t *testing.T) {
	for _, task := range allTasks() {
		good := task.Canonical()
		for i := range good {
			if _, err := DecodeTask(good[:i]); err == nil {
				t.Fatalf("%s: its first %d bytes pass", task.Kind, i)
			}
			bad := bytes.Clone(good)
			bad[i] ^= 0x40
			if got, err := DecodeTask(bad); err == nil && got.Key() == task.Key() {
				t.Fatalf("%s: byte %d does not count", task.Kind, i)
			}
		}
	}
}

func FuzzDecodeTask(f *testing.F) {
	for _, task := range allTasks() {
		f.Add(task.Canonical())
	}
	f.Add([]byte(magic))
	f.Add([]byte(magic + "\x01\x08\x00\x00\x00\x00\x00\x00\x00\x03\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		task, err := DecodeTask(b)
		if err != nil {
			if !errors.Is(err, ErrEncoding) {
				t.Fatalf("an error of another class: %v", err)
			}
			return
		}
		if !bytes.Equal(task.Canonical(), b) {
			t.Fatal("two encodings of one task")
		}
		if err := task.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
