package api

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"g2c/internal/golden"
)

func fill(b byte) (k Key) {
	for i := range k {
		k[i] = b
	}
	return k
}

func pretrainTask() Task {
	return PretrainTask(ClassCPU, Pretrain{
		Origin: Origin{"PAS"}, Stain: "HE", View: View{224, FitResize}, Generator: Generator{64, 6, UpK4}, Discriminator: Discriminator{64},
		CycleGAN: CycleGAN{
			Epochs: 200, ConstantEpochs: 100, Batch: 1, Pool: 50, LambdaCycle: 10, LambdaIdentity: 0.5, Load: 1.117, Flip: true,
			LR: 2e-4, Beta1: 0.5, Beta2: 0.999,
		},
		Random: Random{1, FP32}, Data: fill(0xa1),
	})
}

// pairedTask is a training on pairs.
func pairedTask() Task {
	p := pretrainTask().Pretrain
	return PairedTask(ClassCPU, Paired{
		Origin: p.Origin, Stain: p.Stain, View: p.View, Generator: p.Generator, Discriminator: p.Discriminator,
		Pix2Pix: p.CycleGAN.Of(), L1: L1{100}, Random: p.Random, Data: p.Data,
	})
}

func aloneTask() Task {
	return FinetuneTask(ClassCPU, Finetune{
		Origin: Origin{"PAS"}, Stains: []string{}, Generators: []Key{}, View: View{224, FitResize},
		Positive: []string{"gs", "ss"}, Negative: []string{"noa"}, PositiveName: "s", NegativeName: "noa",
		Classifier: Classifier{256, 3, 32, true, StemInceptionV4, true},
		Tuning: Tuning{
			Epochs: 30, Batch: 16, Shards: 4, Select: SelectLast, Gamma: 2, LR: 0.01, Momentum: 0.5, DropEvery: 5, DropBy: 10, Optimizer: OptimizerSGD,
		},
		Augment: true,
		Sums:    Sums{FP32}, Random: Random{1, FP32}, Data: fill(0xb2), Replacement: Replacement{BaselineNone},
	})
}

func stainsTask() Task {
	t := aloneTask()
	f := t.Finetune
	f.Stains, f.Generators, f.Generator = []string{"HE", "MASSON"}, []Key{pretrainTask().Key(), fill(3)}, &Generator{64, 6, UpK4}
	f.FrozenEpochs, f.Augment = 5, false
	return t
}

func evaluateTask() Task {
	return EvaluateTask(ClassCPU, Evaluate{Model: *stainsTask().Finetune, Given: fill(0xc3), Data: fill(0xd4)})
}

// namedTask is an evaluation that says its metrics' version and its classes' names.
func namedTask() Task {
	t := evaluateTask()
	t.Evaluate.Metrics, t.Evaluate.PositiveName, t.Evaluate.NegativeName = 2, "sclerosed", "normal"
	return t
}

func allTasks() []Task {
	return append([]Task{pretrainTask(), aloneTask(), stainsTask(), evaluateTask(), namedTask(), pairedTask()}, madeTasks()...)
}

// A key is a promise: results are stored under it for years. If this test fails,
// stored results are lost to their users, so change the class, not the keys.
func TestGoldenKeys(t *testing.T) {
	var b strings.Builder
	for _, task := range allTasks() {
		text, err := json.Marshal(task)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n  %d bytes, key %s\n", text, len(task.Canonical()), task.Key())
	}
	golden.Check(t, "testdata/keys.golden", b.String())
}

func TestEncodingsRoundTrip(t *testing.T) {
	for _, task := range allTasks() {
		back, err := DecodeTask(task.Canonical())
		if err != nil || !reflect.DeepEqual(back, task) {
			t.Errorf("%s: canonical: %v, %+v", task.Kind, err, back)
		}
		text, err := json.Marshal(task)
		if err != nil {
			t.Fatal(err)
		}
		var fromJSON Task
		if err := json.Unmarshal(text, &fromJSON); err != nil || fromJSON.Key() != task.Key() {
			t.Errorf("%s: JSON: %v, %+v", task.Kind, err, fromJSON)
		}
	}
}

