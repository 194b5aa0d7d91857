package main

import (
	"testing"

	"g2c/api"
)

// A fine-tuning takes the devices that can train it together and no more; others take one.
func TestGangOfDevices(t *testing.T) {
	finetune := func(shards int) api.Task {
		return api.Task{Finetune: &api.Finetune{Tuning: api.Tuning{Shards: shards}}}
	}
	for _, c := range []struct {
		task  api.Task
		gang  api.Gang
		slots int
		want  int
	}{
		{finetune(4), api.Gang{Min: 1, Max: 4}, 1, 1},
		{finetune(4), api.Gang{Min: 1, Max: 4}, 3, 2},
		{finetune(8), api.Gang{Min: 1, Max: 3}, 4, 3},
		{finetune(4), api.Gang{Min: 1, Max: 1}, 4, 1},
		{finetune(4), api.Gang{Min: 3, Max: 4}, 2, 3},
		{api.Task{Pretrain: &api.Pretrain{}}, api.Gang{Min: 1, Max: 1}, 4, 1},
		{api.Task{}, api.Gang{Min: 2, Max: 4}, 4, 1},
	} {
		if got := gang(c.task, c.gang, c.slots); got != (api.Gang{Min: c.want, Max: c.want}) {
			t.Errorf("%+v on %d slots: %+v, want %d", c.gang, c.slots, got, c.want)
		}
	}
}
