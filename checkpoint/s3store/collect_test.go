package s3store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"g2c/checkpoint"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/s3store/s3test"
	"g2c/checkpoint/store"
)

// openRepo opens a bucket as a process of its own would.
func openRepo(t *testing.T, server *s3test.Server, bucket string) *checkpoint.Repo {
	t.Helper()
	env := map[string]string{}
	for _, e := range server.Env() {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
		t.Setenv(name, value)
	}
	c, err := s3store.Parse(s3store.Scheme+bucket+"/runs", func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.New(s)
}

// save stores a step of a task; every task makes the bytes of the others.
func save(ctx context.Context, repo *checkpoint.Repo, task string, step int64, final bool) error {
	_, err := repo.Save(ctx, checkpoint.Snapshot{
		Kind: checkpoint.Pretrain, Task: task, Class: "cpu-1", Step: step, Epoch: int(step), Final: final, Description: json.RawMessage(`{}`),
		Payloads: map[string]store.Body{
			checkpoint.Weights: strings.NewReader(fmt.Sprint("the weights of step ", step)), checkpoint.Resume: strings.NewReader(fmt.Sprint("the state of step ", step)),
		},
	})
	return err
}

// Two collections that spare nothing, and three trainers, two of them of one task, share a
// bucket; all of them save equal objects and thin out what they made. Nothing that a
// manifest names is lost, and every task ends whole.
func TestCollectionsBesideTrainers(t *testing.T) {
	for _, k := range s3test.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			server := s3test.Start(t, k)
			bucket := server.Bucket(t)
			tasks := []string{strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("a", 64)}
			ctx, ended := context.WithCancel(t.Context())
			var trainers, cleaners sync.WaitGroup
			const last = 12
			for _, task := range tasks {
				repo := openRepo(t, server, bucket)
				trainers.Go(func() {
					for step := int64(1); step <= last; step++ {
						err := save(t.Context(), repo, task, step, step == last)
						if err == nil {
							_, err = repo.Prune(t.Context(), task, checkpoint.Policy{Keep: 2}, nil)
						}
						if err != nil {
							t.Errorf("step %d: %v", step, err)
							return
						}
						if m, damages, err := repo.Latest(t.Context(), task); err != nil || m == nil || len(damages) > 0 {
							t.Errorf("after step %d: %v, damages %v, %v", step, m, damages, err)
						}
					}
				})
			}
			for range 2 {
				repo := openRepo(t, server, bucket)
				cleaners.Go(func() {
					for ctx.Err() == nil {
						err := repo.GC(ctx, checkpoint.Policy{Keep: 2}, time.Now(), checkpoint.Judge{}, func(checkpoint.Plan) error { return nil })
						if err != nil && ctx.Err() == nil {
							t.Errorf("collection: %v", err)
						}
					}
				})
			}
			trainers.Wait()
			ended()
			cleaners.Wait()
			repo := openRepo(t, server, bucket)
			audit, err := repo.Verify(t.Context(), nil)
			if err != nil || len(audit.Damages) > 0 {
				t.Errorf("damages %v, %v", audit.Damages, err)
			}
			for _, task := range tasks {
				if m, _, err := repo.Final(t.Context(), task, checkpoint.Whole); err != nil || m == nil {
					t.Errorf("task %.4s is not done: %v", task, err)
				}
			}
		})
	}
}
