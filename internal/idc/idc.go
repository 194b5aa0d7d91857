package idc

import (
	"bytes"
	"encoding/csv"
	"errors"
	"image/png"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/atomicfile"
	"g2c/internal/fault"
	"g2c/internal/residue"
)

// Request says what to read and where to write.
type Request struct {
	Dir   string // of <patient>/<0|1>/<name>, or any folders with such names
	Table string // CSV file to write
	Lists string // folder of the official lists; empty for none
	Both  bool   // only patients who have patches of both classes
	Force bool   // replaces tables that are there and say something else
}

// Report is what was found and written.
type Report struct {
	Tables     []string       `json:"tables"`
	Patches    int            `json:"patches"`
	Positive   int            `json:"positive"` // of them
	Patients   int            `json:"patients"`
	Border     int            `json:"border"`               // patches smaller than 50×50, in the tables too
	Parts      map[string]int `json:"parts,omitempty"`      // patches, by part of the lists
	Unlisted   []string       `json:"unlisted"`             // patients that are in no list: in the table of all alone
	Misnamed   []string       `json:"misnamed"`             // files that are left out: no patch's name, or in the folder of another
	Duplicate  []string       `json:"duplicate"`            // files that are left out: the same patch once more
	OneClass   []string       `json:"oneClass,omitempty"`   // patients that are left out by Both
	Unreadable []string       `json:"unreadable,omitempty"` // files that are left out: no PNG
}

// entry is a patch in a file.
type entry struct {
	Patch
	path string
	part string
}

// Import reads a folder and writes a table of all patches, with the columns path, label,
// patient and, with lists, split; with lists also a table for each part that has patches,
// NAME-train.csv beside NAME.csv. Paths in tables are relative to them. Order and bytes
// depend on the files' names alone.
func Import(r Request) (*Report, error) {
	var lists map[string]string
	if r.Lists != "" {
		var err error
		if lists, err = readLists(r.Lists); err != nil {
			return nil, err
		}
	}
	report := &Report{Tables: []string{}, Unlisted: []string{}, Misnamed: []string{}, Duplicate: []string{}}
	found, err := find(r, report)
	if err != nil {
		return nil, err
	}
	if r.Both {
		found = bothClasses(found, report)
	}
	if len(found) == 0 {
		return nil, fault.New(fault.ErrData, "%s has no patches with the data set's names, and %d other files", r.Dir, len(report.Misnamed)).
			WithHint("a patch is called 8863_idx5_x51_y1251_class0.png")
	}
	report.count(found, lists)
	return report, r.write(found, lists != nil, report)
}

// find lists the patches below a folder, by patient, class, and place.
func find(r Request, report *Report) ([]entry, error) {
	seen := map[Patch]bool{}
	var found []entry
	err := filepath.WalkDir(r.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if residue.Is(d.Name()) && path != r.Dir {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		p, err := ParseName(d.Name())
		short, _ := filepath.Rel(r.Dir, path)
		switch {
		case err != nil || elsewhere(p, filepath.Dir(short)):
			report.Misnamed = append(report.Misnamed, filepath.ToSlash(short))
			return nil
		case seen[p]:
			report.Duplicate = append(report.Duplicate, filepath.ToSlash(short))
			return nil
		}
		whole, err := isWhole(path)
		if err != nil {
			report.Unreadable = append(report.Unreadable, filepath.ToSlash(short))
			return nil
		}
		seen[p] = true
		if !whole {
			report.Border++
		}
		found = append(found, entry{Patch: p, path: path})
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.ErrNotFound, "there is no folder %s", r.Dir)
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read the data set: %w", err)
	}
	return found, nil
}

// elsewhere says whether a patch lies in a folder of another class or patient.
func elsewhere(p Patch, dir string) bool {
	dirs := strings.Split(filepath.ToSlash(dir), "/")
	class := dirs[len(dirs)-1]
	if class != "0" && class != "1" {
		return false
	}
	patient := ""
	if len(dirs) > 1 {
		patient = dirs[len(dirs)-2]
	}
	return class != p.Class || patient != "" && strings.Trim(patient, "0123456789") == "" && patient != p.Patient
}

