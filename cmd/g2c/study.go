package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/datasource"
	"g2c/experiments/record"
	"g2c/experiments/study"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/infer"
)

// newStudy is `g2c study`.
func newStudy() *cobra.Command {
	c := &cobra.Command{Use: "study", Short: "Ask readers which patches are real and which are generated, and score what they say"}
	c.AddCommand(newStudyMake(), newStudyScore())
	asGroup(c)
	return c
}

// newStudyMake is `g2c study make EXPERIMENT -o PAGE`.
func newStudyMake() *cobra.Command {
	var f studyFlags
	c := &cobra.Command{
		Use:   "make EXPERIMENT -o PAGE.html",
		Short: "Write a page that shows real and generated patches one by one",
		Long: `Write a page that shows real and generated patches one by one.

EXPERIMENT is a run in --store (` + "`g2c ls`" + ` lists them), whose images must be at hand, as they
were for the run. Real patches are its unlabelled images of each generated stain;
generated ones are made from unlabelled images of the source stain, by the pretrained
generators, or with --arm by those of a fine-tuned model of that arm. With --from test
they are made from test images, on which no generator was trained: if those show
something else than unlabelled ones do, that may tell the kinds apart. Each kind is
shared equally by the stains, and all patches are encoded alike.

The page is one file that needs no network. It asks for the reader's name, records
judgements and times, and saves them as a file. What the patches are is in the key,
which readers must not have: PAGE.key.json, or --key.

` + outputHelp + "\n\n" + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.make(c, args[0]) },
	}
	f.modelFlags.add(c)
	c.Flags().StringVarP(&f.output, "output", "o", "", "page to write (FILE.html)")
	c.Flags().StringVar(&f.key, "key", "", "key to write (default beside the page)")
	c.Flags().StringVar(&f.arm, "arm", "", "take the generators of this arm's fine-tuned model")
	c.Flags().StringVar(&f.from, "from", "unlabelled", "images of the source stain to generate from: unlabelled or test")
	c.Flags().IntVar(&f.count, "count", 50, "real patches, and as many generated ones")
	c.Flags().Uint32Var(&f.seed, "seed", 1, "of which patches are drawn, and their order")
	addForce(c, &f.force)
	_ = c.MarkFlagRequired("output") // the flag exists
	return c
}

type studyFlags struct {
	modelFlags
	key, arm, from string
	count          int
	seed           uint32
}

// studied is `g2c study make --json`.
type studied struct {
	Study   string `json:"study"`
	Page    string `json:"page"`
	Key     string `json:"key"`
	Patches int    `json:"patches"`
}

func (f *studyFlags) make(c *cobra.Command, arg string) error {
	ctx := c.Context()
	if f.from != "unlabelled" && f.from != "test" {
		return fault.New(fault.ErrSpec, "--from %s is neither unlabelled nor test", f.from)
	}
	if f.key == "" {
		f.key = strings.TrimSuffix(f.output, filepath.Ext(f.output)) + ".key.json"
	}
	page := &output{path: f.output, force: f.force, begins: []string{study.Begins}}
	secret := &output{path: f.key, force: f.force, begins: []string{"{\n  \"format\": 1,\n  \"study\": "}}
	for _, o := range []*output{page, secret} {
		if err := o.check(); err != nil {
			return err
		}
	}
	s, err := openRead(ctx, f.store)
	if err != nil {
		return err
	}
	run, err := record.Get(ctx, s, arg)
	if err != nil {
		return err
	}
	data, err := f.opener()
	if err != nil {
		return err
	}
	device, err := openDevice(f.device)
	if err != nil {
		return err
	}
	defer device.Close()
	b := &studyBuilder{repo: checkpoint.New(s), plan: run.Plan, data: data, device: device, arm: f.arm, test: f.from == "test"}
	defer b.close()
	pools, err := b.pools(ctx)
	if err != nil {
		return err
	}
	k, err := study.Draw(pools, f.count, b.size, f.seed, b.made(arg))
	if err != nil {
		return err
	}
	html, err := k.Page() // first: it names the study
	if err != nil {
		return err
	}
	text, err := k.JSON()
	if err == nil {
		err = secret.write(text)
	}
	if err == nil {
		err = page.write(html)
	}
	if err != nil {
		return err
	}
	if wantJSON(c) {
		return printJSON(studied{k.Study, f.output, f.key, len(k.Patches)})
	}
	fmt.Fprintf(stdout, "page: %s\nkey:  %s (not for readers)\n", f.output, f.key)
	return nil
}

