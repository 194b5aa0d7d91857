package report

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"g2c/experiments/record"
	"g2c/experiments/specs"
	"g2c/internal/dataset"
)

// paperRun is a finished run of a built-in spec of the paper.
func paperRun(t *testing.T, name string) *Data {
	t.Helper()
	text, ok := specs.Lookup(name)
	if !ok {
		t.Fatalf("no spec %s", name)
	}
	w := newWorld(t, planOf(t, text))
	w.all()
	d := w.collect()
	d.Run.Data = []record.Data{{Name: "labelled PAS", Summary: dataset.Summary{Counts: []dataset.Count{
		{Split: dataset.Train, Class: "ss", Images: 5}, {Split: dataset.Validation, Class: "ss", Images: 1}, {Split: dataset.Test, Class: "ss", Images: 2},
		{Split: dataset.Train, Class: "gs", Images: 7}, {Split: dataset.Test, Class: "gs", Images: 3}, {Split: dataset.Train, Class: "noa", Images: 11}, {Split: dataset.Test, Class: "noa", Images: 4},
	}}}}
	return d
}

// Every row and column of the paper's Tables 1 to 5 is there, with as many numbers as the
// paper prints, and the arms that the rows are looked for by are those of the specs.
func TestTheTablesAreWhole(t *testing.T) {
	six := []string{"PAS_ONLY", "PAS_H&E", "PAS_MASSON", "PAS_PASM", "PAS_ALL", "PAS_ALL+"}
	want := map[string]struct{ rows, columns []string }{
		"1": {[]string{"training", "testing", "total"}, []string{"ss", "gs", "noa", "total"}},
		"2": {six, []string{"s", "noa", "average"}},
		"3": {six, []string{"ss", "gs", "average"}},
		"4": {six, []string{"training", "testing", "gap"}},
		"5": {[]string{"Han and Ma 2002", "Cruz-Roa et al. 2014", "Janowczyk and Madabhushi 2016 (PAS_ONLY)", "PAS_ALL+"}, []string{"F1", "accuracy (%)"}},
	}
	j := Join(nil, nil)
	found := 0
	for _, table := range j.Tables {
		w, ok := want[table.Name]
		if !ok {
			continue
		}
		found++
		var rows []string
		for _, r := range table.Rows {
			if strings.HasPrefix(r.Name, "HE_") { // a reading that the paper has not
				continue
			}
			rows = append(rows, r.Name)
			if len(r.Paper) != len(w.columns) {
				t.Errorf("table %s, %s: %d numbers of %d", table.Name, r.Name, len(r.Paper), len(w.columns))
			}
			for i, v := range r.Paper {
				if !v.Defined() {
					t.Errorf("table %s, %s, %s is empty", table.Name, r.Name, w.columns[i])
				}
			}
		}
		if !slices.Equal(rows, w.rows) || !slices.Equal(table.Columns, w.columns) {
			t.Errorf("table %s has %v and %v", table.Name, rows, table.Columns)
		}
	}
	if found != len(want) {
		t.Errorf("%d tables of %d", found, len(want))
	}
	// What the paper prints holds together: averages and gaps are those of their cells.
	for _, table := range paperTables() {
		for _, r := range table.rows {
			off := 0.0
			switch table.name {
			case "2", "3":
				off = r.cells[2] - (r.cells[0]+r.cells[1])/2
			case "4":
				off = r.cells[2] - (r.cells[0] - r.cells[1])
			}
			misprint := table.name == "2" && r.name == "PAS_ALL+"
			if !(math.Abs(off) < 0.0101) && !misprint {
				t.Errorf("table %s, %s: off by %v", table.name, r.name, off)
			}
		}
	}
}

// What runs found stands in the rows of its arms, once where runs share it, with the
// numbers of their own reports.
func TestJoined(t *testing.T) {
	runs := []*Data{paperRun(t, "paper/table2-small"), paperRun(t, "paper/table3-small"), paperRun(t, "paper/ablations-small")}
	j := Join(runs, []string{"two", "three", "more"})
	tables := map[string]*Table{}
	for i := range j.Tables {
		tables[j.Tables[i].Name] = &j.Tables[i]
	}
	for _, name := range []string{"2", "3", "4"} {
		for _, r := range tables[name].Rows {
			if len(r.Ours) != 1 {
				t.Errorf("table %s, %s: %d times", name, r.Name, len(r.Ours))
				continue
			}
			run := runs[0]
			if name != "2" {
				run = runs[1]
			}
			task := map[string]string{"2": levelOne, "3": levelTwo, "4": levelTwo}[name]
			at := slices.IndexFunc(run.Groups, func(s Summary) bool { return s.Task == task && s.Arm == r.Name })
			s := &run.Groups[at]
			column := 2
			if name == "4" {
				column = 1
			}
			if got, want := float64(r.Ours[0].Cells[column].Value), 100*float64(s.BalancedAccuracy.Mean); !(math.Abs(got-want) < 1e-9) {
				t.Errorf("table %s, %s: %v, the report says %v", name, r.Name, got, want)
			}
		}
	}
	first := tables["1"].Rows[0]
	if got := first.Ours; len(got) != 1 || got[0].N != 24 || got[0].Cells[0].Value != 6 || got[0].Cells[3].Value != 24 {
		t.Errorf("Table 1: %+v", got)
	}
	frozen := slices.IndexFunc(tables["ablations"].Rows, func(r Row) bool { return strings.Contains(r.Name, "frozen") })
	row := tables["ablations"].Rows[frozen]
	if len(row.Ours) != 1 || !row.Ours[0].Cells[0].Value.Defined() || !(math.Abs(float64(row.Paper[1])+1.54) < 1e-9) {
		t.Errorf("%+v", row)
	}
	if len(j.Tests) != 3 { // both tasks of table 3, one of table 2; the ablations compare other pairs
		t.Errorf("%d tests: %+v", len(j.Tests), j.Tests)
	}
	checkJoinedForms(t, j)
}

// checkJoinedForms holds the page, the text and the JSON to the tables.
func checkJoinedForms(t *testing.T, j *Joined) {
	t.Helper()
	var text bytes.Buffer
	if err := j.Text(&text); err != nil {
		t.Fatal(err)
	}
	html, err := j.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"Table 1.", "Table 5.", "the paper", "93.68", "not run", "PAS_ALL less PAS_ONLY"} {
		if !strings.Contains(text.String(), says) {
			t.Errorf("the text does not say %q", says)
		}
		if !bytes.Contains(html, []byte(says)) {
			t.Errorf("the page does not say %q", says)
		}
	}
	if n := bytes.Count(html, []byte(`class="theirs"`)); n != 3+6+6+6+4+4 {
		t.Errorf("%d lines of the paper's", n)
	}
	data, err := j.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Joined
	if err := json.Unmarshal(data, &back); err != nil || len(back.Tables) != 6 {
		t.Errorf("%v, %d tables", err, len(back.Tables))
	}
}
