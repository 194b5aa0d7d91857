package record

import (
	"context"
	"errors"
	"slices"
	"strings"

	"g2c/api"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// Named is a task of a run that a text may mean.
type Named struct {
	Run  string
	Name string
	Kind api.Kind
	Key  api.Key
}

// Find lists the tasks that a text means by their names in the runs of a store: whole
// consecutive parts of a name between slashes, such as PAS_ALL+ or gs-vs-nongs/PAS_ALL+/s1,
// and before them the id of a run, if it is to be of that. A key is listed once, by the
// first run and name. Damaged records are passed over.
func Find(ctx context.Context, s store.Reader, text string) ([]Named, error) {
	wanted := strings.Split(text, "/")
	var out []Named
	seen := map[api.Key]bool{}
	err := each(ctx, s, func(id string, e *Experiment) {
		for _, item := range e.Plan.Items {
			if name, ok := meant(item.Names, id, wanted); ok && !seen[item.Key] {
				seen[item.Key] = true
				out = append(out, Named{id, name, item.Task.Kind, item.Key})
			}
		}
	})
	return out, err
}

// Names are what the runs of a store call tasks, by key: the first name of each. Damaged
// records are passed over.
func Names(ctx context.Context, s store.Reader) (map[api.Key]string, error) {
	out := map[api.Key]string{}
	err := each(ctx, s, func(_ string, e *Experiment) {
		for _, item := range e.Plan.Items {
			if out[item.Key] == "" {
				out[item.Key] = item.Names[0]
			}
		}
	})
	return out, err
}

// each hands on all records that can be read, by their ids.
func each(ctx context.Context, s store.Reader, do func(id string, e *Experiment)) error {
	ids, err := IDs(ctx, s)
	if err != nil {
		return err
	}
	for _, id := range ids {
		e, err := Get(ctx, s, id)
		if errors.Is(err, fault.ErrData) || errors.Is(err, fault.ErrNotFound) { // or forgotten meanwhile
			continue
		}
		if err != nil {
			return err
		}
		do(id, e)
	}
	return nil
}

// meant is the first of a task's names that has the wanted parts.
func meant(names []string, run string, wanted []string) (name string, ok bool) {
	for _, name := range names {
		parts := append([]string{run}, strings.Split(name, "/")...)
		for at := 0; at+len(wanted) <= len(parts); at++ {
			if len(wanted) == 1 && at == 0 { // a run's id alone is no task
				continue
			}
			if slices.Equal(parts[at:at+len(wanted)], wanted) {
				return name, true
			}
		}
	}
	return "", false
}
