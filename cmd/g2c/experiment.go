package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/datasource"
	"g2c/experiments/record"
	"g2c/experiments/spec"
	"g2c/experiments/specs"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// specFile is a spec that was read, once: it may come from a pipe.
type specFile struct {
	*spec.File
	name    string // as the user gave it
	text    string
	builtIn bool // it came with the program, as its data do not
}

// experiment is a spec read and expanded.
type experiment struct {
	*specFile
	flags experimentFlags
	plan  *sweep.Plan
	data  *datasource.Opener
	// sets are the images that the plan's tasks read, and what was found in them.
	sets []record.Data
	// notes are what the readers of results must know.
	notes []string

	// Of a run:
	run     *record.Run       // what runs it, and on what
	id      string            // of its record and its report
	missing map[string]string // why a task is not done, by key
	failed  map[api.Key]bool  // of these, what failed itself

	// Of a search:
	class     string           // of numerics
	repo      *checkpoint.Repo // that the expansion looked into
	base      *sweep.Plan      // of the arms as they are written
	searching bool             // the plan is of trials, and more is to come
	lost      map[api.Key]bool // trials that failed
}

// experimentFlags are the flags that decide what an experiment is.
type experimentFlags struct {
	store, device, only string
	workers             int
	sets                []string
	imageFlags
}

// readSpec reads a spec from a file, from standard input where it is called -, or an
// embedded one by its name.
func readSpec(name string, sets []string) (*specFile, error) {
	text, builtIn, err := specText(name)
	if err != nil {
		return nil, err
	}
	home, _ := os.UserHomeDir() // without one, ~/ is refused
	file, err := spec.ParseHome(home, name, text, sets...)
	if err != nil {
		return nil, err
	}
	return &specFile{file, name, string(text), builtIn}, nil
}

// deviceName is what tasks are to run on: as the flag says, or else the spec.
func (s *specFile) deviceName(flag string) string { return cmp.Or(flag, string(s.Spec.Device)) }

func specText(name string) (text []byte, builtIn bool, err error) {
	text, err = readStart(name)
	info, noInfo := os.Stat(name)
	folder := err != nil && noInfo == nil && info.IsDir()
	if os.IsNotExist(err) || folder { // there may be a folder of a built-in spec's name
		if embedded, ok := specs.Lookup(name); ok {
			return embedded, true, nil
		}
	}
	switch {
	case os.IsNotExist(err):
		return nil, false, fault.New(fault.ErrNotFound, "there is no spec %s", name).WithHint("built in are %s", strings.Join(specs.Names(), ", "))
	case folder:
		return nil, false, fault.New(fault.ErrSpec, "%s is a folder, and a spec is a file", name).WithHint("`g2c data inspect` looks at folders of images, and a spec names them")
	case err != nil:
		return nil, false, fault.New(fault.ErrUnavailable, "read spec: %w", err)
	}
	return text, false, nil
}

// maxSpecBytes is more than a spec can have: what is larger is some other file.
const maxSpecBytes = 1 << 20

// readStart reads a file's beginning, once: it may be a pipe.
func readStart(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, maxSpecBytes))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSpecBytes))
}

// storePath is the store's directory: the flag's, or the spec's.
func (f *experimentFlags) storePath(file *specFile) string {
	if f.store != "" {
		return f.store
	}
	return file.Spec.Store
}

// reportsDir is the folder of reports in a store.
const reportsDir = "reports"

// expand opens the data of a spec to know what its tasks are.
func (f *experimentFlags) expand(ctx context.Context, file *specFile, class string, repo *checkpoint.Repo) (*experiment, error) {
	var err error
	e := &experiment{specFile: file, flags: *f}
	if e.data, err = f.opener(); err != nil {
		return nil, err
	}
	e.class, e.repo = class, repo
	e.plan, err = sweep.Expand(file.File, e.options(ctx))
	if err != nil {
		e.sayFaults(ctx, err)
		return nil, err
	}
	e.notes = append(e.notes, e.plan.Notes...)
	if f.only != "" {
		if e.plan, err = e.plan.Only(f.only); err != nil {
			return nil, err
		}
	}
	if err := e.judgeData(ctx); err != nil || file.Spec.Search == nil {
		return e, err
	}
	if f.only != "" {
		return nil, fault.New(fault.ErrSpec, "--only: the spec has a search, whose tasks are not known beforehand").WithHint("leave one of the two out")
	}
	e.base, e.lost = e.plan, map[api.Key]bool{}
	return e, e.seek(ctx, repo)
}

// options are what an expansion needs.
func (e *experiment) options(ctx context.Context) sweep.Options {
	return sweep.Options{
		Numerics:    e.class,
		Fingerprint: func(d api.DataSet) (api.Key, error) { return e.data.Fingerprint(ctx, d) },
		Resolve:     func(model string) (api.Key, error) { return resolveKey(ctx, e.repo, model) },
	}
}

// sayFaults says what was found in data that are refused, as judgeData would; and of a spec
// that came with the program, which data it wants.
func (e *experiment) sayFaults(ctx context.Context, err error) {
	if !errors.Is(err, fault.ErrData) {
		return
	}
	if e.builtIn {
		for line := range strings.Lines(specs.Head([]byte(e.text))) {
			say("%s: %s", e.name, strings.TrimSpace(line))
		}
	}
	works, err := e.sketch()
	if err != nil {
		return // it is the plan that is at fault, and the caller says so
	}
	reads, _ := e.data.Experiment(ctx, works, datasource.SideLoaded) // the caller has the error
	for _, r := range reads {
		if r.Set == nil {
			sayVerdict(r)
		}
	}
}

// judgeData opens what the plan's tasks read, with all splits, so that a leak between them
// is found before anything is trained. What it finds is kept for the plan and the report,
// and what is not as it should be noted.
func (e *experiment) judgeData(ctx context.Context) error {
	var works []*api.Work
	for _, item := range e.plan.Items {
		works = append(works, &item.Work)
	}
	reads, err := e.data.Experiment(ctx, works, datasource.SideLoaded)
	for _, r := range reads {
		if r.Set == nil {
			sayVerdict(r)
			continue
		}
		e.sets = append(e.sets, record.Data{Name: r.Name, Fold: r.Fold, Summary: dataset.Summarise(r.Set, r.Report), Verdict: r.Verdict})
		found := r.Verdict.Remarks()
		if r.Report != nil {
			found = append(r.Report.Notes(), found...)
		}
		for _, n := range found {
			if n = r.Name + ": " + n; !slices.Contains(e.notes, n) { // folds have much in common
				e.notes = append(e.notes, n)
			}
		}
	}
	return err
}
