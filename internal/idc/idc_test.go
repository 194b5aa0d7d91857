package idc

import (
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"g2c/internal/fault"
)

// draw writes a grey PNG.
func draw(t *testing.T, path string, w, h int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// world is a small data set with everything that goes wrong in one, and its lists.
func world(t *testing.T) (dir, lists string) {
	t.Helper()
	dir, lists = filepath.Join(t.TempDir(), "set"), t.TempDir()
	for _, name := range []string{
		"10/0/10_idx5_x1_y51_class0.png", "10/1/10_idx5_x51_y51_class1.png", "11/0/11_idx5_x1_y1_class0.png", "12/1/12_idx5_x1_y1_class1.png",
		"13/0/13_idx5_x1_y1_class0.png", "13/1/13_idx5_x9_y1_class1.png",
		"11/1/11_idx5_x2_y1_class0.png",       // in the other class's folder
		"12/1/13_idx5_x2_y1_class1.png",       // in another patient's
		"copy/10/0/10_idx5_x1_y51_class0.png", // once more
		"10/0/.DS_Store/x.png",
	} {
		draw(t, filepath.Join(dir, filepath.FromSlash(name)), 50, 50)
	}
	draw(t, filepath.Join(dir, "10/1/10_idx5_x1001_y51_class1.png"), 50, 32)
	write(t, filepath.Join(dir, "10/1/10_idx5_x1001_y52_class1.png"), "not a PNG")
	write(t, filepath.Join(dir, "readme.txt"), "")
	write(t, filepath.Join(lists, "cases_train.txt"), "10\n11\r\n\n")
	write(t, filepath.Join(lists, "cases_val.txt"), "99\n")
	write(t, filepath.Join(lists, "cases_test.txt"), "12")
	return dir, lists
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestImport(t *testing.T) {
	dir, lists := world(t)
	table := filepath.Join(filepath.Dir(dir), "idc.csv")
	r, err := Import(Request{Dir: dir, Table: table, Lists: lists})
	if err != nil {
		t.Fatal(err)
	}
	train, test := filepath.Join(filepath.Dir(dir), "idc-train.csv"), filepath.Join(filepath.Dir(dir), "idc-test.csv")
	want := &Report{
		Tables: []string{table, train, test}, Patches: 7, Positive: 4, Patients: 4, Border: 1, Parts: map[string]int{"train": 4, "test": 1},
		Unlisted: []string{"13"}, Misnamed: []string{"11/1/11_idx5_x2_y1_class0.png", "12/1/13_idx5_x2_y1_class1.png", "readme.txt"},
		Duplicate: []string{"copy/10/0/10_idx5_x1_y51_class0.png"}, Unreadable: []string{"10/1/10_idx5_x1001_y52_class1.png"},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("%+v\nwant %+v", r, want)
	}
	if got, want := read(t, table), `path,label,patient,split
set/10/0/10_idx5_x1_y51_class0.png,0,10,train
set/10/1/10_idx5_x1001_y51_class1.png,1,10,train
set/10/1/10_idx5_x51_y51_class1.png,1,10,train
set/11/0/11_idx5_x1_y1_class0.png,0,11,train
set/12/1/12_idx5_x1_y1_class1.png,1,12,test
set/13/0/13_idx5_x1_y1_class0.png,0,13,
set/13/1/13_idx5_x9_y1_class1.png,1,13,
`; got != want {
		t.Errorf("the table:\n%s", got)
	}
	if got := read(t, test); got != "path,label,patient\nset/12/1/12_idx5_x1_y1_class1.png,1,12\n" {
		t.Errorf("the test table:\n%s", got)
	}
	if _, err := Import(Request{Dir: dir, Table: table, Lists: lists}); err != nil {
		t.Errorf("once more: %v", err)
	}
	if _, err := Import(Request{Dir: dir, Table: table, Both: true}); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("over another table: %v", err)
	}
	r, err = Import(Request{Dir: dir, Table: table, Both: true, Force: true})
	if err != nil || !reflect.DeepEqual(r.OneClass, []string{"11", "12"}) || r.Patches != 5 || r.Patients != 2 {
		t.Errorf("both classes: %+v, %v", r, err)
	}
	if got := read(t, table); strings.Contains(got, "/11/") || strings.Contains(got, "split") {
		t.Errorf("both classes:\n%s", got)
	}
}

func TestImportErrors(t *testing.T) {
	dir, lists := world(t)
	table := filepath.Join(t.TempDir(), "t.csv")
	for name, c := range map[string]struct {
		r     Request
		class error
	}{
		"no folder":  {Request{Dir: filepath.Join(dir, "none"), Table: table}, fault.ErrNotFound},
		"no lists":   {Request{Dir: dir, Table: table, Lists: dir}, fault.ErrNotFound},
		"no patches": {Request{Dir: lists, Table: table}, fault.ErrData},
	} {
		if _, err := Import(c.r); !errors.Is(err, c.class) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"a patient twice": "12\n10\n", "no number": "twelve\n"} {
		write(t, filepath.Join(lists, "cases_test.txt"), text)
		if _, err := Import(Request{Dir: dir, Table: table, Lists: lists}); !errors.Is(err, fault.ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(table); err == nil {
		t.Error("a table was written all the same")
	}
}

func FuzzParseName(f *testing.F) {
	for _, name := range []string{
		"8863_idx5_x51_y1251_class0.png", "8863_idx5_x051_y1_class1.png", "8863_idx5_x51_y1251_class2.png", "_idx5_x1_y1_class0.png",
		"1_idx5_x1_y1_class0.png\n", "1_idx5_x99999999999999999999_y1_class0.png", "٣_idx5_x1_y1_class0.png",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, err := ParseName(name)
		if err != nil {
			return
		}
		if p.Name() != name {
			t.Errorf("%q is read as %+v, whose name is %q", name, p, p.Name())
		}
	})
}
