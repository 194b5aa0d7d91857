package checkpoint

import (
	"context"
	"errors"
	"fmt"
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
	infos, err := r.manifests(ctx, "")
	if err != nil {
		return s, err
	}
	for _, info := range infos {
		m, damage, err := r.readManifest(ctx, info.Key)
		if err != nil {
			return s, err
		}
		if damage != nil {
			if !damage.Missing { // deleted since it was listed
				s.unreadable = append(s.unreadable, *damage)
			}
			continue
		}
		s.candidates = append(s.candidates, Candidate{Manifest: m, Age: now.Sub(info.Modified)})
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
			objects = append(objects, Object{Key: key, Bytes: info.SizeBytes, Age: now.Sub(info.Modified), Modified: info.Modified})
		}
	}
	return objects // Collect sorts
}

// PlanGC plans a collection of the whole store: old checkpoints, and objects
// that no manifest names. now is the caller's clock; best and running judge
// manifests and task keys, and nil is never.
func (r *Repo) PlanGC(ctx context.Context, p Policy, now time.Time, best func(Manifest) bool, running func(task string) bool) (Plan, error) {
	if err := p.Validate(); err != nil {
		return Plan{}, err
	}
	s, err := r.survey(ctx, now)
	if err != nil {
		return Plan{}, fmt.Errorf("plan a collection: %w", err)
	}
	for i := range s.candidates {
		c := &s.candidates[i]
		c.Best = best != nil && best(c.Manifest)
		c.Running = running != nil && running(c.Manifest.Task)
	}
	objects := s.choose(now, func(string) bool { return true })
	return Collect(Retain(s.candidates, p), objects, s.unreadable, p), nil
}

// Prune deletes the old checkpoints of one task, which its caller is running,
// whatever their age, and their payloads where no other manifest names them.
// The whole one of highest score, the earliest on a tie, is the best that the policy may
// keep; score says whether a checkpoint has one, and nil is never. It returns what it did.
func (r *Repo) Prune(ctx context.Context, task string, p Policy, score func(Manifest) (float64, bool)) (Plan, error) {
	p.Spare = 0
	if err := p.Validate(); err != nil {
		return Plan{}, err
	}
	r.saving.Lock()
	defer r.saving.Unlock()
	var now time.Time // ages do not matter where nothing is spared
	s, err := r.survey(ctx, now)
	if err != nil {
		return Plan{}, fmt.Errorf("prune %s: %w", task, err)
	}
	for i := range s.candidates {
		s.candidates[i].Running = s.candidates[i].Manifest.Task != task
	}
	if best := highest(s.candidates, task, score); best != nil {
		best.Best = true
	}
	verdicts := Retain(s.candidates, p)
	doomed := map[string]bool{}
	for _, v := range verdicts {
		for _, payload := range v.Manifest.Payloads {
			if v.Delete {
				doomed[payload.Key()] = true
			}
		}
	}
	objects := s.choose(now, func(key string) bool { return doomed[key] })
	plan := Collect(verdicts, objects, s.unreadable, p)
	plan.Actions = slices.DeleteFunc(plan.Actions, func(a Action) bool { return !a.Delete })
	return plan, r.execute(ctx, plan)
}

// highest is the whole checkpoint of a task with the highest score, the earliest on a
// tie; nil if none has one.
func highest(candidates []Candidate, task string, score func(Manifest) (float64, bool)) *Candidate {
	if score == nil {
		return nil
	}
	var best *Candidate
	var most float64
	for i := range candidates {
		c := &candidates[i]
		if c.Manifest.Task != task || c.Damaged {
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
	r.saving.Lock()
	defer r.saving.Unlock()
	return r.execute(ctx, plan)
}

func (r *Repo) execute(ctx context.Context, plan Plan) error {
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
	if !a.Modified.IsZero() {
		info, err := r.store.Stat(ctx, a.Key)
		if errors.Is(err, store.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !info.Modified.Equal(a.Modified) {
			return nil
		}
	}
	return r.store.Delete(ctx, a.Key)
}