// studyBuilder finds the candidates of a study.
type studyBuilder struct {
	repo   *checkpoint.Repo
	plan   *sweep.Plan
	data   *datasource.Opener
	device kernels.Device
	arm    string
	test   bool // generate from test images

	size        int
	translators []*infer.Translator
}

func (b *studyBuilder) close() error {
	var all []error
	for _, t := range b.translators {
		all = append(all, t.Close())
	}
	return errors.Join(all...)
}

// made says of what a study is made.
func (b *studyBuilder) made(experiment string) string {
	from := "unlabelled"
	if b.test {
		from = "test"
	}
	if b.arm == "" {
		return experiment + ", pretrained generators, from " + from + " images"
	}
	return experiment + ", generators of " + b.arm + ", from " + from + " images"
}

// pools are the candidates of each stain that the plan has a finished pretraining for: of
// the first such, in the order of the plan.
func (b *studyBuilder) pools(ctx context.Context) ([]study.Pool, error) {
	var out []study.Pool
	for _, item := range b.plan.Items {
		p := item.Task.Pretrain
		if p == nil || slices.ContainsFunc(out, func(o study.Pool) bool { return o.Stain == p.Stain }) {
			continue
		}
		m, err := b.model(ctx, item)
		if errors.Is(err, fault.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if b.size != 0 && b.size != p.Size {
			return nil, fault.New(fault.ErrSpec, "generators of %d and of %d pixels: the size would tell patches apart", b.size, p.Size)
		}
		b.size = p.Size
		t, err := b.translator(ctx, m, p.Stain)
		if err != nil {
			return nil, err
		}
		pool, err := b.pool(ctx, item, t)
		if err != nil {
			return nil, err
		}
		pool.Model = m.manifest.Task
		out = append(out, pool)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.ErrNotFound, "%s has no finished generator", b.plan.Experiment).WithHint("`g2c run` trains what is missing; --arm names an arm with stains")
	}
	return out, nil
}

// model is what generates the stain of a pretraining: itself, or a fine-tuned model.
func (b *studyBuilder) model(ctx context.Context, item *sweep.Item) (*storedModel, error) {
	key := item.Key
	if b.arm != "" {
		at := slices.IndexFunc(b.plan.Items, func(o *sweep.Item) bool {
			return o.Task.Finetune != nil && slices.Contains(o.Task.Finetune.Stains, item.Task.Pretrain.Stain) && slices.ContainsFunc(o.Uses, func(u sweep.Use) bool { return u.Arm == b.arm })
		})
		if at < 0 {
			return nil, fault.New(fault.ErrNotFound, "no model of the arm %s has the stain %s", b.arm, item.Task.Pretrain.Stain)
		}
		key = b.plan.Items[at].Key
	}
	return modelOfKey(ctx, b.repo, key.String(), []api.Kind{api.KindPretrain, api.KindFinetune})
}

// translator opens a model's generator to a stain.
func (b *studyBuilder) translator(ctx context.Context, m *storedModel, stain string) (*infer.Translator, error) {
	g, _, err := m.generator(stain)
	if err == nil && g.given {
		err = fault.New(fault.ErrSpec, "model %s has %s by a formula, and no generator", m, stain).WithHint("leave --arm out, or name one with generators")
	}
	if err != nil {
		return nil, err
	}
	_, weights, err := m.weights(ctx)
	if err != nil {
		return nil, err
	}
	t, err := infer.NewTranslator(b.device, g.Generator, weights)
	if err == nil {
		b.translators = append(b.translators, t)
	}
	return t, err
}

