package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/experiments/record"
	"g2c/experiments/study"
	"g2c/internal/fault"
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
something else than unlabelled ones do, that may tell the kinds apart. Of a generator
that was trained on pairs, real are the targets of every other pair and generated the
rest, of those that are held out with --from test. Each kind is
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
