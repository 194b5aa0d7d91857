package dataset

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/fault"
	"g2c/internal/filekind"
	"g2c/internal/remote"
)

// Labelled says where labelled images lie. Each path is a folder of class
// folders, or a table.
type Labelled struct {
	Train, Test, Validation []string
	ValidationFraction      float64 // cut out of train by group; 0: not
	GroupPattern            string  // regexp with (?P<patient>…) or (?P<slide>…); empty: the tables' columns
	By                      string  // FromPattern or FromColumn: which wins where both give groups; empty: an error
	Columns                 Columns // of tables
	AllowDuplicates         bool    // equal pixels in two splits, or under two labels, are counted and not refused
	Folds                   int     // how often train and test together are divided anew; 0: not
	Fold                    int     // which division, 1 to Folds
	Seed                    uint32  // of the split
}

// validate returns what makes no sense in itself.
func (l *Labelled) validate() error {
	switch {
	case len(l.Validation) > 0 && l.ValidationFraction != 0:
		return fault.New(fault.ErrSpec, "data.labelled.validation is given both as paths and as a fraction")
	case len(l.Train) == 0 && (len(l.Test) == 0 || len(l.Validation) > 0 || l.ValidationFraction != 0 || l.Folds != 0):
		return fault.New(fault.ErrSpec, "data.labelled.train names nothing")
	case l.By != "" && l.By != FromPattern && l.By != FromColumn:
		return fault.New(fault.ErrSpec, "data.labelled.group.by is %q, and must be %s or %s", l.By, FromPattern, FromColumn)
	case l.Folds < 0 || l.Folds == 1:
		return fault.New(fault.ErrSpec, "data.labelled.folds is %d, and must be at least 2", l.Folds)
	}
	return nil
}

// LoadLabelled loads labelled images with their groups and splits, and refuses what its
// verdict finds wrong. Test images may be loaded alone. The report, with the verdict, is
// there beside an error too.
func LoadLabelled(ctx context.Context, src Labelled, opt Options) (*Set, *Report, error) {
	p, r, err := LoadPool(ctx, src, opt)
	if err != nil {
		return nil, r, err
	}
	s, v, err := p.Cut(src)
	r.Verdict = v
	if err != nil {
		return nil, r, err
	}
	s.lent = false // nobody else has the pool
	return s, r, nil
}

// Pool is labelled images as they were read: nothing has been cut out yet. It does not
// change; the sets cut out of it share its pixels.
type Pool struct {
	set    *Set
	listed listing
	files  Check
}

// PoolOf makes a pool of a set that was drawn, whatever its splits were.
func PoolOf(s *Set) *Pool {
	images := s.all()
	for i := range images {
		images[i].Split = Train
	}
	return &Pool{set: s.divided(images), files: Check{"files", OK, fmt.Sprintf("No file was read: %s were drawn.", count(s.Len(), "image", "images")), ""}}
}

// HeapBytes is how much memory the pixels take, as Set has it.
func (p *Pool) HeapBytes() int64 { return p.set.HeapBytes() }

// LoadPool reads the images of all splits, those of train and test as one where there
// are folds, and refuses what needs no pixels to be found.
func LoadPool(ctx context.Context, src Labelled, opt Options) (*Pool, *Report, error) {
	r := &Report{}
	if err := src.validate(); err != nil {
		return nil, r, err
	}
	pattern, err := newGrouper(src.GroupPattern)
	if err != nil {
		return nil, r, err
	}
	l := &lister{columns: src.Columns, pattern: pattern, by: src.By, r: r, find: finder{ctx: ctx, files: opt.Remote}}
	files, err := l.splits(src)
	r.Verdict.Checks = l.checks()
	if err != nil {
		return nil, r, err
	}
	images := make([]Image, len(files))
	for i, f := range files {
		images[i] = f.image
		images[i].File = f.path
	}
	r.Grouping = groupingOf(images)
	r.Verdict.judge(images, nil, src.AllowDuplicates) // before the long work of decoding
	if err := r.Verdict.Err(); err != nil {
		return nil, r, err
	}
	s, err := load(ctx, files, opt, r)
	if err != nil {
		return nil, r, err
	}
	return &Pool{set: s, listed: l.listing, files: checkFiles(r)}, r, nil
}

// Cut makes the set of src, which asks for the images of the pool: it takes the test part
// of a fold and the validation part out of the training images. Whatever else src says,
// these are Fold, ValidationFraction, Seed and AllowDuplicates.
func (p *Pool) Cut(src Labelled) (*Set, Verdict, error) {
	v := Verdict{Checks: append(p.listed.checks(), p.files)}
	images := p.set.all()
	if src.Folds > 0 {
		if src.Fold < 1 || src.Fold > src.Folds {
			return nil, v, fault.New(fault.ErrSpec, "there is no fold %d of %d", src.Fold, src.Folds)
		}
		folds, err := foldGroups(of(images, Train), src.Folds, src.Seed)
		if err != nil {
			return nil, v, err
		}
		for _, im := range of(images, Train) {
			if folds[im.Group] == src.Fold {
				im.Split = Test
			}
		}
	}
	if src.ValidationFraction != 0 {
		if err := SplitGroups(of(images, Train), []Part{{Validation, src.ValidationFraction}}, src.Seed); err != nil {
			return nil, v, err
		}
	}
	s := p.set.divided(images)
	s.lent = true
	v.judge(images, s, src.AllowDuplicates)
	return s, v, v.Err()
}

