package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
	"g2c/experiments/record"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
	"g2c/experiments/synthetic"
	"g2c/model/metrics"
	"g2c/model/results"
)

// plan expands testdata/small.yaml with edits.
func plan(t testing.TB, sets ...string) *sweep.Plan {
	t.Helper()
	text, err := os.ReadFile("testdata/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return planOf(t, text, sets...)
}

// planOf expands a spec with edits.
func planOf(t testing.TB, text []byte, sets ...string) *sweep.Plan {
	t.Helper()
	f, err := spec.Parse("small.yaml", text, sets...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sweep.Expand(f, sweep.Options{Numerics: api.ClassCPU, Fingerprint: func(d api.DataSet) (api.Key, error) {
		text, err := json.Marshal(d)
		return sha256.Sum256(text), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world writes what a training of a plan would leave, with curves, predictions and
// images that look like real ones, into a store of its own.
type world struct {
	t     testing.TB
	repo  *checkpoint.Repo
	dir   string
	plan  *sweep.Plan
	patch func(stain string, i int) []uint8 // images of side 64
	truth bool                              // generators are judged against the truth
}

func newWorld(t testing.TB, p *sweep.Plan) *world {
	t.Helper()
	dir := t.TempDir()
	s, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, repo: checkpoint.New(s), dir: dir, plan: p, patch: drawn, truth: true}
}

// drawn is synthetic patch i in a stain; patches are drawn once.
func drawn(stain string, i int) []uint8 {
	drawnOnce.Do(func() {
		for i := range drawnPatches {
			drawnPatches[i] = synthetic.RenderAll(1, uint32(i), 0, synthetic.Classes[i%len(synthetic.Classes)], 64)
		}
	})
	for k, s := range synthetic.Stains {
		if string(s) == stain {
			return drawnPatches[i%len(drawnPatches)][k]
		}
	}
	panic("no stain " + stain)
}

var (
	drawnOnce    sync.Once
	drawnPatches [6][][]uint8
)

// all finishes every task but those that skip names.
func (w *world) all(skip ...string) {
	w.t.Helper()
	for _, item := range w.plan.Items {
		skipped := false
		for _, name := range skip {
			skipped = skipped || item.Name() == name
		}
		if !skipped {
			w.finish(item)
		}
	}
}

func (w *world) random(item *sweep.Item) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(item.Key[0])<<8|uint64(item.Key[1]), uint64(item.Key[2])))
}

func (w *world) finish(item *sweep.Item) {
	w.t.Helper()
	switch item.Task.Kind {
	case api.KindPretrain:
		judged, samples := w.pretrain(item.Task.Pretrain, w.random(item))
		w.save(item, 12*132, judged, samples, item.Name())
	case api.KindPaired:
		judged, samples := w.paired(item.Task.Paired, w.random(item))
		w.save(item, 1500, judged, samples, item.Name())
	case api.KindFinetune:
		w.save(item, 310, w.finetune(item.Task.Finetune, w.random(item)), nil, item.Name())
	case api.KindEvaluate:
		w.save(item, 0, w.evaluate(item.Task.Evaluate, w.random(item)), nil, "")
		return
	}
	seconds := results.Timing{Seconds: 61.25 + float64(item.Key[0]), Saves: 3}
	if err := w.repo.PutRecord(context.Background(), item.Key.String(), results.TimingRecord, seconds); err != nil {
		w.t.Fatal(err)
	}
}

// weights are a file of weights with an attention, different for every text.
func weights(t testing.TB, text string) store.Body {
	t.Helper()
	body, err := safetensors.Encode([]safetensors.Tensor{
		safetensors.Float32("classifier.attention.0.fc1.weight", []int{2, 3}, make([]float32, 6)),
		safetensors.Float32("classifier.bn.running_mean", []int{7}, make([]float32, 7)),
		safetensors.Float32("classifier.head.weight", []int{10, 5}, make([]float32, 50)),
		safetensors.Float32("generators.0.head.weight", []int{11}, make([]float32, 11)),
	}, map[string]string{"of": text})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// save stores a final checkpoint; its weights are those of a text.
func (w *world) save(item *sweep.Item, step int64, judged any, samples []safetensors.Tensor, name string) {
	w.t.Helper()
	judgedText, err := json.Marshal(judged)
	if err != nil {
		w.t.Fatal(err)
	}
	description, err := json.Marshal(item.Task)
	if err != nil {
		w.t.Fatal(err)
	}
	payloads := map[string]store.Body{checkpoint.Results: bytes.NewReader(judgedText)}
	if name != "" {
		payloads[checkpoint.Weights] = weights(w.t, name)
	}
	if samples != nil {
		if payloads[results.Samples], err = safetensors.Encode(samples, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	_, err = w.repo.Save(context.Background(), checkpoint.Snapshot{
		Kind: checkpoint.Kind(item.Task.Kind), Task: item.Key.String(), Class: item.Task.Numerics, Step: step, Epoch: 1, Final: true,
		Description: description, Payloads: payloads,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pretrain(p *api.Pretrain, r *rand.Rand) (results.Pretrain, []safetensors.Tensor) {
	out := results.Pretrain{Losses: []string{"gan_AB", "gan_BA", "cycle_A", "cycle_B", "identity_A", "identity_B", "D_A", "D_B"}}
	var samples []safetensors.Tensor
	for e := range p.Epochs {
		fall := 1 / (1 + float64(e)/3)
		noisy := func(from, to float64) float64 { return to + (from-to)*fall*(0.92+0.16*r.Float64()) }
		out.Epochs = append(out.Epochs, results.PretrainEpoch{Epoch: e, LR: p.LR, Losses: []float64{
			noisy(0.9, 0.4), noisy(0.85, 0.36), noisy(4, 0.9), noisy(3.6, 1.1), noisy(2, 0.4), noisy(1.9, 0.5), noisy(0.6, 0.2), noisy(0.55, 0.18),
		}})
		if e == 0 || e+1 == p.Epochs || (e+1)%4 == 0 {
			out.Shown = append(out.Shown, e)
			samples = append(samples, w.shown(p, e, fall)...)
		}
	}
	out.Metrics = results.Generator{Images: 60, CycleL1: metrics.Number(0.04 + 0.02*r.Float64()), CycleSSIM: metrics.Number(0.85 + 0.1*r.Float64()), ColourDistance: metrics.Number(0.1 * r.Float64())}
	if w.truth {
		ssim, psnr := metrics.Number(0.6+0.1*r.Float64()), metrics.Number(18+3*r.Float64())
		out.Metrics.SSIM, out.Metrics.PSNR = &ssim, &psnr
	}
	return out, samples
}

// paired is what a training on pairs leaves: its third epoch of four is not shown.
func (w *world) paired(p *api.Paired, r *rand.Rand) (results.Paired, []safetensors.Tensor) {
	out := results.Paired{Losses: []string{"gan", "l1", "D_real", "D_fake"}, Shown: []int{0, 1, 3}}
	var samples []safetensors.Tensor
	for e := range 4 {
		fall := 1 / (1 + float64(e))
		out.Epochs = append(out.Epochs, results.PretrainEpoch{Epoch: e, LR: p.LR, Losses: []float64{0.7 + fall, 10 + 20*fall, 0.3, 0.35}})
		if e == 2 {
			continue
		}
		for kind, stain := range map[string]string{"real_A": p.Source, "fake_B": p.Stain, "real_B": p.Stain} {
			var v []uint8
			for i := range results.ShowImages {
				v = append(v, enlarged(w.patch(stain, i), p.Size)...)
			}
			samples = append(samples, safetensors.Uint8(results.ShowName(e, kind), []int{len(v)}, v))
		}
	}
	out.Metrics = results.Pairs{
		Split: "test", Images: 20, Model: results.Likeness{SSIM: metrics.Number(0.7 + 0.1*r.Float64()), PSNR: 21.25},
		Source: results.Likeness{SSIM: 0.625, PSNR: 18.5}, Reinhard: results.Likeness{SSIM: 0.64, PSNR: 19.75},
	}
	return out, samples
}

// shown are the images of an epoch: what is generated is the target, paler the
// earlier.
func (w *world) shown(p *api.Pretrain, epoch int, fall float64) []safetensors.Tensor {
	var out []safetensors.Tensor
	for _, kind := range results.ShowKinds {
		var v []uint8
		for i := range results.ShowImages {
			stain := p.Source
			switch kind {
			case "fake_B", "real_B", "cycle_B", "identity_B":
				stain = p.Stain
			}
			im := enlarged(w.patch(stain, i), p.Size)
			if kind != "real_A" && kind != "real_B" {
				im = faded(im, 0.7*fall)
			}
			v = append(v, im...)
		}
		out = append(out, safetensors.Uint8(results.ShowName(epoch, kind), []int{len(v)}, v))
	}
	return out
}

// enlarged repeats the pixels of an image of side 64.
func enlarged(im []uint8, size int) []uint8 {
	out := make([]uint8, 3*size*size)
	for y := range size {
		for x := range size {
			copy(out[3*(y*size+x):][:3], im[3*(y*64/size*64+x*64/size):])
		}
	}
	return out
}

func faded(im []uint8, by float64) []uint8 {
	out := make([]uint8, len(im))
	for i, v := range im {
		out[i] = uint8(float64(v)*(1-by) + 170*by)
	}
	return out
}

func (w *world) finetune(f *api.Finetune, r *rand.Rand) results.Finetune {
	out := results.Finetune{Selected: f.Epochs - 1}
	for e := range f.Epochs {
		var samples []metrics.Sample
		for i := range 80 {
			samples = append(samples, metrics.Sample{P: float64(1-i%2)*0.5*(1-1/(2+float64(e))) + 0.65*r.Float64(), Class: i % 2})
		}
		b := metrics.Judge(samples)
		out.Epochs = append(out.Epochs, results.FinetuneEpoch{
			Epoch: e, LR: f.LR, Frozen: e < f.FrozenEpochs, Loss: 0.02 + 0.2/(1+float64(e))*(0.9+0.2*r.Float64()), Validation: &b,
		})
	}
	return out
}

// evaluate judges 45 positive and 138 negative test images of 12 slides; arms
// with more stains judge better.
func (w *world) evaluate(e *api.Evaluate, r *rand.Rand) results.Evaluate {
	f, names := &e.Model, e.ClassNames()
	out := results.Evaluate{PositiveName: names[0], NegativeName: names[1], Stains: f.Stains, Size: f.Size, Splits: map[string]results.Split{}}
	hard := rand.New(rand.NewPCG(1, 2)) // the same images are hard for every arm
	for _, split := range []string{"train", "validation", "test"} {
		var samples []metrics.Sample
		for i := range 183 {
			class, label := 1, f.Negative[0]
			if i < 45 {
				class, label = 0, f.Positive[i%len(f.Positive)]
			}
			skill := 1.3 + 0.25*float64(len(f.Stains))
			if split == "train" {
				skill += 1
			}
			z := skill*float64(1-2*class) + 0.8*hard.NormFloat64() + 0.5*r.NormFloat64()
			p := results.Prediction{
				Name: patchName(split, label, i), Split: split, Group: fmt.Sprintf("slide%02d", i%12), Label: label,
				Class: class, P: min(max(0.5+z/4, 0.001), 0.999),
			}
			out.Predictions = append(out.Predictions, p)
			samples = append(samples, p.Sample())
		}
		out.Splits[split] = results.Judge(samples, names[0], names[1])
	}
	out.Gap = out.Splits["train"].BalancedAccuracy - out.Splits["test"].BalancedAccuracy
	return out
}

func patchName(split, label string, i int) string {
	return fmt.Sprintf("%s/%s/slide%02d-%03d.png", split, label, i%12, i)
}

// patches are the images that a report asks for, as a run makes them.
func (w *world) patches(wanted []Request) []Patches {
	var all []Patches
	for _, r := range wanted {
		f := &w.plan.Find(r.Evaluation).Task.Evaluate.Model
		p := Patches{Request: r, Size: f.Size, Stains: len(f.Stains)}
		for _, name := range r.Names {
			var i int
			if _, err := fmt.Sscanf(name[len(name)-7:], "%03d.png", &i); err != nil {
				w.t.Fatal(err)
			}
			p.Source = append(p.Source, enlarged(w.patch(f.Source, i), f.Size)...)
			for _, s := range f.Stains {
				p.Generated = append(p.Generated, enlarged(w.patch(s, i), f.Size)...)
			}
		}
		all = append(all, p)
	}
	return all
}

// source is the run of the world's plan.
func (w *world) source() *record.Experiment {
	return &record.Experiment{
		Format: record.Version, Spec: "apiVersion: g2c/v1\n", Command: "g2c run small.yaml", Plan: w.plan,
		Run: &record.Run{Version: "v1", Commit: "0123456789abcdef", Device: "cpu", Hardware: []string{"a processor, 2 threads"}},
	}
}

func (w *world) collect() *Data {
	w.t.Helper()
	d, err := Collect(context.Background(), w.repo, w.source())
	if err != nil {
		w.t.Fatal(err)
	}
	d.Show(w.patches(d.Requests()))
	d.Authenticate(w.judged)
	return d
}

// judged is what joint training made of a fine-tuning's generators: the first stain is
// spoilt, of the others every second stood still.
func (w *world) judged(key api.Key) *Judged {
	w.t.Helper()
	f := w.plan.Find(key).Task.Finetune
	j := &Judged{Authenticity: results.Authenticity{Version: results.AuthenticityVersion, Of: results.OfTest, Images: 32}, Shown: results.Shown{Size: f.Size, Names: []string{"a.png", "b.png"}}}
	number := func(v float64) *metrics.Number { n := metrics.Number(v); return &n }
	images := func(stain string, faint float64) (out []uint8) {
		for i := range j.Names {
			out = append(out, faded(enlarged(w.patch(stain, i), f.Size), faint)...)
		}
		return out
	}
	j.Source = images(f.Source, 0)
	for i, stain := range f.Stains {
		before := results.Looks{CycleL1: number(0.0625), CycleSSIM: number(0.875), ColourDistance: 0.03125, Checkering: 0.015625}
		if w.truth {
			before.SSIM, before.PSNR = number(0.75), number(20.5)
		}
		g := results.Authentic{Stain: stain, Pretrained: f.Generators[i].String(), Before: before, After: before, Drift: results.Drift{SSIM: 1}, RealCheckering: 0.0078125}
		s := results.ShownStain{Stain: stain, Before: images(stain, 0), After: images(stain, 0)}
		if i%2 == 0 {
			g.After.ColourDistance, g.After.Checkering = 0.375, 0.0625
			g.Drift = results.Drift{Weights: 0.09375, Images: 0.1875, SSIM: 0.5}
			s.After = images(stain, 0.6)
		}
		if w.truth {
			s.Truth = images(stain, 0)
		}
		j.Generators, j.Stains = append(j.Generators, g), append(j.Stains, s)
	}
	return j
}
