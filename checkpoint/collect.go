package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"g2c/checkpoint/store"
)

// survey is what a store holds.
type survey struct {
	candidates []Candidate
	objects    map[string]store.Info // by key
	unreadable []Damage
}

// survey reads every manifest and lists every object. Objects are listed last:
// one that a manifest names is then in the list, or really missing.
func (r *Repo) survey(ctx context.Context, now time.Time) (survey, error) {
	s := survey{objects: map[string]store.Info{}}
	if err := r.readManifests(ctx, &s, "", now); err != nil {
		return s, err
	}
	objects, err := r.store.List(ctx, objectPrefix)
	if err != nil {
		return s, err
	}
	for _, info := range objects {
		if isHash(info.Key[len(objectPrefix):]) {
			s.objects[info.Key] = info
		}
	}
	for i := range s.candidates {
		s.candidates[i].Damaged = s.damaged(s.candidates[i].Manifest)
	}
	return s, nil
}

// readManifests adds the manifests of a task, or of all for "".
func (r *Repo) readManifests(ctx context.Context, s *survey, task string, now time.Time) error {
	infos, err := r.manifests(ctx, task)
	if err != nil {
		return err
	}
	read, err := r.readMany(ctx, infos)
	if err != nil {
		return err
	}
	for i, m := range read {
		if m.damage != nil {
			if !m.damage.Missing { // deleted since it was listed
				s.unreadable = append(s.unreadable, *m.damage)
			}
			continue
		}
		s.candidates = append(s.candidates, Candidate{Manifest: m.manifest, Age: now.Sub(infos[i].Modified)})
	}
	return nil
}

func (s survey) damaged(m Manifest) bool {
	for _, p := range m.Payloads {
		if info, ok := s.objects[p.Key()]; !ok || info.SizeBytes != p.Bytes {
			return true
		}
	}
	return false
}

// choose lists objects for Collect.
func (s survey) choose(now time.Time, wanted func(key string) bool) []Object {
	var objects []Object
	for key, info := range s.objects {
		if wanted(key) {
			objects = append(objects, Object{Key: key, Bytes: info.SizeBytes, Age: now.Sub(info.Modified), Version: info.Version})
		}
	}
	return objects // Collect sorts
}

// Judge is what the caller of a collection knows of tasks; nil is never.
type Judge struct {
	Running  func(task string) bool // a process has it
	Unwanted func(task string) bool // no experiment wants it, and it may go, finished or not
}

// PlanGC plans a collection of the whole store: old checkpoints, and objects
// that no manifest names. now is the caller's clock.
func (r *Repo) PlanGC(ctx context.Context, p Policy, now time.Time, j Judge) (Plan, error) {
	if err := p.Validate(); err != nil {
		return Plan{}, err
	}
	s, err := r.survey(ctx, now)
	if err == nil {
		err = r.judge(ctx, s.candidates, p, j)
	}
	if err != nil {
		return Plan{}, fmt.Errorf("plan a collection: %w", err)
	}
	verdicts := Retain(s.candidates, p)
	plan := Collect(verdicts, s.choose(now, func(string) bool { return true }), s.unreadable, p)
	return plan, r.dropRecords(ctx, &plan, verdicts, s.unreadable)
}

// judge fills in what is not in the manifests.
func (r *Repo) judge(ctx context.Context, candidates []Candidate, p Policy, j Judge) error {
	best := map[string]int64{} // by task
	for i := range candidates {
		c := &candidates[i]
		task := c.Manifest.Task
		c.Running = j.Running != nil && j.Running(task)
		c.Unwanted = j.Unwanted != nil && j.Unwanted(task)
		if _, known := best[task]; !known && p.KeepBest {
			step, err := r.best(ctx, task)
			if err != nil {
				return err
			}
			best[task] = step
		}
		c.Best = p.KeepBest && c.Manifest.Step == best[task]
	}
	return nil
}

// dropRecords adds the side records of tasks that lose every checkpoint.
func (r *Repo) dropRecords(ctx context.Context, plan *Plan, verdicts []Verdict, unreadable []Damage) error {
	stays, goes := map[string]bool{}, map[string]bool{}
	for _, v := range verdicts {
		stays[v.Manifest.Task] = stays[v.Manifest.Task] || !v.Delete
		goes[v.Manifest.Task] = goes[v.Manifest.Task] || v.Delete
	}
	for _, d := range unreadable {
		if task, _, ok := parseManifestKey(d.Key); ok {
			stays[task] = true
		}
	}
	for _, task := range slices.Sorted(maps.Keys(goes)) {
		if stays[task] {
			continue
		}
		infos, err := r.store.List(ctx, recordPrefix+task+"/")
		if err != nil {
			return err
		}
		for _, info := range infos {
			plan.Actions = append(plan.Actions, Action{Key: info.Key, Bytes: info.SizeBytes, Delete: true, Why: "no checkpoint of its task stays"})
		}
	}
	return nil
}

// GC plans a collection, shows the plan and carries it out, while nobody saves; in a store
// without locks others may, and what they name meanwhile stays. Without show's consent
// nothing is deleted.
func (r *Repo) GC(ctx context.Context, p Policy, now time.Time, j Judge, show func(Plan) error) error {
	return r.whileDeleting(ctx, func() error {
		plan, err := r.PlanGC(ctx, p, now, j)
		if err == nil {
			err = show(plan)
		}
		if err != nil {
			return err
		}
		if err := r.execute(ctx, plan); err != nil || r.hasLocks() {
			return err
		}
		return r.clearNotices(ctx, now)
	})
}