// of is the images of a split, to be given another.
func of(images []Image, split Split) []*Image {
	var all []*Image
	for i := range images {
		if images[i].Split == split {
			all = append(all, &images[i])
		}
	}
	return all
}

// lister lists labelled sources.
type lister struct {
	listing
	columns Columns
	pattern *grouper
	by      string
	find    finder
	r       *Report
}

// splits lists the sources of every split.
func (l *lister) splits(src Labelled) ([]file, error) {
	units := []struct {
		split Split
		paths []string
	}{{Train, src.Train}, {Validation, src.Validation}, {Test, src.Test}}
	if src.Folds > 0 {
		units[0].paths, units[2].paths = slices.Concat(src.Train, src.Test), nil
	}
	var all []file
	in := map[string]file{} // by real path
	for _, unit := range units {
		files, err := l.set(string(unit.split), unit.paths)
		if err != nil {
			return nil, err
		}
		for i := range files {
			files[i].image.Split = unit.split
			if other, ok := in[files[i].real]; ok {
				return nil, fault.New(fault.ErrData, "image %s is both in %s and in %s", Show(other.path), other.image.Split, unit.split).
					WithHint("an image belongs to one split")
			}
		}
		for _, f := range files {
			in[f.real] = f
		}
		all = append(all, files...)
	}
	return all, nil
}

// set lists the sources of one set.
func (l *lister) set(name string, paths []string) ([]file, error) {
	var sources [][]file
	for _, p := range l.distinct(name, paths, &l.find) {
		files, err := l.source(p)
		if err != nil {
			return nil, err
		}
		sources = append(sources, files)
	}
	return l.merge(name, sources)
}

// source lists one folder of class folders, or one table, with groups.
func (l *lister) source(path string) ([]file, error) {
	if err := checkText("the path of labelled data", path); err != nil {
		return nil, err
	}
	var t table
	var files []file
	given := path
	var info fs.FileInfo
	var err error
	if !remote.Is(path) {
		path = l.find.find(path)
		info, err = os.Stat(path)
	}
	plain, _ := remote.Split(path)
	switch {
	case err != nil:
		return nil, missing(given, err)
	case info == nil && !IsTable(plain):
		files, err = l.listRemoteClasses(path)
	case info == nil:
		files, t, err = tableFiles(path, l.columns, &l.find)
		l.note(path, t)
	case info.IsDir():
		files, err = listClasses(path, l.r)
	case IsTable(path):
		files, t, err = tableFiles(path, l.columns, &l.find)
		l.note(path, t)
	default:
		err = fault.New(fault.ErrData, "labelled data %s is neither a folder nor a .csv file", Show(path))
	}
	if err != nil {
		return nil, err
	}
	settled, err := assignGroups(path, files, t.rows, l.pattern, l.by)
	if settled {
		l.notes = append(l.notes, Check{"tables", Note, fmt.Sprintf("%s: a pattern and a column give groups; the %s wins, as data.labelled.group.by says.", Show(path), l.by), ""})
	}
	return files, err
}

// note remembers what a table has that nothing reads.
func (l *lister) note(path string, t table) {
	if len(t.empty) > 0 {
		l.notes = append(l.notes, Check{"tables", Warn, fmt.Sprintf("%s: column %s is empty in every line.", Show(path), quoted(t.empty)), ""})
	}
	if len(t.unused) > 0 {
		text := fmt.Sprintf("%s: nothing reads %s %s.", Show(path), count(len(t.unused), "column,", "columns,"), quoted(t.unused))
		if len(t.rows) > 0 && t.rows[0].patient == "" {
			text = strings.TrimSuffix(text, ".") + "; if one names the patients, data.labelled.columns.patient can say so."
		}
		l.notes = append(l.notes, Check{"tables", Note, text, ""})
	}
}

// listClasses lists a folder whose folders are classes.
func listClasses(dir string, r *Report) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, missing(dir, err)
	}
	var all []file
	unread := map[string]int{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if passedOver(e.Name()) {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, missing(path, err)
		case info.IsDir() && e.Type()&fs.ModeSymlink != 0 && holds(realPath(path), realPath(dir)):
			r.Loops = append(r.Loops, path)
		case info.IsDir():
			if err := checkText("the name of class folder", e.Name()); err != nil {
				return nil, err
			}
			found, err := listFolder(path, dir, r)
			if err != nil {
				return nil, err
			}
			for i := range found {
				found[i].image.Label = NFC(e.Name())
			}
			all = append(all, found...)
		case IsImageName(e.Name()):
			return nil, fault.New(fault.ErrData, "image %s lies beside the class folders, so it has no class", Show(path)).
				WithHint("move it into the folder of its class")
		case filekind.Image(e.Name()):
			unread[filekind.Ext(e.Name())]++
		default:
			r.Ignored++
		}
	}
	r.addUnread(unread)
	if len(all) == 0 && len(unread) > 0 {
		return nil, noImage("data folder "+Show(dir), unread)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrData, "labelled data %s has no class folder", Show(dir)).WithHint("put the images of each class into a folder of its name, or give a CSV")
	}
	sortFiles(all)
	return all, nil
}
