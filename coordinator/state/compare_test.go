package state_test

import (
	"fmt"
	"slices"
	"strings"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// place is a placement that mostly fits.
func (w *world) place() command.Command {
	t := w.pick(func(t *mTask) bool { return t.status == state.Pending && w.m.waits(t) == 0 })
	if t == nil || w.r.IntN(15) == 0 {
		t = w.pick(func(*mTask) bool { return true })
	}
	c := command.Place{Task: t.work.Key, Generation: t.gen + 1}
	c.Parts, c.Experiment = w.gang(t)
	if w.r.IntN(30) == 0 {
		c.Generation++
	}
	return c
}

func (w *world) resize(t *mTask) command.Command {
	if v := w.pick(func(t *mTask) bool { return len(t.parts) > 0 && !t.stopping }); v != nil {
		t = v
	}
	c := command.Resize{Task: t.work.Key, Generation: t.gen + 1}
	c.Parts, c.Experiment = w.gang(t)
	return c
}

// gang finds workers for a task and somebody who wants it.
func (w *world) gang(t *mTask) ([]command.Part, uint64) {
	wish, exp := t.first, uint64(0)
	if want := w.m.wanting(t); len(want) > 0 {
		e := want[w.r.IntN(len(want))]
		wish = w.m.wish(t, e)
		exp = uint64(e.seq)
	}
	if w.r.IntN(30) == 0 {
		exp = uint64(1 + w.r.IntN(w.m.made))
	}
	if w.m.level < api.LevelWishes {
		exp = 0
	}
	need := wish.gang.Min + w.r.IntN(wish.gang.Max-wish.gang.Min+1)
	var parts []command.Part
	for _, i := range w.r.Perm(6) {
		v := w.m.workers[fmt.Sprint("w", i)]
		if v == nil || need <= 0 || !v.meets(t, wish.need) && w.r.IntN(10) > 0 || !v.open(w.now) && w.r.IntN(10) > 0 {
			continue
		}
		n := min(v.free()+t.parts[v.id], need, 1+w.r.IntN(3))
		if w.r.IntN(20) == 0 {
			n++
		}
		if n > 0 {
			parts = append(parts, command.Part{Worker: v.id, Slots: n})
			need -= n
		}
	}
	if parts == nil {
		parts = []command.Part{{Worker: "w0", Slots: 1}}
	}
	slices.SortFunc(parts, func(a, b command.Part) int { return strings.Compare(a.Worker, b.Worker) })
	return parts, exp
}

// report is what a worker says of something that it has.
func (w *world) report(t *mTask) command.Command {
	id, inc := w.worker()
	about := command.Report{Task: t.work.Key, Worker: id, Incarnation: inc, Generation: t.gen}
	terminating := false
	for range 5 {
		if v := w.m.workers[id]; v != nil && len(v.allocs) > 0 {
			a := v.allocs[w.r.IntN(len(v.allocs))]
			about = command.Report{Task: a.task.work.Key, Worker: id, Incarnation: v.inc, Generation: a.gen}
			terminating = a.terminating
			break
		}
		id, _ = w.worker()
	}
	switch w.r.IntN(40) {
	case 0:
		about.Incarnation++
	case 1:
		about.Generation--
	}
	n := w.r.IntN(10)
	if terminating && w.r.IntN(4) > 0 {
		n = 9
	}
	switch {
	case n < 4:
		return command.Started{Report: about}
	case n == 4:
		return command.Done{Report: about}
	case n < 7:
		return command.Failed{Report: about, Reason: "x", Permanent: w.r.IntN(5) == 0}
	case n < 9:
		return command.Interrupted{Report: about}
	}
	return command.Released{Report: about}
}

// compare holds the state to the model.
func (w *world) compare() error {
	if err := w.compareTasks(); err != nil {
		return err
	}
	if got, want := len(slices.Collect(w.s.Workers(""))), len(w.m.workers); got != want {
		return fmt.Errorf("%d workers, the model has %d", got, want)
	}
	for v := range w.s.Workers("") {
		if got, want := w.saidWorker(v), w.m.saidWorker(w.m.workers[v.ID]); got != want {
			return fmt.Errorf("worker %s\nstate %s\nmodel %s", v.ID, got, want)
		}
	}
	for _, p := range projectNames {
		if got, want := w.s.Usage(p), w.m.usage(p); got != want {
			return fmt.Errorf("project %s uses %d slots, the model says %d", p, got, want)
		}
		if got, want := w.s.UsageOfProject(p), w.figures(func(e *mExp) bool { return e.project == p }); got != want {
			return fmt.Errorf("project %s has %+v, the model says %+v", p, got, want)
		}
	}
	if got, want := w.s.UsageOfPrincipal("alice"), w.figures(func(e *mExp) bool { return e.owner == "alice" }); got != want {
		return fmt.Errorf("alice has %+v, the model says %+v", got, want)
	}
	return w.compareHouse()
}

func (w *world) compareTasks() error {
	if w.s.TaskCount() != len(w.m.tasks) {
		return fmt.Errorf("%d tasks, the model has %d", w.s.TaskCount(), len(w.m.tasks))
	}
	for _, t := range w.m.tasks {
		v := w.s.Task(t.work.Key)
		if v == nil {
			return fmt.Errorf("%s is not there", t.work.Name())
		}
		if got, want := w.saidTask(v), w.m.saidTask(t); got != want {
			return fmt.Errorf("%s\nstate %s\nmodel %s", t.work.Name(), got, want)
		}
	}
	i := 0
	for e := range w.s.Experiments(0) {
		if i == len(w.m.exps) || w.m.exps[i].id != e.ID || w.m.exps[i].cancelled != e.Cancelled || w.m.exps[i].held != e.Held || len(w.m.exps[i].wishes) != len(e.Tasks) {
			return fmt.Errorf("experiment %s is not that of the model", e.ID)
		}
		i++
	}
	if i != len(w.m.exps) {
		return fmt.Errorf("%d experiments, the model has %d", i, len(w.m.exps))
	}
	return nil
}

func (w *world) saidTask(t *state.Task) string {
	charged := uint64(0)
	project, priority := "", 0
	wishes := w.s.Wishes(t)
	wanted := slices.ContainsFunc(w.s.ExperimentsOf(t), func(e *state.Experiment) bool { return !e.Cancelled })
	if charged = t.Charged; wanted || charged > 0 {
		project, priority = t.Project, t.Priority
	}
	parts := map[string]int{}
	for _, p := range t.Parts {
		parts[p.Worker] = p.Slots
	}
	var b strings.Builder
	for _, v := range wishes {
		fmt.Fprintf(&b, "; %d %s %d %v %v %s", v.Experiment, v.Project, v.Priority, v.Gang, v.Need, w.s.WorkFor(t, v).Where.Source)
	}
	return fmt.Sprint(t.Status, t.WaitsOn, t.Generation, parts, charged, project, priority, t.Preempting, t.Avoid, t.NotBefore, t.Home,
		t.Attempts, t.Failures, t.Completions, t.Missed, t.Deaths, t.DeathStep, t.Gone, b.String())
}

func (m *model) saidTask(t *mTask) string {
	charged, project, priority := 0, "", 0
	var b strings.Builder
	want := m.wanting(t)
	for i, e := range want {
		if i == 0 {
			project, priority = e.project, e.priority
		}
		priority = max(priority, e.priority)
		if v := e.wishes[t.work.Key]; m.level >= api.LevelWishes && !e.held {
			fmt.Fprintf(&b, "; %d %s %d %v %v %s", e.seq, e.project, e.priority, v.gang, v.need, v.source)
		}
	}
	if m.level < api.LevelWishes && len(want) > 0 {
		fmt.Fprintf(&b, "; %d %s %d %v %v %s", want[0].seq, project, priority, t.first.gang, t.first.need, t.first.source)
	}
	if t.charged != nil {
		charged, project, priority = t.charged.seq, t.charged.project, t.charged.priority
	}
	return fmt.Sprint(t.status, m.waits(t), t.gen, t.parts, charged, project, priority, t.stopping, t.avoid, t.notBefore, t.home,
		t.attempts, t.failures, t.completions, t.missed, t.deaths, t.step, t.gone, b.String())
}

func (w *world) saidWorker(v *state.Worker) string {
	var list []string
	for _, a := range v.Allocations {
		list = append(list, fmt.Sprint(w.s.TaskAt(a.Task).Work.Name(), a.Generation, a.Slots, a.Terminating, a.Experiment, a.Project))
	}
	slices.Sort(list)
	return fmt.Sprint(v.Incarnation, v.Lost, v.Mode, v.Slots, v.Free(), v.Boot, len(v.Left), list)
}

func (m *model) saidWorker(w *mWorker) string {
	if w == nil {
		return "none"
	}
	var list []string
	for _, a := range w.allocs {
		seq, project := 0, ""
		if a.exp != nil {
			seq, project = a.exp.seq, a.exp.project
		}
		list = append(list, fmt.Sprint(a.task.work.Name(), a.gen, a.slots, a.terminating, seq, project))
	}
	slices.Sort(list)
	return fmt.Sprint(w.inc, w.lost, w.mode, w.slots, w.free(), w.boot, len(w.left), list)
}

// figures counts what some experiments have.
func (w *world) figures(of func(e *mExp) bool) state.Figures {
	var f state.Figures
	for _, e := range w.m.exps {
		if !of(e) {
			continue
		}
		f.Experiments++
		f.Tasks += len(e.wishes)
		f.Bytes += 512
		for k, v := range e.wishes {
			t := w.m.tasks[k]
			if t.status.Live() && !e.cancelled {
				f.Live++
			}
			f.Bytes += 512 + w.size(t.work.Name()+t.first.source, func() int { return len(t.work.Encode()) })
			if w.m.level >= api.LevelWishes && v.source != t.first.source {
				f.Bytes += w.size(t.work.Name()+"as"+v.source, func() int {
					own := t.work.Running()
					own.Where.Source = v.source
					return len(own.Encode())
				})
			}
		}
	}
	return f
}

// size is that of an encoding, made once.
func (w *world) size(name string, of func() int) int {
	if w.sizes[name] == 0 {
		w.sizes[name] = of()
	}
	return w.sizes[name]
}

func (w *world) compareHouse() error {
	for name, p := range w.m.projects {
		if got := w.s.Project(name); got.Weight != p.weight || got.Quota != p.quota {
			return fmt.Errorf("project %s is %+v, the model has %+v", name, got, p)
		}
	}
	if n := len(slices.Collect(w.s.Projects())); n != len(w.m.projects) {
		return fmt.Errorf("%d projects, the model has %d", n, len(w.m.projects))
	}
	for u := range w.s.Users("") {
		if w.m.users[u.Name] != u.User {
			return fmt.Errorf("user %s is %+v", u.Name, u)
		}
	}
	if n := len(slices.Collect(w.s.Users(""))); n != len(w.m.users) {
		return fmt.Errorf("%d users, the model has %d", n, len(w.m.users))
	}
	for k := range w.m.revoked {
		if !w.s.CertificateRevoked(k) {
			return fmt.Errorf("certificate %s is not revoked", k)
		}
	}
	if n := len(slices.Collect(w.s.Certificates(""))); n != len(w.m.revoked) {
		return fmt.Errorf("%d certificates, the model has %d", n, len(w.m.revoked))
	}
	return nil
}