// isWhole says whether a file is of 50×50 pixels, without decoding it.
func isWhole(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	c, err := png.DecodeConfig(f)
	return c.Width >= Side && c.Height >= Side, err
}

// bothClasses leaves out the patients of one class, whose class could be told by who they are.
func bothClasses(found []entry, report *Report) []entry {
	classes := map[string]map[string]bool{}
	for _, e := range found {
		if classes[e.Patient] == nil {
			classes[e.Patient] = map[string]bool{}
		}
		classes[e.Patient][e.Class] = true
	}
	for _, patient := range slices.Sorted(maps.Keys(classes)) {
		if len(classes[patient]) < 2 {
			report.OneClass = append(report.OneClass, patient)
		}
	}
	return slices.DeleteFunc(found, func(e entry) bool { return len(classes[e.Patient]) < 2 })
}

// count fills in the report, and the parts of the patches.
func (r *Report) count(found []entry, lists map[string]string) {
	patients := map[string]bool{}
	r.Patches = len(found)
	for i := range found {
		e := &found[i]
		patients[e.Patient] = true
		if e.Class == "1" {
			r.Positive++
		}
		if lists == nil {
			continue
		}
		if e.part = lists[e.Patient]; e.part == "" {
			if !slices.Contains(r.Unlisted, e.Patient) {
				r.Unlisted = append(r.Unlisted, e.Patient)
			}
			continue
		}
		if r.Parts == nil {
			r.Parts = map[string]int{}
		}
		r.Parts[e.part]++
	}
	r.Patients = len(patients)
	slices.Sort(r.Unlisted)
}

// write writes the tables once none of them would hide what is there.
func (r Request) write(found []entry, listed bool, report *Report) error {
	texts := map[string][]byte{}
	add := func(path string, entries []entry, split bool) error {
		text, err := encode(filepath.Dir(path), entries, split)
		if err != nil {
			return fault.New(fault.ErrUnavailable, "write table %s: %w", path, err)
		}
		texts[path] = text
		report.Tables = append(report.Tables, path)
		return r.replaceable(path, text)
	}
	if err := add(r.Table, found, listed); err != nil {
		return err
	}
	for _, part := range parts {
		of := slices.DeleteFunc(slices.Clone(found), func(e entry) bool { return e.part != part.name })
		if !listed || len(of) == 0 {
			continue
		}
		ext := filepath.Ext(r.Table)
		if err := add(strings.TrimSuffix(r.Table, ext)+"-"+part.name+ext, of, false); err != nil {
			return err
		}
	}
	for _, path := range report.Tables {
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = atomicfile.Write(path, atomicfile.Options{}, texts[path])
		}
		if err != nil {
			return fault.New(fault.ErrUnavailable, "write table %s: %w", path, err)
		}
	}
	return nil
}

// replaceable refuses to write over a file that says something else, unless that is asked for.
func (r Request) replaceable(path string, text []byte) error {
	there, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (r.Force || bytes.Equal(there, text)) {
		return nil
	}
	if err != nil {
		return fault.New(fault.ErrUnavailable, "write table: %w", err)
	}
	return fault.New(fault.ErrSpec, "%s is there, and says something else", path).WithHint("name another file, or replace it with --force")
}

func encode(dir string, entries []entry, split bool) ([]byte, error) {
	base, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	header := []string{"path", "label", "patient"}
	if split {
		header = append(header, "split")
	}
	lines := [][]string{header}
	for _, e := range entries {
		full, err := filepath.Abs(e.path)
		if err != nil {
			return nil, err
		}
		if short, err := filepath.Rel(base, full); err == nil {
			full = short
		}
		line := []string{filepath.ToSlash(full), e.Class, e.Patient}
		if split {
			line = append(line, e.part)
		}
		lines = append(lines, line)
	}
	var b bytes.Buffer
	err = csv.NewWriter(&b).WriteAll(lines)
	return b.Bytes(), err
}
