package checkpoint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy says what retention and collection keep.
type Policy struct {
	// Keep is how many of a task's newest whole checkpoints stay, the final
	// one among them; at least 1.
	Keep int
	// KeepBest keeps the best checkpoint of a task too.
	KeepBest bool
	// Spare keeps whatever is younger, named or not: an object is stored
	// before the manifest that will name it.
	Spare time.Duration
}

// DefaultPolicy is the spec's default, and the day that collection spares.
func DefaultPolicy() Policy { return Policy{Keep: 2, KeepBest: true, Spare: 24 * time.Hour} }

// spares reports whether something is too young to go. A Spare of 0 spares
// nothing, not even what a clock set back has made younger than new.
func (p Policy) spares(age time.Duration) bool { return p.Spare > 0 && age < p.Spare }

// Validate refuses a policy that would keep nothing to go on from.
func (p Policy) Validate() error {
	if p.Keep < 1 || p.Spare < 0 {
		return fmt.Errorf("retention policy: keep %d, spare %s; want at least 1 and 0", p.Keep, p.Spare)
	}
	return nil
}

// Candidate is a manifest on which retention decides.
type Candidate struct {
	Manifest Manifest
	Age      time.Duration // since it was stored
	Best     bool          // the task's best, in its caller's judgement
	Running  bool          // its task is running elsewhere: everything is kept
	Unwanted bool          // no experiment wants its task any more, and the policy may drop it
	Damaged  bool          // a payload is missing or short: it saves nobody
}

// Verdict is what becomes of a candidate, and why.
type Verdict struct {
	Candidate
	Delete bool
	Why    string
}

// Retain decides on every manifest; verdicts come sorted by task and step. It
// is a pure function and panics on a policy that Validate refuses.
func Retain(candidates []Candidate, p Policy) []Verdict {
	if err := p.Validate(); err != nil {
		panic("checkpoint: " + err.Error())
	}
	sorted := slices.Clone(candidates)
	slices.SortFunc(sorted, func(a, b Candidate) int {
		return cmp.Or(strings.Compare(a.Manifest.Task, b.Manifest.Task), cmp.Compare(a.Manifest.Step, b.Manifest.Step))
	})
	verdicts := make([]Verdict, len(sorted))
	whole := 0 // checkpoints of the task that are newer and whole
	for i, c := range slices.Backward(sorted) {
		if i+1 < len(sorted) && sorted[i+1].Manifest.Task != c.Manifest.Task {
			whole = 0
		}
		verdicts[i] = judge(c, p, whole)
		if !c.Damaged {
			whole++
		}
	}
	return verdicts
}

func judge(c Candidate, p Policy, newerWhole int) Verdict {
	keep := func(format string, a ...any) Verdict { return Verdict{c, false, fmt.Sprintf(format, a...)} }
	switch {
	case c.Unwanted && !c.Running && !p.spares(c.Age):
		return Verdict{c, true, "no experiment wants its task"}
	case c.Unwanted && !c.Running && c.Manifest.Final:
		return keep("no experiment wants its task, but it is younger than %s (--spare)", p.Spare)
	case c.Manifest.Final:
		return keep("final")
	case newerWhole < p.Keep && c.Damaged:
		return keep("damaged, but fewer than %d newer ones are whole", p.Keep)
	case newerWhole < p.Keep:
		return keep("one of the newest %d", p.Keep)
	case c.Best && p.KeepBest:
		return keep("best")
	case c.Running:
		return keep("its task is running")
	case p.spares(c.Age):
		return keep("younger than %s", p.Spare)
	}
	return Verdict{c, true, fmt.Sprintf("%d newer ones are whole", newerWhole)}
}

// Object is a stored object on which collection decides.
type Object struct {
	Key     string
	Bytes   int64
	Age     time.Duration // since it was last put
	Version string        // carried into the plan, to see that nobody put it since
}

// Action is one line of a plan.
type Action struct {
	Key     string
	Bytes   int64
	Version string // empty for manifests, which never change
	Delete  bool
	Why     string
}

// Plan is what a collection will do: deletions in order, manifests before
// objects so that a stop in between leaves no manifest without its payloads.
type Plan struct{ Actions []Action }

// Collect decides on the objects, given what becomes of the manifests that
// could be read and those that could not. It is a pure function.
func Collect(verdicts []Verdict, objects []Object, unreadable []Damage, p Policy) Plan {
	var plan Plan
	named := map[string]string{} // object -> a manifest that stays and names it
	for _, v := range verdicts {
		m := v.Manifest
		plan.Actions = append(plan.Actions, Action{Key: m.Key(), Delete: v.Delete, Why: v.Why})
		for _, payload := range m.Payloads {
			if !v.Delete {
				named[payload.Key()] = m.Key()
			}
		}
	}
	for _, d := range unreadable {
		plan.Actions = append(plan.Actions, Action{Key: d.Key, Why: "damaged: " + d.Reason})
	}
	sorted := slices.Clone(objects)
	slices.SortFunc(sorted, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	for _, o := range sorted {
		a := Action{Key: o.Key, Bytes: o.Bytes, Version: o.Version}
		switch {
		case named[o.Key] != "":
			a.Why = "named by " + named[o.Key]
		case len(unreadable) > 0:
			a.Why = "may be named by the damaged " + unreadable[0].Key
		case p.spares(o.Age):
			a.Why = fmt.Sprintf("younger than %s", p.Spare)
		default:
			a.Delete, a.Why = true, "no manifest that stays names it"
		}
		plan.Actions = append(plan.Actions, a)
	}
	return plan
}

// Deletes counts what the plan deletes.
func (p Plan) Deletes() (n int, bytes int64) {
	for _, a := range p.Actions {
		if a.Delete {
			n++
			bytes += a.Bytes
		}
	}
	return n, bytes
}

// String is the plan for people, a line for every action and a sum.
func (p Plan) String() string {
	var b strings.Builder
	for _, a := range p.Actions {
		verb := "keep  "
		if a.Delete {
			verb = "delete"
		}
		fmt.Fprintf(&b, "%s %s %d bytes: %s\n", verb, a.Key, a.Bytes, a.Why)
	}
	n, bytes := p.Deletes()
	fmt.Fprintf(&b, "%d of %d to delete, %d bytes\n", n, len(p.Actions), bytes)
	return b.String()
}
