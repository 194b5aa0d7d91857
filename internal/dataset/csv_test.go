package dataset

import (
	"slices"
	"strings"
	"testing"
)

func TestParseTable(t *testing.T) {
	rows, err := parseTable([]byte("\ufeffslide,path, label ,extra\ns1,a.png,gs,x\n\ns1,\"b,c.png\", noa ,y\n"), DefaultColumns())
	if err != nil {
		t.Fatal(err)
	}
	want := []row{{2, "a.png", "gs", "", "s1"}, {4, "b,c.png", "noa", "", "s1"}}
	if !slices.Equal(rows, want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
	rows, err = parseTable([]byte("file,class\na,b\n"), Columns{Path: "file", Label: "class"}.orDefault())
	if err != nil || len(rows) != 1 || rows[0].label != "b" {
		t.Errorf("named columns give %v, %v", rows, err)
	}
}

func TestParseTableRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                                  "empty",
		"path,label\n":                      "names no image",
		"path,class\na,b\n":                 `no column "label" among path, class`,
		"path,label\na,b\n,b\n":             "line 3",
		"path,label\na\n":                   "line 2",
		"path,label\n\"a,b\n":               "line",
		"path,label,patient\na,b,p\nc,d,\n": `column "patient" is empty in line 3 and filled in line 2`,
		"path,label,slide\na,b,\nc,d,s\n":   `column "slide" is empty in line 2 and filled in line 3`,
		"path,label\na\x00b,c\n":            "zero byte",
	} {
		if _, err := parseTable([]byte(text), DefaultColumns()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v, want %q", text, err, says)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte("path,label,patient,slide\na.png,gs,p1,s1\nb.png,noa,p2,s2\n"))
	f.Add([]byte("\ufefflabel,path\n\"x\"\"y\",\"b\nc\"\n"))
	f.Add([]byte("path,label\r\na,b\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := parseTable(data, DefaultColumns())
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.path == "" || r.label == "" || r.line < 2 || (r.patient == "") != (rows[0].patient == "") {
				t.Errorf("accepted %+v", r)
			}
		}
	})
}