// pool is the images of a stain: its unlabelled ones, and the sources of generated ones.
func (b *studyBuilder) pool(ctx context.Context, item *sweep.Item, t *infer.Translator) (study.Pool, error) {
	p := item.Task.Pretrain
	d := p.Pair(item.Where)
	d.Side, d.Exact = p.Size, 0
	out := study.Pool{Stain: p.Stain}
	target, err := b.data.Unlabelled(ctx, d, p.Stain)
	if err != nil {
		return out, err
	}
	for i := range target.Len() {
		out.Real = append(out.Real, study.Candidate{Name: target.Image(i).Name, Pixels: func() ([]uint8, error) { return target.Pixels(i) }})
	}
	source, err := b.sources(ctx, d, p.Source)
	if err != nil {
		return out, err
	}
	for i := range source.Len() {
		name := source.Image(i).Name
		out.Generated = append(out.Generated, study.Candidate{Name: name, Pixels: func() (pixels []uint8, err error) {
			alone := source.Select(func(im dataset.Image) bool { return im.Name == name })
			err = t.Translate(ctx, func(_, _ int, made []uint8) error {
				pixels = slices.Clone(made)
				return nil
			}, alone)
			return pixels, err
		}})
	}
	return out, nil
}

// sources are the images that patches are generated from: the unlabelled ones of the source
// stain, or those that the first evaluation tests.
func (b *studyBuilder) sources(ctx context.Context, d api.DataSet, stain string) (*dataset.Set, error) {
	if !b.test {
		return b.data.Unlabelled(ctx, d, stain)
	}
	for _, item := range b.plan.Items {
		if e := item.Task.Evaluate; e != nil && e.Model.Source == stain && e.Model.Size == b.size {
			set, err := labelled(ctx, b.data, &item.Work, api.PartTest, &e.Model)
			if err != nil {
				return nil, err
			}
			return set.Split(dataset.Test), nil
		}
	}
	return nil, fault.New(fault.ErrNotFound, "%s tests nothing", b.plan.Experiment).WithHint("--from unlabelled generates from what it was pretrained on")
}

// newStudyScore is `g2c study score KEY ANSWERS...`.
func newStudyScore() *cobra.Command {
	return &cobra.Command{
		Use:   "score KEY ANSWERS...",
		Short: "Score what readers said: accuracy with intervals, agreement, and the paper's 70.0 %",
		Long: `Score what readers said of a study: how many patches each told right, with the
95 % interval over the choice of patches, all readers together, by stain, Fleiss' kappa
of their agreement, and the paper's 70.0 % beside it. KEY is what ` + "`g2c study make`" + ` wrote
beside the page, ANSWERS are the files that readers saved, one each.

` + exitCodes,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return scoreStudy(c, args[0], args[1:]) },
	}
}

func scoreStudy(c *cobra.Command, keyPath string, paths []string) error {
	text, err := readBounded(keyPath)
	if err != nil {
		return err
	}
	k, err := study.ReadKey(text)
	if err != nil {
		return fmt.Errorf("%s: %w", keyPath, err)
	}
	var readers []*study.Answers
	for _, path := range paths {
		if text, err = readBounded(path); err != nil {
			return err
		}
		a, err := study.ReadAnswers(text, k)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(a.Answers) < len(k.Patches) {
			say("note: %s: %s judged %d of %s", path, a.Reader, len(a.Answers), plural(len(k.Patches), "patch"))
		}
		readers = append(readers, a)
	}
	score, err := study.Judge(k, readers)
	if err != nil {
		return err
	}
	if !wantJSON(c) {
		return score.Text(stdout)
	}
	if text, err = score.JSON(); err == nil {
		_, err = stdout.Write(text)
	}
	return err
}

// maxStudyFile is more than a key or answers can have.
const maxStudyFile = 4 << 20

// readBounded reads a file of a study.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fault.New(fault.ErrNotFound, "there is no file %s", path)
		}
		return nil, fault.New(fault.ErrUnavailable, "read %s: %w", path, err)
	}
	if info.Size() > maxStudyFile {
		return nil, fault.New(fault.ErrData, "%s has %d bytes: it is no file of a study", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read %s: %w", path, err)
	}
	return text, nil
}
