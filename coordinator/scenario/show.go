package scenario

import (
	"fmt"
	"strings"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// show prints a part of the state.
func show(w *World, a *Args) string {
	var b strings.Builder
	switch what := a.Word(); what {
	case "tasks":
		for t := range w.State.Tasks(0) {
			fmt.Fprintln(&b, w.task(t))
		}
	case "wishes":
		for t := range w.State.Tasks(0) {
			for _, v := range w.State.Wishes(t) {
				fmt.Fprintln(&b, w.wish(t, v))
			}
		}
	case "projects":
		for p := range w.State.Projects() {
			fmt.Fprintf(&b, "%s weight=%d quota=%d\n", p.Name, p.Weight, p.Quota)
		}
	case "users":
		for u := range w.State.Users("") {
			fmt.Fprintf(&b, "%s: %s of %q\n", u.Name, u.Role, u.Project)
		}
	case "certificates":
		for k := range w.State.Certificates("") {
			fmt.Fprintf(&b, "%s revoked at %ds%s\n", k.Serial, k.Revoked/1000, inBrackets(k.Note))
		}
	case "figures":
		name := a.Word()
		f, o := w.State.UsageOfProject(name), w.State.UsageOfPrincipal(name)
		fmt.Fprintf(&b, "project %s: %d experiments, %d tasks, %d live\n", name, f.Experiments, f.Tasks, f.Live)
		fmt.Fprintf(&b, "principal %s: %d experiments, %d tasks, %d live\n", name, o.Experiments, o.Tasks, o.Live)
	case "workers":
		for v := range w.State.Workers("") {
			fmt.Fprintln(&b, w.worker(v))
		}
	case "experiments":
		for e := range w.State.Experiments(0) {
			fmt.Fprintf(&b, "%s of %s at %d: %s%s", e.ID, e.Project, e.Priority, w.names(e.Tasks), note("cancelled", e.Cancelled))
			if e.Held {
				fmt.Fprintf(&b, " %s", e.WhyHeld())
			}
			fmt.Fprintln(&b)
		}
	case "audit":
		for r := range w.State.Audits(0) {
			fmt.Fprintf(&b, "%d %s: %s %s: %s\n", r.Number, r.Principal, r.Verb, r.Subject, r.Outcome)
		}
	case "tokens":
		for t := range w.State.Tokens("") {
			fmt.Fprintf(&b, "%s: %s of %q%s\n", t.ID, t.Role, t.Project, note("not valid", !t.Valid(w.Now)))
		}
	case "usage":
		name := a.Word()
		fmt.Fprintf(&b, "%s uses %d slots\n", name, w.State.Usage(name))
	default:
		a.err = fmt.Errorf("nothing called %q to show", what)
	}
	return b.String()
}

// task describes a task in a line, and for whom it runs.
func (w *World) task(t *state.Task) string {
	if e := w.State.ExperimentAt(t.Charged); e != nil {
		return Task(t) + " for " + e.ID
	}
	return Task(t)
}

// wish describes what an experiment wants of a task.
func (w *World) wish(t *state.Task, v state.Wish) string {
	work := w.State.WorkFor(t, v)
	var b strings.Builder
	fmt.Fprintf(&b, "%s for %s of %s at %d: %d to %d slots", t.Work.Name(), w.State.ExperimentAt(v.Experiment).ID, v.Project, v.Priority, v.Gang.Min, v.Gang.Max)
	if v.Need != (command.Need{}) {
		fmt.Fprintf(&b, " on %s with %d bytes", v.Need.Device, v.Need.Memory)
	}
	fmt.Fprintf(&b, ", data at %s", work.Where.Source)
	return b.String()
}

// Task describes a task in a line.
func Task(t *state.Task) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", t.Work.Name(), t.Status)
	if t.WaitsOn > 0 {
		fmt.Fprintf(&b, " waits=%d", t.WaitsOn)
	}
	if t.Generation > 0 {
		fmt.Fprintf(&b, " gen=%d", t.Generation)
	}
	if t.Parts != nil {
		fmt.Fprintf(&b, " on=%s", Parts(t.Parts))
	}
	b.WriteString(note("preempting", t.Preempting))
	if t.Failures > 0 {
		fmt.Fprintf(&b, " failures=%d", t.Failures)
	}
	if t.Deaths > 0 {
		fmt.Fprintf(&b, " deaths=%d", t.Deaths)
	}
	b.WriteString(note("gone", t.Gone))
	if t.NotBefore > 0 {
		fmt.Fprintf(&b, " not before %ds", t.NotBefore/1000)
	}
	if len(t.Avoid) > 0 {
		fmt.Fprintf(&b, " avoids %s", strings.Join(t.Avoid, ","))
	}
	if t.Home != "" {
		fmt.Fprintf(&b, " home=%s", t.Home)
	}
	return b.String() + inBrackets(t.Reason)
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// Parts writes a gang as worker:slots,worker:slots.
func Parts(parts []command.Part) string {
	var out []string
	for _, p := range parts {
		out = append(out, fmt.Sprintf("%s:%d", p.Worker, p.Slots))
	}
	return strings.Join(out, ",")
}

func (w *World) worker(v *state.Worker) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d/%d free", v.ID, v.Free(), v.Slots)
	if v.Mode != command.Ready {
		fmt.Fprintf(&b, " %s", v.Mode)
	}
	b.WriteString(note("lost", v.Lost))
	for _, h := range v.Allocations {
		fmt.Fprintf(&b, " %s/%d:%d", w.State.TaskAt(h.Task).Work.Name(), h.Generation, h.Slots)
		if h.Terminating {
			b.WriteString("!")
		}
	}
	return b.String()
}

func (w *World) names(seqs []uint64) string {
	var out []string
	for _, seq := range seqs {
		out = append(out, w.State.TaskAt(seq).Work.Name())
	}
	return strings.Join(out, ",")
}

func note(text string, set bool) string {
	if set {
		return " " + text
	}
	return ""
}
