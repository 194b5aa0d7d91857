package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is generated stands beside what it is made of: it must be what would be made now.
func TestGeneratedFilesAreFresh(t *testing.T) {
	folder := filepath.Join("..", "..")
	files, err := generate(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what its tags say (%v): go generate ./coordinator/command", name, err)
		}
	}
}

// folderWith is a coordinator's folder of its own, with commands and records.
func folderWith(t *testing.T, commands, records string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"api/a.go":                 "package api\n\ntype Key [32]byte\n\ntype Gang struct {\n\tMin int `f:\"1\" json:\"min\"`\n\tMax int `f:\"2\"`\n\tOld int\n}\n",
		"coordinator/command/c.go": "package command\n\ntype Mode string\n\n" + commands,
		"coordinator/state/s.go":   "package state\n\n" + records,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "coordinator")
}

// newcomer is a command with two fields, one of which came later.
const newcomer = "// Pause stops a project.\n//\n//log:command 1 verb=\"pause {Mode}\" subject=Project\ntype Pause struct {\n\tProject string `f:\"1\" rule:\"id\"`\n\tMode Mode `f:\"2\" level:\"4\"`\n}\n"

// One struct is all that a command needs: the rest follows.
func TestACommandIsOneStruct(t *testing.T) {
	folder := folderWith(t, newcomer, "type Pause struct {\n\tName string `f:\"1\"`\n\tGang api.Gang `f:\"2,flat\"`\n\tlast int `f:\"-\"`\n}\n")
	for range 2 { // again over what is there
		if err := write(folder); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{
		"command/codec_gen.go": {
			"Number() int { return 1 }", `return "pause " + string(c.Mode), c.Project`, "level = max(level, 4)",
			"b = appendText(b, 1, c.Project)", "c.Mode = d.mode()", `k.id("project", c.Project)`,
		},
		"state/rules_gen.go":  {"case command.Pause:\n\t\treturn s.pause(c)"},
		"state/fields_gen.go": {"c.text(1, &r.Name)", "c.int(2, &r.Gang.Min)", "c.int(3, &r.Gang.Max)"},
	} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(string(got), text) {
				t.Errorf("%s has no %q:\n%s", name, text, got)
			}
		}
	}
}

// A tag that is wrong stops the generator, and says where.
func TestWrongSchemasAreRefused(t *testing.T) {
	one := func(fields string) string { return "//log:command 1\ntype A struct {\n" + fields + "\n}\n" }
	good := one("Name string `f:\"1\"`")
	for want, c := range map[string][2]string{
		"A has the number 2, where 1 belongs":        {strings.Replace(good, "command 1", "command 2", 1), ""},
		"B has the number 1, where 2 belongs":        {good + strings.Replace(good, " A ", " B ", 1), ""},
		`"x" is no number of a command`:              {strings.Replace(good, "command 1", "command x", 1), ""},
		`a command has no "words"`:                   {strings.Replace(good, "command 1", "command 1 words=9", 1), ""},
		`"1" is no level`:                            {strings.Replace(good, "command 1", "command 1 level=1", 1), ""},
		`the audit cannot say its "Other"`:           {strings.Replace(good, "command 1", "command 1 subject=Other", 1), ""},
		"a subject of 3 fields":                      {strings.Replace(good, "command 1", "command 1 subject=Name|Name|Name", 1), ""},
		"a command without fields":                   {"//log:command 1\ntype A struct{}\n", ""},
		"Name and Other have the number 1":           {one("Name string `f:\"1\"`\nOther string `f:\"1\"`"), ""},
		`Other has no number, and no f:"-"`:          {one("Name string `f:\"1\"`\nOther string"), ""},
		"one number for 2 fields":                    {one("Name, Other string `f:\"1\"`"), ""},
		`"0" is no number of a field`:                {one("Name string `f:\"0\"`"), ""},
		`there is no option "wide"`:                  {one("Name string `f:\"1,wide\"`"), ""},
		`there is no tag "levle"`:                    {one("Name string `f:\"1\" levle:\"4\"`"), ""},
		"command.A stands in itself":                 {one("A []A `f:\"1\" rule:\"max=2\"`"), ""},
		`its tag cannot be read from "x"`:            {one("Name string `f:\"1\" x`"), ""},
		"A: N has a tag that package command has no": {one("N int `f:\"1\" unless:\"M\"`"), ""},
		"R: N has a tag that package state has no":   {good, "type R struct {\n\tN int `f:\"1\" rule:\"min=1\"`\n}\n"},
		`"late" is no level`:                         {one("Name string `f:\"1\" level:\"late\"`"), ""},
		`"ascending" is no rule`:                     {one("Name string `f:\"1\" rule:\"ascending\"`"), ""},
		`"min=" is no rule`:                          {one("N int `f:\"1\" rule:\"min=\"`"), ""},
		"N: a int has no such rule":                  {one("N int `f:\"1\" rule:\"id\"`"), ""},
		"a uint64 has no such rule":                  {one("N uint64 `f:\"1\" rule:\"max=3\"`"), ""},
		"a list without the rule max":                {one("N []api.Key `f:\"1\"`"), ""},
		"there is no encoding of a float64":          {one("N float64 `f:\"1\"`"), ""},
		"a int is not of a fixed size":               {one("N int `f:\"1,fixed\"`"), ""},
		"Name cannot be flat":                        {one("Name string `f:\"1,flat\"`"), ""},
		"K: it is always there":                      {one("K api.Key `f:\"1\" level:\"4\"`"), ""},
		"state.R: last has no number":                {good, "type R struct {\n\tName string `f:\"1\"`\n\tlast int\n}\n"},
		"state.R: N: a record cannot hold a float64": {good, "type R struct {\n\tN float64 `f:\"1\"`\n}\n"},
	} {
		if _, err := generate(folderWith(t, c[0], c[1])); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := generate(folderWith(t, good, "")); err != nil {
		t.Errorf("what is right: %v", err)
	}
}

// The level of what stands in a command counts, at any depth.
func TestLevelsOfNestedStructs(t *testing.T) {
	folder := folderWith(t, "//log:command 1\ntype A struct {\n\tItems []Item `f:\"1\" rule:\"max=3\"`\n\tOne Item `f:\"2\"`\n}\n\ntype Item struct {\n\tN int `f:\"1\" level:\"5\"`\n}\n", "")
	files, err := generate(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"level = max(level, c.Items[i].level())", "level = max(level, c.One.level())", "level = max(level, 5)"} {
		if !bytes.Contains(files["command/codec_gen.go"], []byte(want)) {
			t.Errorf("no %q in\n%s", want, files["command/codec_gen.go"])
		}
	}
}
