package datasource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/synthetic"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/pixelcache"
)

var world = &api.Synthetic{Patients: 4, Patches: 3, Seed: 1}

// onDisk writes the synthetic world as folders, and says where.
func onDisk(t *testing.T) api.Where {
	t.Helper()
	dir := t.TempDir()
	where := api.Where{Source: "PAS", Labelled: &api.Labelled{Pattern: synthetic.GroupPattern}}
	set, err := synthetic.Labelled(synthetic.Config(*world), synthetic.PAS, 64)
	if err != nil {
		t.Fatal(err)
	}
	for split, to := range map[dataset.Split]*[]string{
		dataset.Train: &where.Labelled.Train, dataset.Test: &where.Labelled.Test,
	} {
		path := filepath.Join(dir, string(split))
		if err := dataset.WriteFolder(path, set.Split(split)); err != nil {
			t.Fatal(err)
		}
		*to = []string{path}
	}
	for _, stain := range []string{"HE", "PAS"} {
		domain, err := synthetic.Domain(synthetic.Config(*world), synthetic.Stain(stain), 64)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, stain)
		if err := dataset.WriteFolder(path, domain); err != nil {
			t.Fatal(err)
		}
		where.Unlabelled = append(where.Unlabelled, api.StainPaths{Stain: stain, Paths: []string{path}})
	}
	return where
}

