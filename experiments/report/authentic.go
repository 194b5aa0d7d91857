package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"g2c/api"
	"g2c/model/results"
)

// Authenticity says whether the generators still make their stains after joint training.
type Authenticity struct {
	Arms       []ArmVerdict    `json:"arms"`       // in the order of the plan
	Generators []JointlyTuned  `json:"generators"` // by arm, seed, fold and stain
	sheets     []authenticPart // of the first seed of each arm
}

// ArmVerdict is an arm's in one line.
type ArmVerdict struct {
	Task    string  `json:"task"`
	Arm     string  `json:"arm"`
	Options string  `json:"options,omitempty"`
	Verdict Verdict `json:"verdict"` // the worst of its generators'
	Line    string  `json:"line"`
}

// JointlyTuned is one generator of one fine-tuning.
type JointlyTuned struct {
	Task    string  `json:"task"`
	Arm     string  `json:"arm"`
	Width   int     `json:"width"`
	Blocks  int     `json:"blocks"`
	Options string  `json:"options,omitempty"`
	Seed    uint32  `json:"seed"`
	Fold    int     `json:"fold,omitempty"`
	Name    string  `json:"name"` // of the fine-tuning
	Key     api.Key `json:"key"`  // of the fine-tuning
	Of      string  `json:"of"`
	Images  int     `json:"images"`
	results.Authentic
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why"`

	Title string `json:"-"` // of the arm, with what tells it from other points of the sweep
}

// authenticPart is the images of one fine-tuning, under the arm's title.
type authenticPart struct {
	title, name, source string
	shown               results.Shown
}

// Jointly are the finished fine-tunings with generators that were trained before, in the
// order of the plan: those of which it can be asked what became of them.
func (d *Data) Jointly() []api.Key {
	var out []api.Key
	for _, t := range d.tuned {
		if !slices.Contains(out, t.key) && len(trainedStains(d, t.key)) > 0 {
			out = append(out, t.key)
		}
	}
	return out
}

// Judgeless is how many of them nobody has looked at, in words; empty for none.
func (d *Data) Judgeless() string {
	n := 0
	for _, key := range d.Jointly() {
		if d.Authenticity == nil || !slices.ContainsFunc(d.Authenticity.Generators, func(g JointlyTuned) bool { return g.Key == key }) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return "the generators of " + plural(n, "fine-tuning")
}

// trainedStains are those of a fine-tuning's generators that were trained before.
func trainedStains(d *Data, key api.Key) []string {
	item := d.Run.Plan.Find(key)
	if item == nil || item.Task.Finetune == nil {
		return nil
	}
	var out []string
	for i, stain := range item.Task.Finetune.Stains {
		if item.Task.Finetune.Method(i) == "" {
			out = append(out, stain)
		}
	}
	return out
}

// Authenticate hands what is known of the generators to a report. find is asked for each
// fine-tuning once, and gives nil where nobody looked; what it gives of other stains than
// the fine-tuning has is as good as none.
func (d *Data) Authenticate(find func(finetuning api.Key) *Judged) {
	a := &Authenticity{}
	judged := map[api.Key]*results.Authenticity{}
	asked := map[api.Key]bool{}
	for _, t := range d.tuned {
		if !asked[t.key] {
			asked[t.key] = true
			if j := d.fitting(t.key, find); j != nil {
				judged[t.key] = &j.Authenticity
				a.sheet(d, t, j)
			}
		}
		if j := judged[t.key]; j != nil {
			a.Generators = append(a.Generators, d.tunedOf(t, j)...)
		}
	}
	if len(a.Generators) == 0 {
		d.Authenticity = nil
		return
	}
	slices.SortStableFunc(a.Generators, func(x, y JointlyTuned) int {
		return cmp.Or(a.arm(x)-a.arm(y), cmp.Compare(x.Seed, y.Seed), x.Fold-y.Fold)
	})
	a.judge()
	d.Authenticity = a
}

// fitting is what is known of a fine-tuning with generators, where it is of its stains.
func (d *Data) fitting(key api.Key, find func(api.Key) *Judged) *Judged {
	stains := trainedStains(d, key)
	if len(stains) == 0 {
		return nil
	}
	j := find(key)
	if j == nil || !slices.EqualFunc(j.Generators, stains, func(g results.Authentic, stain string) bool { return g.Stain == stain }) {
		return nil
	}
	return j
}

// sheet keeps the images of the first seed of an arm.
func (a *Authenticity) sheet(d *Data, t tuning, j *Judged) {
	title := d.tunedTitle(t)
	if slices.ContainsFunc(a.sheets, func(p authenticPart) bool { return p.title == title }) || len(j.Names) == 0 {
		return
	}
	a.sheets = append(a.sheets, authenticPart{title, fileName(t.task, t.arm, t.options, fmt.Sprintf("w%d-b%d", t.width, t.blocks)), d.Run.Plan.Find(t.key).Task.Finetune.Source, j.Shown})
}

// tunedTitle is the arm of a fine-tuning for people.
func (d *Data) tunedTitle(t tuning) string {
	out := t.arm
	if d.varies(func(g *group) any { return g.blocks }) {
		out += fmt.Sprintf(" b%d", t.blocks)
	}
	if d.varies(func(g *group) any { return g.width }) {
		out += fmt.Sprintf(" w%d", t.width)
	}
	if len(d.tasks()) > 1 {
		out = t.task + " " + out
	}
	return strings.TrimSpace(out + " " + t.options)
}

func (d *Data) tunedOf(t tuning, j *results.Authenticity) []JointlyTuned {
	var out []JointlyTuned
	for _, g := range j.Generators {
		v := JointlyTuned{
			Task: t.task, Arm: t.arm, Width: t.width, Blocks: t.blocks, Options: t.options, Seed: t.seed, Fold: t.fold, Name: t.name, Key: t.key,
			Of: j.Of, Images: j.Images, Authentic: g, Title: d.tunedTitle(t),
		}
		v.Verdict, v.Why = judgeStain(&g)
		out = append(out, v)
	}
	return out
}

// arm is the number of the first generator of the same arm.
func (a *Authenticity) arm(g JointlyTuned) int {
	return slices.IndexFunc(a.Generators, func(x JointlyTuned) bool { return x.Task == g.Task && x.Title == g.Title })
}
