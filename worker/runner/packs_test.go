package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"g2c/api"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/experiments/datasource"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/pixelcache"
	"g2c/kernels"
)

// images is a small set: a few images of some classes. No two of a shade, or of two
// shades, are equal.
func images(t *testing.T, dir string, shade int, classes ...string) {
	t.Helper()
	var list []dataset.Image
	var pixels [][]uint8
	for i := range 3 * len(classes) {
		p := make([]uint8, 64*64*3)
		for j := range p {
			p[j] = uint8((i+1)*j + 37*shade)
		}
		class := classes[i%len(classes)]
		list = append(list, dataset.Image{Name: class + "/" + string(rune('a'+i)) + ".png", Label: class})
		pixels = append(pixels, p)
	}
	if err := dataset.WriteFolder(dir, dataset.New(64, list, pixels)); err != nil {
		t.Fatal(err)
	}
}

// uploaded puts what a question asks for into a store, as a pack, and gives its
// fingerprint.
func uploaded(t *testing.T, to store.Store, from *datasource.Opener, q api.DataSet) api.Key {
	t.Helper()
	sets, err := from.Sets(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dataset.WritePack(&b, sets...); err != nil {
		t.Fatal(err)
	}
	key, err := from.Fingerprint(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Put(t.Context(), api.DataName(key), bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	return key
}

// What an evaluation reads from packs is what it would read from the folders, to the
// bit and in the same order; and a worker that has no folders reads it.
func TestPacksAreWhatFoldersAre(t *testing.T) {
	dir := t.TempDir()
	images(t, filepath.Join(dir, "train"), 1, "x", "y", "z")
	images(t, filepath.Join(dir, "test"), 2, "x", "y", "z")
	store, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	here := &datasource.Opener{}
	q := api.DataSet{Part: api.PartTest, Side: 64, Fit: api.FitResize, Labels: []string{"x", "y"}, Where: api.Where{
		Source: "PAS", Labelled: &api.Labelled{Train: []string{filepath.Join(dir, "train")}, Test: []string{filepath.Join(dir, "test")}},
	}}
	keys := map[api.Part]api.Key{}
	for _, part := range []api.Part{api.PartTraining, api.PartTest} {
		q.Part = part
		keys[part] = uploaded(t, store, here, q)
	}
	want, err := here.Labelled(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	w := api.Work{Task: api.EvaluateTask(api.ClassCPU, api.Evaluate{Model: api.Finetune{Data: keys[api.PartTraining]}, Data: keys[api.PartTest]}), Where: q.Where}
	cached := pixelcache.New(pixelcache.Options{Dir: t.TempDir()})
	defer cached.Close()
	packs := &Packs{Paths: nowhere{}, Store: store}
	for what, p := range map[string]*Packs{
		"in memory": packs, "fetched": {Paths: nowhere{}, Store: store, Cache: cached}, "kept": {Paths: nowhere{}, Store: store, Cache: cached},
	} {
		d, release, err := p.For(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		got, err := d.Labelled(ctx, q)
		if err != nil || got.Fingerprint() != want.Fingerprint() || (got.HeapBytes() == 0) != (p.Cache != nil) {
			t.Fatalf("%s: the packs have %s, the folders %s; %v", what, got.Fingerprint(), want.Fingerprint(), err)
		}
		for i := range got.Len() {
			a, err := got.Pixels(i)
			b, err2 := want.Pixels(i)
			if err != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: image %d has other pixels, %v, %v", what, i, err, err2)
			}
		}
		if k, err := d.Fingerprint(ctx, q); err != nil || k != keys[api.PartTest] {
			t.Errorf("%s: fingerprint %s, %v", what, k, err)
		}
	}
	if n := pixelcache.Measure(cached.Dir()); n.Files != 2 {
		t.Errorf("the cache has %+v, want two packs", n)
	}
	var d Data
	w.Task.Evaluate.Data = api.Key{1}
	if d, _, err = packs.For(ctx, w); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Labelled(ctx, q); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("half of it in packs: %v, want that the folders are asked", err)
	}
	bad := api.Key{2}
	if err := store.Put(ctx, api.DataName(bad), bytes.NewReader([]byte("garbage"))); err != nil {
		t.Fatal(err)
	}
	w.Task = api.FinetuneTask(api.ClassCPU, api.Finetune{Data: bad})
	if _, _, err := packs.For(ctx, w); !errors.Is(err, fault.ErrData) {
		t.Errorf("garbage in the store: %v", err)
	}
}

// The target of a stain that is made comes from a pack, too.
func TestATargetFromAPack(t *testing.T) {
	dir := t.TempDir()
	images(t, filepath.Join(dir, "HE"), 3, "x", "y")
	store, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	where := api.Where{Source: "PAS", Unlabelled: []api.StainPaths{{Stain: "HE", Paths: []string{filepath.Join(dir, "HE")}}}}
	s := api.Stain{Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitResize}, Method: api.MethodReinhard}
	here := &datasource.Opener{}
	s.Data = uploaded(t, store, here, s.Target(where))
	want, err := here.Unlabelled(t.Context(), s.Target(where), "HE")
	if err != nil {
		t.Fatal(err)
	}
	packs := &Packs{Paths: nowhere{}, Store: store}
	d, release, err := packs.For(t.Context(), api.Work{Task: api.StainTask(api.ClassCPU, s), Where: where})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	got, err := d.Unlabelled(t.Context(), s.Target(where), "HE")
	if err != nil || got.Fingerprint() != want.Fingerprint() || got.Len() != 6 {
		t.Errorf("%v, %v", got, err)
	}
	if k, err := d.Fingerprint(t.Context(), s.Target(where)); err != nil || k != s.Data {
		t.Errorf("fingerprint %s, %v", k, err)
	}
}

// nowhere is a worker's host, which has no folders.
type nowhere struct{ Data }

func (nowhere) Pairs(context.Context, api.DataSet) (*dataset.Pairs, error) {
	return nil, fault.ErrNotFound
}

func (nowhere) Labelled(context.Context, api.DataSet) (*dataset.Set, error) {
	return nil, fault.New(fault.ErrNotFound, "no folders here")
}

// Pairs come out of a pack as they went in, for a worker that has no folders.
func TestPairsInPacks(t *testing.T) {
	dir := t.TempDir()
	for i, stain := range []string{"pas", "he"} {
		images(t, filepath.Join(dir, stain), 1+i, "train", "test")
	}
	store, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	task := api.Paired{Stain: "HE", View: api.View{Size: 32, Fit: api.FitResize}, Pix2Pix: api.Pix2Pix{Load: 1.25}}
	where := api.Where{Source: "PAS", Paired: []string{filepath.Join(dir, "pas"), filepath.Join(dir, "he")}}
	q, here := task.Pairs(where), &datasource.Opener{}
	task.Data = uploaded(t, store, here, q)
	want, err := here.Pairs(t.Context(), q)
	if err != nil || want.Train[0].Side() != 40 || want.Test[1].Side() != 32 {
		t.Fatal(want, err)
	}
	d, release, err := (&Packs{Paths: nowhere{}, Store: store}).For(t.Context(), api.Work{Task: api.PairedTask(api.ClassCPU, task), Where: where})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	got, err := d.Pairs(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range got.Sets() {
		if s.Len() != 3 || s.Fingerprint() != want.Sets()[i].Fingerprint() {
			t.Errorf("set %d has %d images and the fingerprint %.12s", i, s.Len(), s.Fingerprint())
		}
	}
	if k, err := d.Fingerprint(t.Context(), q); err != nil || k != task.Data {
		t.Errorf("fingerprint %s, %v", k, err)
	}
}

// slowStore is a store whose answers wait.
type slowStore struct {
	store.Reader
	asked, answer chan struct{}
}

// Get implements store.Reader.
func (s *slowStore) Get(context.Context, string) (io.ReadCloser, error) {
	s.asked <- struct{}{}
	<-s.answer
	return nil, store.ErrNotExist
}

// A task that is told to stop does not wait for the pack that another is reading.
func TestATaskNeedNotWaitForAPack(t *testing.T) {
	slow := &slowStore{asked: make(chan struct{}), answer: make(chan struct{})}
	packs := &Packs{Paths: nowhere{}, Store: slow}
	w := api.Work{Task: api.FinetuneTask(api.ClassCPU, api.Finetune{Data: api.Key{1}})}
	read := make(chan error, 1)
	go func() {
		_, _, err := packs.For(t.Context(), w)
		read <- err
	}()
	<-slow.asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := packs.For(ctx, w); !errors.Is(err, context.Canceled) {
		t.Errorf("the task that was told to stop: %v", err)
	}
	close(slow.answer)
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// goneStore gives up with who asks.
type goneStore struct{ store.Reader }

// Get implements store.Reader.
func (goneStore) Get(ctx context.Context, _ string) (io.ReadCloser, error) { return nil, ctx.Err() }

// device has a class, which is all that is asked for before the data is there.
type device struct{ kernels.Device }

// Class implements kernels.Device.
func (device) Class() string { return api.ClassCPU }

// A task that is told to stop while its data comes was stopped, and has not failed.
func TestATaskStoppedBeforeItsDataHasNotFailed(t *testing.T) {
	r := &Runner{Device: device{}, Packs: &Packs{Paths: nowhere{}, Store: goneStore{}}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := api.Work{Names: []string{"gs"}, Task: api.FinetuneTask(api.ClassCPU, api.Finetune{Data: api.Key{1}})}
	if err := r.Run(ctx, w, 1); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("it ends with %v", err)
	}
}

// A pack that is damaged in the cache while its worker lives fails who reads it, and is
// fetched anew for the next attempt.
func TestADamagedPackIsFetchedForTheNextAttempt(t *testing.T) {
	dir := t.TempDir()
	images(t, dir, 1, "x", "y")
	store, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	here := &datasource.Opener{}
	q := api.DataSet{Part: api.PartTraining, Side: 64, Fit: api.FitResize, Labels: []string{"x", "y"}, Where: api.Where{
		Source: "PAS", Labelled: &api.Labelled{Train: []string{dir}},
	}}
	key := uploaded(t, store, here, q)
	cache := pixelcache.New(pixelcache.Options{Dir: t.TempDir()})
	defer cache.Close()
	p := &Packs{Paths: nowhere{}, Store: store, Cache: cache}
	attempt := func() error {
		d, release, err := p.For(ctx, api.Work{Task: api.FinetuneTask(api.ClassCPU, api.Finetune{Data: key})})
		if err != nil {
			return err
		}
		defer release()
		set, err := d.Labelled(ctx, q)
		if err != nil {
			return err
		}
		_, err = set.Pixels(set.Len() - 1)
		return err
	}
	if err := attempt(); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(cache.Dir(), "packs", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("packs %v, %v", found, err)
	}
	if err := os.Truncate(found[0], 1000); err != nil {
		t.Fatal(err)
	}
	if err := attempt(); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("a cut pack: %v", err)
	}
	if err := attempt(); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

// A cache that has no room for a task's data costs reading it from the store, not the task;
// it keeps its limit, drops nothing that a task reads, and has room again afterwards.
func TestPacksKeepTheCachesLimit(t *testing.T) {
	store, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	here := &datasource.Opener{}
	var tasks []api.Work
	var questions []api.DataSet
	for shade := range 3 {
		dir := t.TempDir()
		images(t, dir, shade+1, "x", "y")
		q := api.DataSet{Part: api.PartTraining, Side: 64, Fit: api.FitResize, Labels: []string{"x", "y"}, Where: api.Where{
			Source: "PAS", Labelled: &api.Labelled{Train: []string{dir}},
		}}
		key := uploaded(t, store, here, q)
		tasks = append(tasks, api.Work{Task: api.FinetuneTask(api.ClassCPU, api.Finetune{Data: key})})
		questions = append(questions, q)
	}
	info, err := store.Stat(ctx, api.DataName(tasks[0].Task.Finetune.Data))
	if err != nil {
		t.Fatal(err)
	}
	limit := info.SizeBytes * 3 / 2
	cache := pixelcache.New(pixelcache.Options{Dir: t.TempDir(), Limit: limit, Memory: 1})
	defer cache.Close()
	p := &Packs{Paths: nowhere{}, Store: store, Cache: cache}
	reads := func(i int, d Data) {
		t.Helper()
		got, err := d.Labelled(ctx, questions[i])
		if err != nil {
			t.Fatal(err)
		}
		want, err := here.Labelled(ctx, questions[i])
		if err != nil {
			t.Fatal(err)
		}
		for j := range want.Len() {
			a, err := got.Pixels(j)
			b, err2 := want.Pixels(j)
			if err != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("image %d of task %d: %v, %v", j, i, err, err2)
			}
		}
		if u := pixelcache.Measure(cache.Dir()); u.Files != 1 || u.Bytes > limit {
			t.Errorf("the cache has %+v, its limit is %d", u, limit)
		}
	}
	take := func(i int) (Data, func()) {
		t.Helper()
		d, release, err := p.For(ctx, tasks[i])
		if err != nil {
			t.Fatal(err)
		}
		return d, release
	}
	first, endFirst := take(0)
	second, endSecond := take(1) // streamed
	reads(0, first)
	reads(1, second)
	reads(0, first)
	endFirst()
	endSecond()
	third, endThird := take(2) // in the place of the first
	reads(2, third)
	again, endAgain := take(0) // streamed
	reads(0, again)
	reads(2, third)
	endAgain()
	endThird()
}