func fingerprint(t *testing.T, o *Opener, d api.DataSet) api.Key {
	t.Helper()
	k, err := o.Fingerprint(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The parts of the data have fingerprints of their own: test images alone and
// among all splits are the same, and other labels are another set.
func TestPartsHaveFingerprintsOfTheirOwn(t *testing.T) {
	where := onDisk(t)
	o := &Opener{Cache: pixelcache.New(pixelcache.Options{Dir: t.TempDir()})}
	all := api.DataSet{Part: api.PartTest, Side: 64, Fit: api.FitResize, Where: where}
	alone := all
	alone.Where.Labelled = &api.Labelled{Pattern: where.Labelled.Pattern, Test: where.Labelled.Test}
	test := fingerprint(t, o, all)
	if got := fingerprint(t, o, alone); got != test {
		t.Errorf("test images alone are %s, among all %s", got.Short(), test.Short())
	}
	training := all
	training.Part = api.PartTraining
	if fingerprint(t, o, training) == test {
		t.Error("training and test images have one fingerprint")
	}
	fewer := all
	fewer.Labels = []string{"gs", "ss"}
	if fingerprint(t, o, fewer) == test {
		t.Error("labels do not matter")
	}
	set, err := o.Labelled(t.Context(), fewer)
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Classes(); len(got) != 2 {
		t.Errorf("classes %v", got)
	}
}

func TestPairsDependOnBothStainsAndTheSide(t *testing.T) {
	o := &Opener{}
	he := api.DataSet{Part: api.PartUnlabelled, Stain: "HE", Side: 64, Fit: api.FitResize, Where: onDisk(t)}
	print := fingerprint(t, o, he)
	if again := fingerprint(t, &Opener{}, he); again != print {
		t.Error("a second opener finds another fingerprint")
	}
	larger := he
	larger.Side = 71
	if fingerprint(t, o, larger) == print {
		t.Error("the side does not matter")
	}
}

// The target of a stain that is made is the images of that stain alone, and is the same
// for those who ask for the set to pack it.
func TestTargetsAreOneStain(t *testing.T) {
	o := &Opener{}
	he := api.DataSet{Part: api.PartTarget, Stain: "HE", Side: 64, Fit: api.FitResize, Where: onDisk(t)}
	print := fingerprint(t, o, he)
	sets, err := o.Sets(t.Context(), he)
	if err != nil || len(sets) != 1 || dataset.PackFingerprint(sets...) != print.String() {
		t.Errorf("%d sets, %v", len(sets), err)
	}
	pair := he
	pair.Part = api.PartUnlabelled
	pas := he
	pas.Stain = "PAS"
	if fingerprint(t, o, pair) == print || fingerprint(t, o, pas) == print {
		t.Error("a pair, or another stain, has the target's fingerprint")
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	where := onDisk(t)
	o := &Opener{}
	d := api.DataSet{Part: api.PartUnlabelled, Stain: "PASM", Side: 64, Fit: api.FitResize, Where: where}
	if _, err := o.Fingerprint(t.Context(), d); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("a stain without images: %v", err)
	}
	d = api.DataSet{Part: api.PartTraining, Side: 64, Fit: api.FitResize, Where: where, Labels: []string{"gs", "none"}}
	if _, err := o.Labelled(t.Context(), d); !errors.Is(err, fault.ErrData) {
		t.Errorf("a label without images: %v", err)
	}
	where.Unlabelled[0].Paths = []string{filepath.Join(t.TempDir(), "nowhere")}
	d = api.DataSet{Part: api.PartUnlabelled, Stain: "HE", Side: 64, Fit: api.FitResize, Where: where}
	if _, err := o.Fingerprint(t.Context(), d); !errors.Is(err, fault.ErrData) {
		t.Errorf("a missing folder: %v", err)
	}
}

// The verdict is kept with a set, also with one that is refused, and says what the
// generators have seen.
func TestVerdicts(t *testing.T) {
	where := onDisk(t)
	o := &Opener{Cache: pixelcache.New(pixelcache.Options{Dir: t.TempDir()})}
	d := api.DataSet{Part: api.PartTest, Side: 64, Fit: api.FitResize, Where: where}
	v, err := o.Verdict(t.Context(), d)
	if err != nil || v.Worst() != dataset.OK || !strings.Contains(v.Text(), "No patient is in two splits") {
		t.Fatalf("%v\n%s", err, v.Text())
	}
	where.Unlabelled[1].Paths = append(where.Unlabelled[1].Paths, where.Labelled.Test...)
	d.Where = where
	work := []*api.Work{
		{Task: api.Task{Kind: api.KindEvaluate, Evaluate: &api.Evaluate{Model: api.Finetune{Origin: api.Origin{Source: "PAS"}, View: api.View{Size: 64, Fit: api.FitResize}}}}, Where: where},
		{Task: api.Task{Kind: api.KindPretrain, Pretrain: &api.Pretrain{Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitResize}, CycleGAN: api.CycleGAN{Load: 1.117}}}, Where: where},
	}
	for side, want := range map[Side]int{SideSeen: 64, SideLoaded: 71} {
		reads, err := o.Experiment(t.Context(), work, side)
		if err != nil || len(reads) != 3 || reads[1].Set.Side() != want {
			t.Fatalf("%d sets, %v", len(reads), err)
		}
		if v := reads[0].Verdict; v.Worst() != dataset.Warn || !strings.Contains(v.Text(), "test images are among the unlabelled patches of PAS") ||
			!strings.Contains(v.Text(), "No test image is among the unlabelled patches of HE") {
			t.Errorf("the verdict is\n%s", v.Text())
		}
	}
	where.Unlabelled[0].Paths = where.Unlabelled[1].Paths // where is shared with the tasks
	reads, err := o.Experiment(t.Context(), work, SideSeen)
	if err != nil || !strings.Contains(reads[2].Verdict.Text(), "Of HE") || !strings.Contains(reads[2].Verdict.Text(), "among the patches of PAS too") {
		t.Errorf("one folder for both stains: %v\n%s", err, reads[2].Verdict.Text())
	}
	where.Labelled.Test = where.Labelled.Train
	reads, err = o.Experiment(t.Context(), work, SideSeen)
	if !errors.Is(err, fault.ErrData) || len(reads) != 1 || reads[0].Set != nil {
		t.Errorf("one folder in two splits: %d sets, %v", len(reads), err)
	}
	d.Where.Labelled = &api.Labelled{Train: where.Labelled.Train, Test: []string{copied(t, where.Labelled.Train[0])}, Pattern: where.Labelled.Pattern}
	v, err = o.Verdict(t.Context(), d)
	if !errors.Is(err, fault.ErrData) || v.Worst() != dataset.Error {
		t.Errorf("one patient in two splits: %v\n%s", err, v.Text())
	}
	v, err = o.Verdict(t.Context(), api.DataSet{Part: api.PartTest, Side: 64, Where: api.Where{Source: "PAS", Synthetic: world}})
	if err != nil || v.Worst() != dataset.OK || len(v.Counts) == 0 {
		t.Errorf("synthetic tissue: %v\n%s", err, v.Text())
	}
}

// copied is a copy of a folder.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Of labelled images, those of a task's labels are taken: training images alone, with a
// fingerprint of their own, while the test images stay as they are.
func TestTake(t *testing.T) {
	where := onDisk(t)
	o := &Opener{Cache: pixelcache.New(pixelcache.Options{Dir: t.TempDir()})}
	d := api.DataSet{Part: api.PartTraining, Side: 64, Fit: api.FitResize, Labels: []string{"gs", "noa"}, Where: where}
	all, err := o.Labelled(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	few := d
	l := *where.Labelled
	l.Take, l.Seed = 2, 5
	few.Where.Labelled = &l
	got, err := o.Labelled(t.Context(), few)
	if err != nil {
		t.Fatal(err)
	}
	if n := got.Split(dataset.Train).Len(); n != 2 || all.Split(dataset.Train).Len() <= 2 {
		t.Errorf("%d of %d training images are taken, want 2", n, all.Split(dataset.Train).Len())
	}
	if classes := got.Split(dataset.Train).Classes(); len(classes) != 2 {
		t.Errorf("they are of the classes %v", classes)
	}
	for _, part := range []api.Part{api.PartTraining, api.PartTest} {
		d.Part, few.Part = part, part
		if same := fingerprint(t, o, d) == fingerprint(t, o, few); same != (part == api.PartTest) {
			t.Errorf("the %s images have the fingerprint of all: %v", part, same)
		}
	}
}

// Names of columns that nobody wrote may be missing, also where an older program filled
// them in; written ones may not.
func TestColumnsThatWereWritten(t *testing.T) {
	where := onDisk(t)
	dir := filepath.Dir(where.Labelled.Train[0])
	table := filepath.Join(dir, "table.csv")
	text := "Path,label\n"
	set, _, err := dataset.Unlabelled(t.Context(), where.Labelled.Train, dataset.Options{Side: 64})
	if err != nil {
		t.Fatal(err)
	}
	for i := range set.Len() {
		im := set.Image(i)
		text += im.File + "," + filepath.Base(filepath.Dir(im.File)) + "\n"
	}
	if err := os.WriteFile(table, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	filled := api.Columns{Path: "path", Label: "label", Patient: "patient", Slide: "slide"}
	written := api.Columns{Patient: "patient"}
	for what, c := range map[string]struct {
		columns api.Columns
		ok      bool
	}{"nobody wrote them": {api.Columns{}, true}, "an older program": {filled, true}, "the user": {written, false}} {
		d := api.DataSet{Part: api.PartTraining, Side: 64, Fit: api.FitResize, Where: api.Where{
			Source: "PAS", Labelled: &api.Labelled{Train: []string{table}, Columns: c.columns, Named: !c.ok},
		}}
		_, err := (&Opener{Cache: pixelcache.New(pixelcache.Options{Dir: t.TempDir()})}).Labelled(t.Context(), d)
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), "patient")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Synthetic tissue knows the truth: the same tissue in the other stain.
func TestTruth(t *testing.T) {
	o := &Opener{}
	d := api.DataSet{Stain: "HE", Where: api.Where{Source: "PAS", Synthetic: world}}
	probe, truth, err := o.Truth(t.Context(), d, 64)
	if err != nil {
		t.Fatal(err)
	}
	if probe.Len() == 0 || probe.Len() != truth.Len() {
		t.Fatalf("%d images, %d truths", probe.Len(), truth.Len())
	}
	for i := range probe.Len() {
		if probe.Image(i).Name != truth.Image(i).Name {
			t.Errorf("image %d is %s, its truth %s", i, probe.Image(i).Name, truth.Image(i).Name)
		}
	}
	d.Where = onDisk(t)
	if probe, _, err := o.Truth(t.Context(), d, 64); probe != nil || err != nil {
		t.Errorf("real tissue has a truth: %v, %v", probe, err)
	}
}

// A set that nobody has asked for lately makes room.
func TestAnOpenerForgets(t *testing.T) {
	const side, one = 8, 8 * 8 * 3
	o := &Opener{Keep: 5 * one}
	for i := range 100 {
		if _, err := o.get(t.Context(), fmt.Sprint(i), func() (*dataset.Set, error) {
			return dataset.New(side, []dataset.Image{{Name: "a"}}, [][]uint8{make([]uint8, one)}), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := o.sets.Len(); n != 5 {
		t.Errorf("%d sets are kept", n)
	}
}

// What was not there is looked for again.
func TestAnOpenerTriesAgain(t *testing.T) {
	where := onDisk(t)
	path := where.Unlabelled[0].Paths[0]
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	o := &Opener{}
	d := api.DataSet{Part: api.PartUnlabelled, Stain: "HE", Side: 64, Fit: api.FitResize, Where: where}
	if _, err := o.Fingerprint(t.Context(), d); !errors.Is(err, fault.ErrData) {
		t.Fatal(err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	fingerprint(t, o, d)
}

// The images of an experiment are decoded once, however many of its tasks read them.
func TestTasksShareTheirImages(t *testing.T) {
	o := &Opener{}
	where := onDisk(t)
	training := where
	l := *where.Labelled
	l.Test = nil
	training.Labelled = &l
	a, err := o.Labelled(t.Context(), api.DataSet{Part: api.PartTraining, Side: 64, Fit: api.FitResize, Where: training})
	if err != nil {
		t.Fatal(err)
	}
	b, err := o.Labelled(t.Context(), api.DataSet{Part: api.PartTest, Side: 64, Fit: api.FitResize, Where: where})
	if err != nil {
		t.Fatal(err)
	}
	refs := map[string]pixelcache.Ref{}
	for i := range b.Len() {
		refs[b.Image(i).File] = b.Ref(i)
	}
	for i := range a.Len() {
		if refs[a.Image(i).File] != a.Ref(i) {
			t.Errorf("%s is there twice", a.Image(i).Name)
		}
	}
}

// Patches of the size that the networks see are not refused for being cut out of something
// larger.
func TestRefusedSizesAreThoseThatAreSeen(t *testing.T) {
	where := onDisk(t)
	p := api.Pretrain{Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitRefuse}, CycleGAN: api.CycleGAN{Load: 1.117}}
	exact, _, err := dataset.Unlabelled(t.Context(), pathsOf(where, "HE"), dataset.Options{Side: 64})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := dataset.WriteFolder(dir, exact); err != nil {
		t.Fatal(err)
	}
	for i := range where.Unlabelled {
		where.Unlabelled[i].Paths = []string{dir}
	}
	set, err := (&Opener{}).Unlabelled(t.Context(), p.Pair(where), "HE")
	if err != nil || set.Side() != 71 {
		t.Errorf("patches of 64 pixels for a pretraining at 64: %v", err)
	}
	p.Size = 68
	if _, err := (&Opener{}).Unlabelled(t.Context(), p.Pair(where), "HE"); !errors.Is(err, fault.ErrData) {
		t.Errorf("patches of 64 pixels for a pretraining at 68: %v", err)
	}
}
