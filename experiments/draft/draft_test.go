package draft

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"g2c/experiments/spec"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// write puts images of a colour at paths below a folder.
func write(t *testing.T, dir string, c color.Color, paths ...string) {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 80, 90))
	for i := range m.Pix {
		r, g, b, _ := c.RGBA()
		m.Pix[i] = []uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}[i%4]
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		p = filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var pink = color.RGBA{190, 130, 190, 255}

// numbered are names of patches of groups.
func numbered(pattern string, groups ...string) (all []string) {
	for _, g := range groups {
		for _, n := range []string{"0", "1", "2"} {
			all = append(all, strings.NewReplacer("G", g, "N", n).Replace(pattern))
		}
	}
	return all
}

// field is a field of a spec in normal form.
func field(t *testing.T, f File, path ...string) any {
	t.Helper()
	parsed, err := spec.Parse(f.Name, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(parsed.JSON())
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func look(t *testing.T, places ...string) *Finding {
	t.Helper()
	f, err := Look(t.Context(), places...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func drafted(t *testing.T, f *Finding, dir string) []File {
	t.Helper()
	files, err := f.Spec(dir, "mine")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSplitFoldersBesideStains(t *testing.T) {
	dir := t.TempDir()
	for _, split := range []string{"Train", "test"} {
		for _, class := range []string{"gs", "nongs"} {
			write(t, filepath.Join(dir, "glom_pas", split, class), pink, numbered("G-N.png", split+class+"_1", split+class+"_2")...)
		}
	}
	write(t, filepath.Join(dir, "stains"), pink, "H&E/a.png", "trichrome/a.png", "Jones/a.png", "CD31/a.png", ".thumbs/a.png")
	f := look(t, dir)
	l := f.Labelled
	if l == nil || !slices.Equal(l.Positive, []string{"gs"}) || !slices.Equal(l.Negative, []string{"nongs"}) || l.Labels["gs"] != 12 || l.Groups != 8 || l.Sides.Sure != Likely {
		t.Fatalf("%+v", l)
	}
	if f.Source.Value != "PAS" || f.Source.Sure != Likely || !slices.Equal(f.Translated(), []string{"CD31", "HE", "MASSON", "PASM"}) {
		t.Errorf("source %+v, others %v", f.Source, f.Translated())
	}
	files := drafted(t, f, dir)
	if got := field(t, files[0], "data", "labelled", "group", "pattern"); got != `^(?P<slide>.+)-\d+$` {
		t.Errorf("grouped by %v", got)
	}
	if got := field(t, files[0], "data", "labelled", "test"); got != filepath.Join(dir, "glom_pas", "test") {
		t.Errorf("tested on %v", got)
	}
	if len(files) != 1 || f.Side != 80 {
		t.Errorf("%d files, images of %d pixels", len(files), f.Side)
	}
}

func TestPatientFolders(t *testing.T) {
	dir := t.TempDir()
	for _, patient := range []string{"8864", "8865", "9"} {
		for _, class := range []string{"0", "1"} {
			if patient == "9" && class == "1" {
				continue
			}
			write(t, filepath.Join(dir, "idc", patient, class), pink, numbered("G_xN.png", patient)...)
		}
	}
	f := look(t, filepath.Join(dir, "idc"))
	files := drafted(t, f, dir)
	if len(files) != 2 {
		t.Fatalf("%d files", len(files))
	}
	rows, err := csv.NewReader(bytes.NewReader(files[1].Data)).ReadAll()
	if err != nil || len(rows) != 16 || !slices.Equal(rows[0], []string{"path", "label", "patient"}) || !slices.Equal(rows[1], []string{"idc/8864/0/8864_x0.png", "0", "8864"}) {
		t.Errorf("%v, %v", err, rows)
	}
	if got := field(t, files[0], "data", "labelled", "folds"); got != 2.0 { // patients with class 1
		t.Errorf("%v folds", got)
	}
	if got := field(t, files[0], "data", "labelled", "validation"); got != "none" {
		t.Errorf("validation %v", got)
	}
	if f.Source.Sure != Unsure {
		t.Errorf("it is %s that the stain is %s", f.Source.Sure, f.Source.Value)
	}
}

func TestClassFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, color.RGBA{40, 30, 30, 255}, "tumour/a.png", "tumour/b.png", "stroma/c.png", "stroma/d.png", "fat/e.png", "lone.txt")
	f := look(t, dir)
	if l := f.Labelled; !slices.Equal(l.Positive, []string{"tumour"}) || !slices.Equal(l.Negative, []string{"fat", "stroma"}) || l.Sides.Sure != Unsure || l.Grouping.Sure != Unsure {
		t.Errorf("%+v", l)
	}
	if f.Source.Value != "PASM" {
		t.Errorf("black tissue is of %s", f.Source.Value)
	}
	f.Labelled.Divide([]string{"fat"})
	if got, _ := field(t, drafted(t, f, dir)[0], "data", "labelled", "folds").(float64); got != 2 {
		t.Errorf("%v folds of one image", got)
	}
}

func TestTables(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, pink, "img/a.png", "img/b.png")
	for name, c := range map[string]struct {
		text  string
		files int
		field []string
		want  any
	}{
		"of a spreadsheet":           {"\ufeffBild;Diagnose;Patient ID\r\nimg/a.png;krank;1\r\nimg/b.png;normal;2\r\n", 1, []string{"data", "labelled", "columns", "label"}, "Diagnose"},
		"with splits":                {"name,class,split\nimg/a.png,x,train\nimg/b.png,y,train\nimg/a.png,x,test\nimg/b.png,y,valid\n", 4, []string{"data", "labelled", "folds"}, "none"},
		"with odd splits":            {"path,label,set\nimg/a.png,x,batch 1\nimg/b.png,y,train\n", 1, []string{"data", "labelled", "columns"}, nil},
		"without a header for paths": {"what,label\nimg/a.png,x\nimg/b.png,y\n", 1, []string{"data", "labelled", "columns", "path"}, "what"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "labels.csv")
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			files := drafted(t, look(t, path), dir)
			if got := field(t, files[0], c.field...); len(files) != c.files || got != c.want {
				t.Errorf("%d files, %v is %v: want %d, %v\n%s", len(files), c.field, got, c.files, c.want, files[0].Data)
			}
		})
	}
}