// mutate calls visit once per leaf below v, with the leaf changed meanwhile.
func mutate(v reflect.Value, path string, visit func(path string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			mutate(v.Elem(), path, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			mutate(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	default:
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch v.Kind() {
		case reflect.Int:
			v.SetInt(v.Int() + 1)
		case reflect.Uint32:
			v.SetUint(v.Uint() + 1)
		case reflect.Float64:
			v.SetFloat(math.Nextafter(v.Float(), math.Inf(1)))
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Slice:
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		case reflect.Array:
			v.Index(31).SetUint(v.Index(31).Uint() ^ 1)
		default:
			panic("a field of a kind that mutate does not know: " + path)
		}
		visit(path)
		v.Set(old)
	}
}

// Every field of a task enters its key, down to the last bit.
func TestEveryFieldIsInTheKey(t *testing.T) {
	for _, task := range allTasks() {
		before, fields := task.Key(), 0
		for _, body := range []any{task.Pretrain, task.Finetune, task.Evaluate, task.Paired, task.Stain} {
			mutate(reflect.ValueOf(body), string(task.Kind), func(path string) {
				fields++
				if task.Key() == before {
					t.Errorf("%s is not in the key", path)
				}
			})
		}
		if fields < 18 && task.Kind != KindStain || fields < 7 {
			t.Errorf("%s: only %d fields seen", task.Kind, fields)
		}
		task.Numerics = "cpu-9"
		if task.Key() == before {
			t.Error("the numerics class is not in the key")
		}
	}
}

func TestInputs(t *testing.T) {
	if in := pretrainTask().Inputs(); len(in) != 0 {
		t.Errorf("a pretraining needs %v", in)
	}
	if in := stainsTask().Inputs(); !reflect.DeepEqual(in, []Key{pretrainTask().Key(), fill(3)}) {
		t.Errorf("generators %v", in)
	}
	if in := evaluateTask().Inputs(); !reflect.DeepEqual(in, []Key{stainsTask().Key(), fill(0xc3)}) {
		t.Errorf("evaluation %v", in)
	}
}

func TestLoadSide(t *testing.T) {
	for _, c := range []struct {
		size int
		load float64
		want int
	}{{224, 1.117, 250}, {64, 1.117, 71}, {64, 1, 64}, {256, 1.1171875, 286}} {
		if got := LoadSide(c.size, c.load); got != c.want {
			t.Errorf("LoadSide(%d, %v) = %d, want %d", c.size, c.load, got, c.want)
		}
	}
}

func TestKeyText(t *testing.T) {
	k := pretrainTask().Key()
	back, err := ParseKey(k.String())
	if err != nil || back != k {
		t.Errorf("%v, %v", back, err)
	}
	for _, bad := range []string{"", "abc", k.String()[1:], k.String() + "0", strings.ToUpper(fill(0xab).String()), strings.Repeat("g", 64)} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q passes for a key", bad)
		}
	}
	if !k.HasPrefix(k.Short()) || k.HasPrefix("") || k.HasPrefix(k.String()[:3]) || fill(0xab).HasPrefix("abac") {
		t.Error("prefixes")
	}
}

func TestNumericsClasses(t *testing.T) {
	for _, good := range []string{"cpu-1", "cpu-portable-1", "cuda-sm80-1", "cuda-sm86-1", "cuda-sm90a-1", "ref-1", "cpu-12", "cuda-sm120-1-driver580.65.06"} {
		if err := CheckNumerics(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "cpu", "cpu-0", "cpu-01", "gpu-1", "cuda-1", "cuda-sm90b-1", "cpu-1\n", "cpu-1-driver580", "CPU-1"} {
		if CheckNumerics(bad) == nil {
			t.Errorf("%q passes for a class", bad)
		}
	}
	if !IsCUDA("cuda-sm80-1") || IsCUDA("cpu-1") {
		t.Error("IsCUDA")
	}
}
