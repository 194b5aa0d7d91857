package main

import (
	"crypto/sha256"
	"encoding/json"

	"g2c/api"
	"g2c/experiments/sweep"
)

// sketch is the tasks of a spec, whatever its data are: under keys that tell tasks apart,
// and are not theirs.
func (s *specFile) sketch() ([]*api.Work, error) {
	plan, err := sweep.Expand(s.File, sweep.Options{
		Numerics: api.ClassRef,
		Fingerprint: func(d api.DataSet) (api.Key, error) {
			question, err := json.Marshal(d)
			return sha256.Sum256(question), err
		},
		Resolve: func(model string) (api.Key, error) { return sha256.Sum256([]byte(model)), nil },
	})
	if err != nil {
		return nil, err
	}
	var works []*api.Work
	for _, item := range plan.Items {
		works = append(works, &item.Work)
	}
	return works, nil
}
