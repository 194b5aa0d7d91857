package report

import (
	"encoding/json"
	"fmt"
	"slices"

	"g2c/model/metrics"
)

// Joined is several runs as one: the paper's tables, with what the runs found beside what
// the paper prints. Equal runs give equal bytes.
type Joined struct {
	Runs   []JoinedRun `json:"runs"`
	Tables []Table     `json:"tables"`
	Tests  []PaperTest `json:"tests"`

	data []*Data
}

// JoinedRun is one of the runs.
type JoinedRun struct {
	ID      string `json:"id"`
	RunHash string `json:"runHash"`
	Tasks   int    `json:"tasks"`
	Done    int    `json:"done"`
}

// Table is one of the paper's tables. A row has the paper's cells, and ours of each run
// that has such an arm.
type Table struct {
	Name    string   `json:"name"` // 1 to 5, or ablations
	Title   string   `json:"title"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
	Note    string   `json:"note,omitempty"`

	decimals []int
}

// Row is a row of a table.
type Row struct {
	Name  string           `json:"name"`
	Paper []metrics.Number `json:"paper"` // null where the paper prints nothing
	Ours  []Ours           `json:"ours"`
}

// Ours is what a run found for a row.
type Ours struct {
	Run   string   `json:"run"`
	Title string   `json:"title"` // of the arm, with what tells it from others of its name
	Seeds []uint32 `json:"seeds,omitempty"`
	N     int      `json:"n"` // test images
	Cells []Cell   `json:"cells"`

	keys []string
}

// Cell is a number with its 95 % interval over the choice of groups of test images, where
// there is one, and its standard deviation over seeds.
type Cell struct {
	Value metrics.Number    `json:"value"`
	CI95  *metrics.Interval `json:"ci95,omitempty"`
	SD    metrics.Number    `json:"sd"`
}

// PaperTest is the comparison of PAS_ALL with PAS_ONLY that the paper tests.
type PaperTest struct {
	Run        string           `json:"run"`
	Task       string           `json:"task"`
	Paper      float64          `json:"paperP"`
	Difference metrics.Number   `json:"difference"` // of balanced accuracy
	CI         metrics.Interval `json:"ci"`
	P          metrics.Number   `json:"p"`
	PHolm      metrics.Number   `json:"pHolm"`
	Claim      bool             `json:"claim"`
	Why        string           `json:"why,omitempty"`
}

// Join puts runs together; ids are their names, one each.
func Join(runs []*Data, ids []string) *Joined {
	j := &Joined{data: runs, Tests: []PaperTest{}}
	for i, d := range runs {
		j.Runs = append(j.Runs, JoinedRun{ids[i], d.RunHash, d.items, d.items - len(d.Unfinished)})
	}
	j.Tables = append(j.Tables, j.counts())
	for _, t := range paperTables() {
		j.Tables = append(j.Tables, j.table(&t))
	}
	j.Tables = append(j.Tables, j.ablations())
	for i, d := range runs {
		for _, c := range d.Comparisons {
			if p, ok := paperP[c.Task]; ok && c.A == "PAS_ONLY" && c.B == "PAS_ALL" {
				j.Tests = append(j.Tests, PaperTest{j.Runs[i].ID, c.Task, p, c.Difference, c.CI, c.P, c.PHolm, c.Claim, c.Why})
			}
		}
	}
	return j
}

// table is one of tables 2 to 5.
func (j *Joined) table(p *paperTable) Table {
	t := Table{Name: p.name, Title: p.title, Note: paperNotes[p.name]}
	for _, c := range p.columns {
		t.Columns, t.decimals = append(t.Columns, c.name), append(t.decimals, c.decimals)
	}
	for _, r := range p.rows {
		row := Row{Name: r.name, Paper: printed(r.cells), Ours: []Ours{}}
		j.each(p.tasks, r.arms, func(o Ours, s *Summary) {
			for _, c := range p.columns {
				o.Cells = append(o.Cells, cellOf(c.of(s), c.times))
			}
			row.Ours = append(row.Ours, o)
		})
		t.Rows = append(t.Rows, row)
	}
	return t
}

// printed are the paper's cells.
func printed(cells []float64) []metrics.Number {
	out := make([]metrics.Number, len(cells))
	for i, v := range cells {
		if out[i] = metrics.Number(v); v == unprinted {
			out[i] = metrics.Undefined()
		}
	}
	return out
}

// each goes through the groups of some tasks that are of the first arm that any run has. What
// several runs share comes once.
func (j *Joined) each(tasks []string, arms []string, do func(Ours, *Summary)) {
	var seen [][]string
	for _, arm := range arms {
		for i, d := range j.data {
			for k := range d.Groups {
				s := &d.Groups[k]
				if !slices.Contains(tasks, s.Task) || s.Arm != arm || slices.ContainsFunc(seen, func(o []string) bool { return slices.Equal(o, s.evaluations) }) {
					continue
				}
				seen = append(seen, s.evaluations)
				do(Ours{Run: j.Runs[i].ID, Title: s.Title, Seeds: s.Seeds, N: s.N, keys: s.evaluations}, s)
			}
		}
		if len(seen) > 0 {
			return
		}
	}
}

// cellOf is a mean in the unit of a column.
func cellOf(m Mean, times float64) Cell {
	c := Cell{Value: scaled(m.Mean, times), SD: scaled(m.SD, times)}
	if m.CI95 != nil && m.CI95[0].Defined() && m.CI95[1].Defined() {
		c.CI95 = &metrics.Interval{scaled(m.CI95[0], times), scaled(m.CI95[1], times)}
	}
	return c
}

func scaled(n metrics.Number, times float64) metrics.Number {
	if !n.Defined() {
		return metrics.Undefined()
	}
	return metrics.Number(float64(n) * times)
}

// counts is Table 1, from the images that the runs read.
func (j *Joined) counts() Table {
	t := Table{Name: "1", Title: "Labelled glomeruli by class", decimals: []int{0, 0, 0, 0}}
	for _, c := range paperCounts {
		t.Columns = append(t.Columns, c.class)
	}
	t.Columns = append(t.Columns, "total")
	for _, split := range []struct {
		name   string
		splits []string
		paper  func(i int) int
	}{
		{"training", []string{"train", "validation"}, func(i int) int { return paperCounts[i].train }},
		{"testing", []string{"test"}, func(i int) int { return paperCounts[i].test }},
		{"total", []string{"train", "validation", "test"}, func(i int) int { return paperCounts[i].train + paperCounts[i].test }},
	} {
		row, total := Row{Name: split.name, Ours: []Ours{}}, 0
		for i := range paperCounts {
			row.Paper = append(row.Paper, metrics.Number(split.paper(i)))
			total += split.paper(i)
		}
		row.Paper = append(row.Paper, metrics.Number(total))
		for i, d := range j.data {
			if o, ok := counted(d, split.splits); ok {
				o.Run = j.Runs[i].ID
				if !slices.ContainsFunc(row.Ours, func(before Ours) bool { return slices.EqualFunc(before.Cells, o.Cells, sameCell) }) {
					row.Ours = append(row.Ours, o)
				}
			}
		}
		t.Rows = append(t.Rows, row)
	}
	t.Note = "Training counts include the validation part. Of the paper's 209 patients 149 are for training and 60 for testing. Runs whose images are of other classes are not counted."
	return t
}

func sameCell(a, b Cell) bool { return a.Value == b.Value }

// counted are the labelled images of a run in some splits; ok says whether they are of the
// paper's classes.
func counted(d *Data, splits []string) (o Ours, ok bool) {
	if d.Run == nil {
		return o, false
	}
	for _, set := range d.Run.Data {
		n := map[string]int{}
		for _, c := range set.Summary.Counts {
			if slices.Contains(splits, string(c.Split)) {
				n[c.Class] += c.Images
				o.N += c.Images
			}
		}
		known := 0
		for _, c := range paperCounts {
			known += n[c.class]
		}
		if known == 0 || known != o.N || set.Fold > 0 {
			o.N = 0
			continue
		}
		for _, c := range paperCounts {
			o.Cells = append(o.Cells, Cell{Value: metrics.Number(n[c.class]), SD: metrics.Undefined()})
		}
		o.Cells = append(o.Cells, Cell{Value: metrics.Number(o.N), SD: metrics.Undefined()})
		return o, true
	}
	return o, false
}

// ablations is what changes with each part of the design, in points of balanced accuracy.
func (j *Joined) ablations() Table {
	t := Table{
		Name: "ablations", Title: "What each part of the design changes: points of accuracy (%) against the arm named", Note: paperNotes["ablations"],
		Columns: []string{levelOne, levelTwo}, decimals: []int{2, 2},
	}
	for _, a := range ablations {
		row := Row{Name: fmt.Sprintf("%s: %s less %s", a.what, a.arm, a.against), Ours: []Ours{}}
		for _, task := range t.Columns {
			v, ok := a.points[task]
			if row.Paper = append(row.Paper, metrics.Number(v)); !ok {
				row.Paper[len(row.Paper)-1] = metrics.Undefined()
			}
		}
		for i, d := range j.data {
			if o, ok := ablated(d, &a, t.Columns); ok {
				o.Run = j.Runs[i].ID
				if !slices.ContainsFunc(row.Ours, func(before Ours) bool { return slices.Equal(before.keys, o.keys) }) {
					row.Ours = append(row.Ours, o)
				}
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// ablated is what a run says of an ablation: the mean over the seeds that both arms have.
func ablated(d *Data, a *ablation, tasks []string) (o Ours, ok bool) {
	for _, task := range tasks {
		c := Cell{Value: metrics.Undefined(), SD: metrics.Undefined()}
		with, without := d.only(task, a.arm), d.only(task, a.against)
		if with != nil && without != nil {
			v := spreadOf(pair{without, with}.differences())
			c.Value, c.SD = scaled(v.Mean, 100), scaled(v.SD, 100)
			o.N = max(o.N, len(with.tested()))
			o.keys = append(append(o.keys, with.evaluations()...), without.evaluations()...)
			ok = true
		}
		o.Cells = append(o.Cells, c)
	}
	return o, ok
}

// only is the group of an arm in a task; nil where there is none, or more than one.
func (d *Data) only(task, arm string) *group {
	all := distinct(d.of(func(g *group) bool { return g.task == task && g.arm == arm }))
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// JSON is tables.json: two spaces of indentation, a newline at the end.
func (j *Joined) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the tables: %w", err)
	}
	return append(text, '\n'), nil
}
