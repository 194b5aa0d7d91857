package dataset

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseTable(t *testing.T) {
	got, err := parseTable([]byte("\ufeffslide,path, label ,extra\ns1,a.png,gs,x\n\ns1,\"b,c.png\", noa ,y\n"), Columns{})
	if err != nil {
		t.Fatal(err)
	}
	want := []row{{2, "a.png", "gs", "", "s1"}, {4, "b,c.png", "noa", "", "s1"}}
	if !slices.Equal(got.rows, want) || !slices.Equal(got.unused, []string{"extra"}) {
		t.Errorf("rows %v, unused %v, want %v", got.rows, got.unused, want)
	}
	got, err = parseTable([]byte("file,class\na,b\n"), Columns{Path: "file", Label: "class"})
	if err != nil || len(got.rows) != 1 || got.rows[0].label != "b" {
		t.Errorf("named columns give %v, %v", got, err)
	}
}

func TestParseTableRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"":                                  "empty",
		"path,label\n":                      "names no image",
		"path,class\na,b\n":                 `no column "label" among "path", "class"`,
		"path,label\na,b\n,b\n":             "line 3",
		"path,label\na\n":                   "line 2",
		"path,label\n\"a,b\n":               "line",
		"path,label,patient\na,b,p\nc,d,\n": `column "patient" is empty in line 3 and filled in line 2`,
		"path,label,slide\na,b,\nc,d,s\n":   `column "slide" is empty in line 2 and filled in line 3`,
		"path,label\na\x00b,c\n":            "zero byte",
	} {
		if _, err := parseTable([]byte(text), Columns{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v, want %q", text, err, says)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte("path,label,patient,slide\na.png,gs,p1,s1\nb.png,noa,p2,s2\n"))
	f.Add([]byte("\ufefflabel,path\n\"x\"\"y\",\"b\nc\"\n"))
	f.Add([]byte("path,label\r\na,b\r\n"))
	f.Add([]byte("sep=;\nPath;Label;PATIENT\na;b;c\n;;\n"))
	f.Add([]byte("path\tlabel\ra\tne\u0301crose\r"))
	f.Add([]byte("\xff\xfep\x00a\x00t\x00h\x00,\x00l\x00a\x00b\x00e\x00l\x00\n\x00a\x00,\x00b\x00\n\x00"))
	f.Add([]byte("sep=|\npath|label\n\xe9|b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseTable(data, Columns{})
		if err != nil {
			return
		}
		before := 1
		for _, r := range got.rows {
			if r.path == "" || r.label == "" || r.line <= before || (r.patient == "") != (got.rows[0].patient == "") {
				t.Errorf("accepted %+v after line %d", r, before)
			}
			if !utf8.ValidString(r.path) || !utf8.ValidString(r.label) || r.label != NFC(r.label) || r.patient != NFC(r.patient) {
				t.Errorf("accepted the text %+q", []string{r.path, r.label, r.patient})
			}
			before = r.line
		}
	})
}

// Spreadsheets, pandas and other systems write tables in many forms; all say the same.
func TestTheFormsOfTables(t *testing.T) {
	wide := func(text string, little bool) string {
		var b []byte
		for _, r := range "\ufeff" + text {
			if little {
				b = append(b, byte(r), byte(r>>8))
			} else {
				b = append(b, byte(r>>8), byte(r))
			}
		}
		return string(b)
	}
	want := []row{{2, "img/a,1.png", "n\u00e9crose", "p1", ""}, {3, "b.png", "sain", "p2", ""}}
	const comma = "path,label,patient\n\"img/a,1.png\",n\u00e9crose,p1\nb.png,sain,p2\n"
	const semicolon = "path;label;patient\nimg/a,1.png;n\u00e9crose;p1\nb.png;sain;p2\n"
	const tab = "path\tlabel\tpatient\nimg/a,1.png\tn\u00e9crose\tp1\nb.png\tsain\tp2\n"
	for name, text := range map[string]string{
		"commas":           comma,
		"semicolons":       semicolon,
		"tabs":             tab,
		"a mark":           "\ufeff" + comma,
		"CRLF":             strings.ReplaceAll(comma, "\n", "\r\n"),
		"CR":               strings.ReplaceAll(comma, "\n", "\r"),
		"UTF-16 LE":        wide(tab, true),
		"UTF-16 BE":        wide(comma, false),
		"trailing rows":    comma + ",,\n , ,\n,,,,\n\n",
		"another case":     strings.Replace(comma, "path,label,patient", "Path, LABEL ,Patient", 1),
		"a column more":    "path;label;patient;note, or \"\"\nimg/a,1.png;n\u00e9crose;p1;\nb.png;sain;p2;x\n",
		"decomposed":       strings.ReplaceAll(comma, "\u00e9", "e\u0301"),
		"an index":         ",path,label,patient\n0,\"img/a,1.png\",n\u00e9crose,p1\n1,b.png,sain,p2\n",
		"bars":             strings.ReplaceAll(semicolon, ";", "|"),
		"quoted sep=":      "\"sep=;\"\n" + semicolon,
		"mixed lines":      strings.Replace(comma, "\n", "\r", 2),
		"twice Windows":    strings.ReplaceAll(comma, "\n", "\r\r\n"),
		"sep= a bar":       "sep=|\n" + strings.ReplaceAll(semicolon, ";", "|"),
		"SEP= a semicolon": "\ufeffSEP=;\r\n" + semicolon,
		"sep= a tab":       "sep=\t\n" + tab,
	} {
		if name == "a column more" {
			text = strings.ReplaceAll(text, `""`, "")
		}
		got, err := parseTable([]byte(text), Columns{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rows := slices.Clone(got.rows)
		if strings.HasPrefix(strings.ToLower(strings.TrimLeft(text, "\ufeff\"")), "sep=") {
			for i := range rows {
				rows[i].line-- // a line more stands above
			}
		}
		if !slices.Equal(rows, want) {
			t.Errorf("%s: rows %+v, want %+v", name, rows, want)
		}
	}
}

// What cannot be read is named, and no advice leads astray.
func TestTablesOfOtherKinds(t *testing.T) {
	for text, says := range map[string]string{
		"PK\x03\x04\x14\x00":                           "it is a workbook",
		"p\x00a\x00t\x00h\x00,\x00":                    "UTF-16 without a mark",
		"path/label\na/b\n":                            `one cell "path/label": a table begins with its header, whose cells are separated by commas, semicolons or tabs`,
		"path,label\na,b\npath,label\nc,d\n":           "line 3: it is the header again",
		"path,label\na\n":                              "line 2: it has 1 cell, the header has 2",
		"path,label\na.png,tu\x00mor\n":                "the label holds a zero byte",
		"p\x00\x00\x00a\x00\x00\x00":                   "UTF-16 without a mark",
		"\xff\xfe\x00\x00p\x00\x00\x00":                "it is UTF-32",
		"<!DOCTYPE html><html>":                        "it is a web page, not a table of text",
		"version https://git-lfs.github.com/spec/v1\n": "a Git LFS pointer, not a table of text: `git lfs pull`",
		"\x1f\x8b\x08\x00":                             "it is a gzip file",
		"file;label\na;b\n":                            "separated by semicolons",
		"sep=ab\npath,label\na,b\n":                    "names no separator",
		"sep=;\npath;label\na;b\nc;\n":                 "line 4",
		"path,label\na,b,c\n":                          "line 2: it has 3 cells, the header has 2",
		"path,label,label\na,b,c\n":                    `column "label" occurs twice`,
		"path,Label,LABEL\na,b,c\n":                    `"Label" and "LABEL" may both be the column label`,
		"sep=;\npath;label\n\"a;b\n":                   "line 3",
		"# exported\npath,label\nimg/a.png,a\n":        "one cell",
		"path,label\na.png,n\xe9crose\n":               `the label "n\xe9crose" is not UTF-8`,
		"path,label,patient\na,b,p\n,,\nc,d,\n":        `column "patient" is empty in line 4`,
		"\xff\xfep\x00a\x00t\x00h\x00,\x00x\x00\n\x00": `no column "label"`,
	} {
		_, err := parseTable([]byte(text), Columns{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v, want %q", text, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "\x00") {
			t.Errorf("%q: the message holds zero bytes", text)
		}
	}
}

func TestPathsOfATableThatAreNoneHere(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, "~a.png", "b c.png")
	table := filepath.Join(dir, "t.csv")
	for path, says := range map[string]string{
		"~/x.png": "whose home directory", "$HOME/x.png": "environment variables", `C:\x.png`: "a path of Windows", "https://a.org/x.png": "an address", "file:///x.png": "an address",
	} {
		write(t, table, []byte("path,label\nb c.png,a\n"+path+",b\n"))
		_, _, err := Open(background, table, "", "", small)
		wantData(t, err, "line 3", says)
	}
	write(t, table, []byte("\"path\", \"label\"\n\"~a.png\", \"a\"\n\".\\b c.png\", \"b\"\n")) // the first is there by its name
	s, _, err := Open(background, table, "", "", small)
	if err != nil || s.Len() != 2 || !slices.Equal(s.Classes(), []string{"a", "b"}) {
		t.Errorf("%v", err)
	}
}