func TestWhatIsNoData(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, pink, "a.png", "b.png")
	table := filepath.Join(dir, "a.csv")
	if err := os.WriteFile(table, []byte("one,two\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for place, class := range map[string]error{dir: fault.ErrData, table: fault.ErrData, filepath.Join(dir, "none"): fault.ErrNotFound, filepath.Join(dir, "a.png"): fault.ErrData} {
		if _, err := Look(t.Context(), place); !errors.Is(err, class) {
			t.Errorf("%s: %v", place, err)
		}
	}
}

func TestStainNames(t *testing.T) {
	for name, want := range map[string]string{
		"HE": "HE", "H&E": "HE", "glomeruli_pas": "PAS", "PAS_virtual": "PAS", "pasm": "PASM", "SIL": "PASM", "TRI": "MASSON", "Masson trichrome": "MASSON",
		"the": "", "past": "", "class1": "", "": "",
	} {
		if got, _ := stainOf(name); got != want {
			t.Errorf("%q is of stain %q, want %q", name, got, want)
		}
	}
}

func TestGroupings(t *testing.T) {
	for _, c := range []struct {
		names  []string
		groups int
	}{
		{numbered("G-N", "SAS_21883_001", "SESCAM_9_0"), 2},
		{numbered("G_idx5_x10N_y51_class1", "8864", "9"), 2},
		{numbered("G_y0256x000N", "case01", "case02"), 2},
		{numbered("patientG_roi_N", "7", "8", "9"), 3},
		{numbered("TCGA-02-00G-01A_N", "11", "12"), 2},
		{numbered("G (N)", "left", "right"), 2},
		{[]string{"a", "b", "c"}, 0},
		{[]string{"img_1", "img_2", "img_3"}, 0}, // one group is none
		{[]string{"a_1", "b_1", "c_1"}, 0},       // as many as images
		{append(numbered("G-N", "a", "b"), "odd"), 0},
	} {
		if p, n := groupingOf(c.names); n != c.groups {
			t.Errorf("%v: %d groups by %q, want %d", c.names[:2], n, p, c.groups)
		}
	}
}

// FuzzSpec drafts a spec of labels and places of any name: it is read as what was meant.
func FuzzSpec(f *testing.F) {
	for _, s := range []string{"a", "0", "no", "it's", "é", "a: b", "# c", "- d", "{e}", `\f"`, "1e3", " g ", "h\ti", "~", "*", "&x", "!y", "%z", "|", ">", "null"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s = dataset.NFC(strings.TrimSpace(s)); s == "" || s == "other" || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError || r == '\ufeff' }) {
			return
		}
		l := &Labelled{Place: s, Train: []string{"/" + s}, Labels: map[string]int{s: 9, "other": 9}, Grouping: Guess{Why: "line\nline"}}
		l.Divide([]string{s})
		files, err := (&Finding{Stains: map[string][]string{}, Source: Guess{Value: "PAS"}, Labelled: l, Side: 99}).Spec(".", "x")
		if err != nil {
			t.Fatal(err)
		}
		tasks, _ := field(t, files[0], "tasks").([]any)
		task, _ := tasks[0].(map[string]any)
		if got, _ := task["positive"].([]any); len(got) != 1 || got[0] != s {
			t.Errorf("label %q became %q", s, got)
		}
	})
}