// Prune deletes the old checkpoints of one task, which its caller is running,
// whatever their age, and their payloads where no other manifest names them.
// The whole one of highest score, the earliest on a tie, is the best that the policy may
// keep; score says whether a checkpoint has one, and nil is never. It returns what it did; in a store
// without locks, what others need of that stays.
// Manifests of other tasks are read only if one of them may name such a payload.
func (r *Repo) Prune(ctx context.Context, task string, p Policy, score func(Manifest) (float64, bool)) (plan Plan, err error) {
	p.Spare = 0
	if err := p.Validate(); err != nil {
		return Plan{}, err
	}
	err = r.whileDeleting(ctx, func() error {
		if plan, err = r.planPrune(ctx, task, p, score); err != nil {
			return fmt.Errorf("prune %s: %w", task, err)
		}
		return r.execute(ctx, plan)
	})
	return plan, err
}

func (r *Repo) planPrune(ctx context.Context, task string, p Policy, score func(Manifest) (float64, bool)) (Plan, error) {
	own, err := r.manifestsOf(ctx, task)
	if err != nil {
		return Plan{}, err
	}
	if best := highest(own.candidates, score); best != nil && p.KeepBest {
		best.Best = true
		if err := r.putBest(ctx, best.Manifest); err != nil {
			return Plan{}, err
		}
	}
	verdicts := Retain(own.candidates, p)
	doomed, alone := r.doomed(verdicts, task, own.objects)
	s := own
	if len(doomed) > 0 && !alone && r.hasLocks() { // else who carries it out looks at the others'
		var none time.Time // ages do not matter where nothing is spared
		if s, err = r.survey(ctx, none); err != nil {
			return Plan{}, err
		}
		for _, c := range s.candidates {
			if c.Manifest.Task != task {
				verdicts = append(verdicts, Verdict{Candidate: c, Why: "of another task"})
			}
		}
	}
	plan := Collect(verdicts, s.choose(time.Time{}, func(key string) bool { return doomed[key] }), s.unreadable, p)
	plan.Actions = slices.DeleteFunc(plan.Actions, func(a Action) bool { return !a.Delete })
	return plan, nil
}

// doomed are the objects that manifests name which go; alone says that nobody but this
// task can name those of them that no manifest of it that stays names.
func (r *Repo) doomed(verdicts []Verdict, task string, objects map[string]store.Info) (doomed map[string]bool, alone bool) {
	doomed, stays := map[string]bool{}, map[string]bool{}
	for _, v := range verdicts {
		for _, payload := range v.Manifest.Payloads {
			if v.Delete {
				doomed[payload.Key()] = true
			} else {
				stays[payload.Key()] = true
			}
		}
	}
	alone = true
	for key := range doomed {
		info, there := objects[key]
		if !there || stays[key] {
			continue
		}
		own, _ := r.made.owns(task, info)
		alone = alone && own
	}
	return doomed, alone
}

// manifestsOf surveys one task: its manifests, and the objects that they name.
func (r *Repo) manifestsOf(ctx context.Context, task string) (survey, error) {
	s := survey{objects: map[string]store.Info{}}
	if err := r.readManifests(ctx, &s, task, time.Time{}); err != nil {
		return s, err
	}
	for i, c := range s.candidates {
		for _, p := range c.Manifest.Payloads {
			if _, known := s.objects[p.Key()]; known {
				continue
			}
			info, err := r.store.Stat(ctx, p.Key())
			if err == nil {
				s.objects[p.Key()] = info
			} else if !isAbsent(err) {
				return s, err
			}
		}
		s.candidates[i].Damaged = s.damaged(c.Manifest)
	}
	return s, nil
}

// highest is the whole one of a task's checkpoints with the highest score, the earliest on a
// tie; nil if none has one.
func highest(candidates []Candidate, score func(Manifest) (float64, bool)) *Candidate {
	if score == nil {
		return nil
	}
	var best *Candidate
	var most float64
	for i := range candidates {
		c := &candidates[i]
		if c.Damaged {
			continue
		}
		v, ok := score(c.Manifest)
		if !ok {
			continue
		}
		if best == nil || v > most || v == most && c.Manifest.Step < best.Manifest.Step {
			best, most = c, v
		}
	}
	return best
}

// Execute carries out a plan. Every step may be done again: what is gone is
// gone, and an object that was put since the plan was made stays.
func (r *Repo) Execute(ctx context.Context, plan Plan) error {
	return r.whileDeleting(ctx, func() error { return r.execute(ctx, plan) })
}

func (r *Repo) execute(ctx context.Context, plan Plan) error {
	if !r.hasLocks() {
		return r.executeNoticed(ctx, plan)
	}
	for _, a := range plan.Actions {
		if !a.Delete {
			continue
		}
		if err := r.delete(ctx, a); err != nil {
			return fmt.Errorf("delete %s: %w", a.Key, err)
		}
	}
	return nil
}

func (r *Repo) delete(ctx context.Context, a Action) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.Version != "" {
		info, err := r.store.Stat(ctx, a.Key)
		if errors.Is(err, store.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if info.Version != a.Version {
			return nil
		}
	}
	r.made.forget(a.Key)
	return r.store.Delete(ctx, a.Key)
}
