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
	ids, err := IDs(ctx, s)
	if err != nil {
		return nil, err
	}
	wanted := strings.Split(text, "/")
	var out []Named
	seen := map[api.Key]bool{}
	for _, id := range ids {
		e, err := Get(ctx, s, id)
		if errors.Is(err, fault.ErrData) || errors.Is(err, fault.ErrNotFound) { // forgotten meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range e.Plan.Items {
			item := e.Plan.Items[i]
			name, ok := meant(item.Names, id, wanted)
			if key := item.Task.Key(); ok && !seen[key] {
				seen[key] = true
				out = append(out, Named{id, name, item.Task.Kind, key})
			}
		}
	}
	return out, nil
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
