package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
)

// sweepSpec is a thousand arms: four subsets of stains by 250 seeds.
const sweepSpec = `
apiVersion: g2c/v1
kind: Experiment
metadata: {name: wide, project: demo}
data:
  source: PAS
  size: 64
  synthetic: {patients: 12, patches: 24}
tasks:
  - {name: gs-vs-nongs, positive: [gs], negative: [noa, ss]}
arms:
  - {name: PAS_ONLY, stains: [], finetune.augment: true}
  - {name: PAS_HE, stains: [HE]}
  - {name: PAS_MASSON, stains: [MASSON]}
  - {name: PAS_ALL, stains: [HE, MASSON, PASM]}
sweep: {seeds: %s}
`

// measureSubmit times a sweep of a thousand arms from the text of its spec to the
// state, through the bytes of the log. Data is not read: its fingerprint is given.
func measureSubmit() ([]row, error) {
	var seeds []int
	for i := range 250 {
		seeds = append(seeds, i+1)
	}
	list, err := json.Marshal(seeds)
	if err != nil {
		return nil, err
	}
	text := fmt.Appendf(nil, sweepSpec, list)
	var tasks int
	var expansion, logging, applying time.Duration
	total, err := times(3, func() error {
		began := time.Now()
		file, err := spec.Parse("wide.yaml", text)
		if err != nil {
			return err
		}
		plan, err := sweep.Expand(file, sweep.Options{Numerics: api.ClassCPU, Fingerprint: func(d api.DataSet) (api.Key, error) {
			b, err := json.Marshal(d)
			return sha256.Sum256(b), err
		}})
		if err != nil {
			return err
		}
		expanded := time.Now()
		c := command.Submit{Experiment: "wide-1", Name: plan.Experiment, Project: state.DefaultProject}
		for _, item := range plan.Items {
			c.Works = append(c.Works, item.Work)
		}
		b, err := command.Encode(command.Entry{At: 1, Command: c})
		if err != nil {
			return err
		}
		e, err := command.Decode(b)
		if err != nil {
			return err
		}
		s := state.New()
		s.Apply(1, command.Entry{At: 1, Command: command.Raise{Level: command.Level}})
		logged := time.Now()
		r := s.Apply(2, e)
		expansion, logging, applying, tasks = expanded.Sub(began), logged.Sub(expanded), time.Since(logged), s.TaskCount()
		return r.Err
	})
	what := fmt.Sprintf("submit of a sweep of 1,000 arms, %d tasks", tasks)
	return []row{
		{what, total, "1 s"},
		{"of it: expansion, log entry written and read, applied", fmt.Sprintf("%v, %v, %v", round(expansion), round(logging), round(applying)), ""},
	}, err
}
