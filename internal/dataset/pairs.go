package dataset

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"

	"g2c/internal/fault"
)

// Pairs is images of the same tissue in two stains, source first: image i of one is the
// same place as image i of the other, of the same name, split and slide.
type Pairs struct {
	Train [2]*Set
	Test  [2]*Set // nil where no pair is held out
}

// Sets are the sets that there are, in the order of a pack.
func (p *Pairs) Sets() []*Set {
	if p.Test[0] == nil {
		return p.Train[:]
	}
	return append(p.Train[:len(p.Train):len(p.Train)], p.Test[:]...)
}

// HeapBytes is how much memory the pixels take, as Set has it.
func (p *Pairs) HeapBytes() (n int64) {
	for _, s := range p.Sets() {
		n += s.HeapBytes()
	}
	return n
}

// PairsOf are the pairs of a pack's sets.
func PairsOf(sets []*Set) (*Pairs, error) {
	p := &Pairs{}
	switch len(sets) {
	case 4:
		p.Test = [2]*Set(sets[2:])
		fallthrough
	case 2:
		p.Train = [2]*Set(sets[:2])
	default:
		return nil, fault.New(fault.ErrData, "%d sets are no pairs: two are of training, two of test", len(sets))
	}
	for i := 0; i < len(sets); i += 2 {
		if err := matched(sets[i], sets[i+1]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// matched refuses sets whose images are not the same, one by one.
func matched(a, b *Set) error {
	if a.Len() != b.Len() {
		return fault.New(fault.ErrData, "%d sources and %d targets are no pairs", a.Len(), b.Len())
	}
	for i := range a.Len() {
		if x, y := a.Image(i), b.Image(i); x.Name != y.Name {
			return fault.New(fault.ErrData, "the source %s stands beside the target %s", Show(x.Name), Show(y.Name))
		}
	}
	return nil
}

// PairSource says where pairs lie.
type PairSource struct {
	Paths []string // a table, or the folders of sources and targets
	Held  string   // the slide that is held out; empty: as the table or the folders say
}

// roles name the sides of a pair.
var roles = [2]string{"source", "target"}

// LoadPairs loads the pairs of a table, or of two folders with equal names. What is trained
// on is fitted as train says, what is held out as test says. The report, with the verdict,
// is there beside an error too.
//
// A table has the columns source, target and, if wanted, split (train or test) and slide.
// Folders that hold train/ and test/ are split by them; what lies in val/ or validation/ is
// left out; others are all train.
func LoadPairs(ctx context.Context, src PairSource, train, test Options) (*Pairs, *Report, error) {
	r := &Report{Grouping: Ungrouped}
	l := &pairLister{find: finder{ctx: ctx, files: train.Remote}, r: r}
	files, err := l.list(src.Paths)
	if err == nil {
		err = l.check(files)
	}
	if err == nil && src.Held != "" {
		err = holdOut(files, NFC(src.Held))
	}
	if err != nil {
		return nil, r, err
	}
	p := &Pairs{}
	for _, part := range []struct {
		split Split
		to    *[2]*Set
		opt   Options
	}{{Train, &p.Train, train}, {Test, &p.Test, test}} {
		if err := loadPart(ctx, files, part.split, part.to, part.opt, r); err != nil {
			return nil, r, err
		}
	}
	if p.Train[0] == nil {
		return nil, r, fault.New(fault.ErrData, "no pair is of the split train")
	}
	v, err := judgePairs(p, r, l.left)
	r.Verdict = v
	if err != nil {
		return nil, r, err
	}
	return p, r, v.Err()
}

// pairLister finds the files of pairs, sources and targets in the same order.
type pairLister struct {
	find finder
	r    *Report
	left int // pairs of validation
}

func (l *pairLister) list(paths []string) (files [2][]file, err error) {
	switch {
	case len(paths) == 1 && IsTable(paths[0]):
		return l.table(paths[0])
	case len(paths) == 2 && !IsTable(paths[0]) && !IsTable(paths[1]):
		return l.folders(paths)
	}
	return files, fault.New(fault.ErrSpec, "data.paired takes a table, or two folders, and not %s", count(len(paths), "path", "paths")).
		WithHint("a table has the columns source, target, split and slide; the folders hold sources and targets under equal names")
}

// folders pairs the images of two folders by their names.
func (l *pairLister) folders(paths []string) (pairs [2][]file, err error) {
	var byName [2]map[string]file
	var all [2][]file
	for i, path := range paths {
		if all[i], err = listPath(path, &l.find, l.r); err == nil {
			err = oneForm(all[i])
		}
		if err != nil {
			return pairs, err
		}
		byName[i] = map[string]file{}
		for _, f := range all[i] {
			byName[i][f.image.Name] = f
		}
	}
	for i := range all {
		for _, f := range all[i] {
			if _, ok := byName[1-i][f.image.Name]; !ok {
				return pairs, fault.New(fault.ErrData, "image %s has no %s: there is no %s in %s", Show(f.path), roles[1-i], Show(f.image.Name), Show(paths[1-i])).
					WithHint("both folders hold each place under one name, the ending included; a table pairs other names")
			}
		}
	}
	split, err := folderSplits(all[0])
	if err != nil {
		return pairs, err
	}
	for _, f := range all[0] {
		s := split(f.image.Name)
		if s == Validation {
			l.left++
			continue
		}
		for i := range pairs {
			g := byName[i][f.image.Name]
			g.image.Split = s
			pairs[i] = append(pairs[i], g)
		}
	}
	return pairs, nil
}

// folderSplits is how names are split by their first folder: by train, test and validation
// if any has the first two, else all are train.
func folderSplits(files []file) (func(name string) Split, error) {
	of := func(name string) Split {
		first, _, below := strings.Cut(name, "/")
		if !below {
			return NoSplit
		}
		switch strings.ToLower(first) {
		case "train":
			return Train
		case "test":
			return Test
		case "val", "validation":
			return Validation
		}
		return NoSplit
	}
	split, without := false, ""
	for _, f := range files {
		s := of(f.image.Name)
		split = split || s == Train || s == Test
		if s == NoSplit && without == "" {
			without = f.path
		}
	}
	if !split {
		return func(string) Split { return Train }, nil
	}
	if without != "" {
		return nil, fault.New(fault.ErrData, "image %s lies beside the folders train and test, so it has no split", Show(without)).
			WithHint("move it into one of them")
	}
	return of, nil
}

// check refuses what needs no pixels to be found: a file that is in two pairs, or is its
// own target.
func (l *pairLister) check(files [2][]file) error {
	if len(files[0]) == 0 {
		return fault.New(fault.ErrData, "there is no pair to load")
	}
	for i := range files {
		seen := map[string]string{}
		for _, f := range files[i] {
			if other, ok := seen[f.real]; ok {
				e := fault.New(fault.ErrData, "image %s is the %s of two pairs, %s and %s", Show(f.path), roles[i], other, f.named())
				return e.WithHint("name each image once")
			}
			seen[f.real] = f.named()
		}
	}
	for k, f := range files[0] {
		if g := files[1][k]; f.real == g.real {
			return fault.New(fault.ErrData, "image %s is its own target (%s)", Show(f.path), g.named()).WithHint("name the image of the other stain")
		}
	}
	return nil
}

// holdOut holds out the pairs of one slide, and trains on all others.
func holdOut(files [2][]file, slide string) error {
	slides, held := map[string]bool{}, 0
	for k := range files[0] {
		s := files[0][k].image.Slide
		if s == "" {
			return fault.New(fault.ErrData, "data.heldSlide is %s, and nothing says of which slide %s is", Show(slide), Show(files[0][k].path)).
				WithHint("a table of pairs says it in the column slide")
		}
		slides[s] = true
		split := Train
		if s == slide {
			split = Test
			held++
		}
		files[0][k].image.Split, files[1][k].image.Split = split, split
	}
	if held == 0 {
		return fault.New(fault.ErrData, "no pair is of the slide %s that data.heldSlide holds out; there are %s", Show(slide), listed(sortedKeys(slides)))
	}
	return nil
}

// named is where a file was named, for people.
func (f file) named() string {
	if f.where != "" {
		return f.where
	}
	return Show(f.image.Name)
}

// loadPart loads the pairs of a split. An image that is skipped takes its partner with it.
func loadPart(ctx context.Context, files [2][]file, split Split, to *[2]*Set, opt Options, r *Report) error {
	for i := range files {
		var mine []file
		for _, f := range files[i] {
			if f.image.Split == split {
				mine = append(mine, f)
			}
		}
		if len(mine) == 0 {
			return nil
		}
		var err error
		if to[i], err = load(ctx, mine, opt, r); err != nil {
			return err
		}
	}
	names := [2]map[string]bool{{}, {}}
	for i, s := range to {
		for k := range s.Len() {
			names[i][s.Image(k).Name] = true
		}
	}
	for i := range to {
		to[i] = to[i].Select(func(im Image) bool { return names[1-i][im.Name] })
	}
	if to[0].Len() == 0 {
		return fault.New(fault.ErrData, "no pair of the split %s is whole: of each an image was skipped", split)
	}
	return matched(to[0], to[1])
}

// judgePairs is the verdict on pairs that were loaded.
func judgePairs(p *Pairs, r *Report, left int) (Verdict, error) {
	v := Verdict{Checks: r.Verdict.Checks} // on the table
	for _, set := range [2]*Set{p.Train[0], p.Test[0]} {
		if set != nil {
			v.Counts = append(v.Counts, tally(bySplit(set.all()))...)
		}
	}
	v.Checks = append(v.Checks, checkFiles(r))
	if left > 0 {
		v.Checks = append(v.Checks, Check{"pairs", Note, fmt.Sprintf("%s of validation: nothing reads them.", count(left, "pair is", "pairs are")), ""})
	}
	for _, pair := range [2][2]*Set{p.Train, p.Test} {
		if pair[0] == nil {
			continue
		}
		if err := sameSizes(pair); err != nil {
			return v, err
		}
	}
	if p.Test[0] == nil {
		v.Checks = append(v.Checks, Check{"pairs", Warn, "No pair is held out: the generator is judged on pairs that it is trained on.", ""})
		return v, nil
	}
	v.Checks = append(v.Checks, checkLeaks(bySplit(append(p.Train[0].all(), p.Test[0].all()...)))...)
	for i, role := range roles {
		if c, leak := twinPairs(role, p.Train[i], p.Test[i]); leak {
			v.Checks = append(v.Checks, c)
			return v, nil
		}
	}
	v.Checks = append(v.Checks, Check{"pixels", OK, "No held-out image has the pixels of one that is trained on.", ""})
	return v, nil
}

// sameSizes refuses a pair whose files differ in size: they are not of the same place, or
// are shifted when each is cut to its centre.
func sameSizes(pair [2]*Set) error {
	for i := range pair[0].Len() {
		a, b := pair[0].sums[pair[0].place(i)].size, pair[1].sums[pair[1].place(i)].size
		if a != b && a != [2]uint32{} && b != [2]uint32{} {
			return fault.New(fault.ErrData, "the pair %s (%d×%d pixels) and %s (%d×%d) differs in size",
				pair[0].Image(i).shown(), a[0], a[1], pair[1].Image(i).shown(), b[0], b[1]).
				WithHint("register the images and cut both to the same place")
		}
	}
	return nil
}

// twinPairs finds a held-out image whose file has the pixels of one that is trained on.
func twinPairs(role string, train, test *Set) (Check, bool) {
	in := map[[sha256.Size]byte]int{}
	for i := range train.Len() {
		in[train.Image(i).origin] = i
	}
	for i := range test.Len() {
		im := test.Image(i)
		if k, ok := in[im.origin]; ok && im.origin != [sha256.Size]byte{} {
			return Check{
				"pixels", Error,
				fmt.Sprintf("%s of a held-out pair has the pixels of %s, which is trained on (%ss).", im.shown(), train.Image(k).shown(), role),
				"remove one of the two pairs",
			}, true
		}
	}
	return Check{}, false
}

// table reads the pairs of a table; paths are relative to its folder.
func (l *pairLister) table(path string) (pairs [2][]file, err error) {
	data, err := l.find.tableBytes(path)
	if err != nil {
		return pairs, err
	}
	rows, unused, err := parsePairs(data)
	if err != nil {
		return pairs, fault.New(fault.ErrData, "table %s: %w", Show(path), err).
			WithHint("a table of pairs has a header with source and target, and a line for each pair; split (train or test) and slide may be there")
	}
	if len(unused) > 0 {
		l.r.Verdict.Checks = append(l.r.Verdict.Checks, Check{"tables", Note, fmt.Sprintf("%s: nothing reads %s %s.", Show(path), count(len(unused), "column,", "columns,"), quoted(unused)), ""})
	}
	dir := filepath.Dir(path)
	names := map[string]string{}
	for _, x := range rows {
		var pair [2]file
		for i, p := range x.paths {
			if pair[i], err = l.cell(path, dir, row{line: x.line, path: p}); err != nil {
				return pairs, err
			}
			pair[i].where = fmt.Sprintf("line %d of %s", x.line, Show(path))
		}
		im := &pair[0].image
		if other, ok := names[im.Name]; ok {
			return pairs, fault.New(fault.ErrData, "the source %s is in two pairs, %s and %s", Show(im.Name), other, pair[0].where).WithHint("name each image once")
		}
		names[im.Name] = pair[0].where
		im.Split, im.Slide = x.split, x.slide
		im.Group = x.slide
		pair[1].image = *im // of one name, that of the pair
		for i := range pairs {
			pairs[i] = append(pairs[i], pair[i])
		}
	}
	return pairs, nil
}

// cell is the image that a cell names.
func (l *pairLister) cell(table, dir string, x row) (file, error) {
	if l.find.remote(table, x.path) {
		return l.find.tableRow(table, x)
	}
	return localRow(table, dir, x, &l.find)
}
