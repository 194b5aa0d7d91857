package report

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"g2c/api"
)

// How many examples a page shows: enough to judge by, few enough to look at.
const (
	maxRescued       = 6
	maxLost          = 4
	maxExampleGroups = 4 // of a task, those of the highest balanced accuracy
	maxBoardArms     = 6 // columns of a board
)

// example is one test patch that two arms judge differently, both by the mean probability
// of the seeds that both have.
type example struct {
	Name, Group, Truth string
	PBaseline, PArm    float64 // of the positive class
	by                 *Arm    // whose generators show it: of the first seed
}

// exampleOf is the examples of a group against the baseline.
type exampleOf struct {
	group           *group
	rescued, lost   []example // the largest changes of all test images
	nRescued, nLost int
}

// board is a task's patches in rows and its arms in columns, as the paper's Figures 3
// and 4 show them.
type board struct {
	task   string
	groups []*group // the baseline first
	rows   []boardRow
}

type boardRow struct {
	Name, Truth string
	cells       []*averaged // by group; nil where it does not judge the patch
}

// choose finds the patches that groups and the baseline judge differently.
func (d *Data) choose() {
	for _, task := range d.tasks() {
		groups := d.of(func(g *group) bool { return g.task == task && g.base != nil && len(g.stains) > 0 })
		groups = distinct(groups)
		sort.SliceStable(groups, func(i, j int) bool {
			return sortable(groups[i].spread(balanced).Mean) > sortable(groups[j].spread(balanced).Mean)
		})
		groups = groups[:min(len(groups), maxExampleGroups)]
		var all []exampleOf
		for _, g := range groups {
			if e := differences(g); e.nRescued+e.nLost > 0 {
				all = append(all, e)
			}
		}
		d.examples = append(d.examples, all...)
		if len(all) > 0 {
			d.boards = append(d.boards, d.board(task, all))
		}
	}
}

// differences are the patches that only the group judges right, and those that only the
// baseline does, the largest change of probability first.
func differences(g *group) exampleOf {
	out := exampleOf{group: g}
	a, b := pair{g.base, g}.judged()
	for i, p := range b {
		if a[i].Sample().Right() == p.Sample().Right() {
			continue
		}
		e := example{Name: p.Name, Group: p.Group, Truth: p.Label, PBaseline: a[i].P, PArm: p.P, by: p.by}
		if p.Sample().Right() {
			out.rescued = append(out.rescued, e)
		} else {
			out.lost = append(out.lost, e)
		}
	}
	out.nRescued, out.nLost = len(out.rescued), len(out.lost)
	largestFirst(out.rescued)
	largestFirst(out.lost)
	out.rescued, out.lost = out.rescued[:min(len(out.rescued), maxRescued)], out.lost[:min(len(out.lost), maxLost)]
	return out
}

func largestFirst(v []example) {
	sort.SliceStable(v, func(i, j int) bool {
		a, b := math.Abs(v[i].PArm-v[i].PBaseline), math.Abs(v[j].PArm-v[j].PBaseline)
		if a != b {
			return a > b
		}
		return v[i].Name < v[j].Name
	})
}

// board puts the examples of a task's groups into one figure: those that most groups
// rescue first, then those of the largest change.
func (d *Data) board(task string, all []exampleOf) board {
	first := all[0].group
	b := board{task: task, groups: []*group{first.base}}
	for _, g := range distinct(d.of(func(g *group) bool { return g.task == task && g.base == first.base })) {
		if len(g.stains) > 0 && len(b.groups) <= maxBoardArms && len((pair{g.base, g}).shared()) > 0 && (pair{g.base, g}).sameImages() {
			b.groups = append(b.groups, g)
		}
	}
	images := make([]map[string]*averaged, len(b.groups))
	for i, g := range b.groups {
		images[i] = g.byImage()
	}
	take := func(limit int, of func(exampleOf) []example) {
		var list []example
		times := map[string]int{}
		for _, e := range all {
			for _, x := range of(e) {
				times[x.Name]++
				list = append(list, x)
			}
		}
		largestFirst(list)
		slices.SortStableFunc(list, func(x, y example) int { return cmp.Compare(times[y.Name], times[x.Name]) })
		for _, x := range list {
			taken := slices.ContainsFunc(b.rows, func(r boardRow) bool { return r.Name == x.Name })
			if limit == 0 || taken {
				continue
			}
			limit--
			r := boardRow{Name: x.Name, Truth: x.Truth}
			for i := range images {
				r.cells = append(r.cells, images[i][x.Name])
			}
			b.rows = append(b.rows, r)
		}
	}
	take(maxRescued, func(e exampleOf) []example { return e.rescued })
	take(maxLost, func(e exampleOf) []example { return e.lost })
	return b
}

// Request asks for test images as the generators of an evaluation's model show them.
type Request struct {
	Evaluation api.Key
	Names      []string // of test images, sorted
}

// Requests are the example patches that the report shows, by evaluation. Who has the data
// and the models makes them (StoreExamples), after everything is judged.
func (d *Data) Requests() []Request {
	var out []Request
	want := func(by *Arm, name string) {
		if by == nil {
			return
		}
		i := slices.IndexFunc(out, func(r Request) bool { return r.Evaluation == by.Evaluation })
		if i < 0 {
			i = len(out)
			out = append(out, Request{Evaluation: by.Evaluation})
		}
		if !slices.Contains(out[i].Names, name) {
			out[i].Names = append(out[i].Names, name)
		}
	}
	for _, e := range d.examples {
		for _, x := range slices.Concat(e.rescued, e.lost) {
			want(x.by, x.Name)
		}
	}
	for _, b := range d.boards {
		for _, r := range b.rows {
			for _, at := range r.cells {
				if at != nil {
					want(at.by, r.Name)
				}
			}
		}
	}
	for i := range out {
		slices.Sort(out[i].Names)
	}
	return out
}
