package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"g2c/api"
	"g2c/experiments/spec"
)

// nameAll gives every item its names. Requests that share a base name and ask
// for different tasks get every field in which they differ appended.
func (e *expansion) nameAll() error {
	groups := map[string][]int{} // requests, by base name
	for i, r := range e.requests {
		groups[r.use.Name] = append(groups[r.use.Name], i)
	}
	owner := map[string]api.Key{}
	for i := range e.requests {
		r := &e.requests[i]
		if group, ok := groups[r.use.Name]; ok {
			delete(groups, r.use.Name)
			e.nameGroup(group)
		}
	}
	for _, r := range e.requests {
		if key, ok := owner[r.use.Name]; ok && key != r.item.Key {
			return fmt.Errorf("tasks %s and %s have one name, %s", key.Short(), r.item.Key.Short(), r.use.Name)
		}
		owner[r.use.Name] = r.item.Key
		if !slices.Contains(r.item.Names, r.use.Name) {
			r.item.Names = append(r.item.Names, r.use.Name)
			r.item.Uses = append(r.item.Uses, r.use)
		}
	}
	return nil
}

// nameGroup appends what tells the requests of one base name apart: every field
// that their keys depend on and in which two of them differ.
func (e *expansion) nameGroup(group []int) {
	first := e.requests[group[0]].item
	if !slices.ContainsFunc(group, func(i int) bool { return e.requests[i].item != first }) {
		return
	}
	values := map[string]map[string]bool{} // by path, of the requests that it matters to
	fields := make([]map[string]string, len(group))
	for k, i := range group {
		fields[k] = relevant(&e.requests[i])
		for path, value := range fields[k] {
			if values[path] == nil {
				values[path] = map[string]bool{}
			}
			values[path][value] = true
		}
	}
	for k, i := range group {
		for path := range values { // a map's entry that only some have
			if _, ok := fields[k][path]; !ok && !(alone(&e.requests[i]) && onlyWithStains(path)) {
				values[path][""] = true
			}
		}
	}
	for k, i := range group {
		use := &e.requests[i].use
		for _, path := range slices.Sorted(maps.Keys(fields[k])) {
			if len(values[path]) > 1 {
				use.Options = append(use.Options, Option{path, fields[k][path]})
			}
		}
		use.Name = use.render()
	}
}

// render is the name with the options after it. It is for people and for finding by
// name: nothing takes it apart again.
func (u *Use) render() string {
	name := u.Name
	for _, o := range u.Options {
		name += "/" + o.String()
	}
	return name
}

// alone says whether a request is for the source stain alone.
func alone(r *request) bool { return len(r.use.Stains) == 0 }

// relevant are the fields that a request's key depends on, by path, with what else tells
// requests of one name apart.
func relevant(r *request) map[string]string {
	kinds := map[api.Kind]string{api.KindPretrain: "P", api.KindPaired: "P", api.KindFinetune: "PF", api.KindEvaluate: "PFE"}[r.item.Task.Kind]
	out := map[string]string{}
	for _, f := range spec.Fields(&r.variant.Spec) {
		if t := r.item.Task.Stain; t != nil {
			if makesStain(t, f.Path) {
				out[f.Path] = f.Value
			}
			continue
		}
		if strings.ContainsAny(keysIn(&f, r.fold > 0), kinds) && !(alone(r) && onlyWithStains(f.Path)) && !otherTraining(r.item.Task.Kind, f.Path) {
			out[f.Path] = f.Value
		}
	}
	if r.task != nil {
		out["stains"] = strings.Join(r.use.Stains, "+")
	}
	if r.fold > 0 {
		out["fold"] = strconv.Itoa(r.fold)
	}
	return out
}

// keysIn is the keys that a field enters, of P, F and E. Folds are drawn over training and
// test images together, so with them the test images are trained on too.
func keysIn(f *spec.Field, folds bool) string {
	if folds && f.Path == "data.labelled.test" {
		return "FE"
	}
	return f.Key
}

// onlyWithStains says whether a field decides nothing where there are no stains.
func onlyWithStains(path string) bool {
	return path == "finetune.freezeEpochs" || slices.ContainsFunc(
		[]string{"pretrain.", "model.generator.", "model.discriminator.", "data.unlabelled.", "data.paired.", "data.heldSlide", "generators."},
		func(section string) bool { return strings.HasPrefix(path, section) })
}

// otherTraining says whether a field decides nothing for one of the two ways to train a
// generator: with pairs or without.
func otherTraining(kind api.Kind, path string) bool {
	switch kind {
	case api.KindPretrain:
		return path == "pretrain.lambdaL1" || path == "data.heldSlide" || strings.HasPrefix(path, "data.paired.")
	case api.KindPaired:
		return path == "pretrain.pool" || path == "pretrain.lambdaCycle" || path == "pretrain.lambdaIdentity" || strings.HasPrefix(path, "data.unlabelled.")
	}
	return false
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_.+&-]{1,40}$`)

// shown is a value as a name can hold it: itself, or the beginning of its hash.
func shown(value string) string {
	switch {
	case value == "":
		return "none"
	case plain.MatchString(value):
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:6])
}
