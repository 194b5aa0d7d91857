package train

import (
	"sync/atomic"
	"testing"

	"g2c/api"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/model/g2c"
	"g2c/worker/agent/grpclink/linktest"
	"g2c/worker/allreduce"
)

// outbound is a link that knows how many bytes of elements have left.
type outbound struct {
	allreduce.Link
	left *atomic.Int64
}

// Send implements allreduce.Link.
func (c outbound) Send(h allreduce.Header, payload []byte, sent func()) error {
	return c.Link.Send(h, payload, func() {
		c.left.Add(int64(len(payload)))
		sent()
	})
}

// BenchmarkOverlap trains a joint step of 64 pixels, three generators of width 16, a
// classifier of width 64 and 32 images over two processes that are linked over gRPC, and
// says how much of what they exchange has left before the last instruction of the backward
// program has run.
func BenchmarkOverlap(b *testing.B) {
	task, _ := tuning(cpuOf(b), 0)
	f := task.Finetune
	f.Stains, f.Generators = []string{"HE", "MASSON", "PASM"}, []api.Key{{1}, {2}, {3}}
	f.Generator.Width, f.Classifier.Width, f.Batch, f.Shards = 16, 64, 32, 4
	set := noise(f.Batch*2, f.Size, 3)
	slots, err := api.ShareShards([]int{1, 1}, f.Shards)
	if err != nil {
		b.Fatal(err)
	}
	session := allreduce.Session{Key: api.Key{5}, Generation: 1}
	links := linktest.Connect(b, session, 2)
	var left atomic.Int64
	for i := range links {
		links[i][1-i] = outbound{links[i][1-i], &left}
	}
	gang := make([]*process, 2)
	for i := range gang {
		share := Share{Slots: slots, Self: i, Exchange: allreduce.Config{Session: session}, Links: func() ([]allreduce.Link, error) { return links[i], nil }}
		r, err := openReplicas([]kernels.Device{cpuOf(b)}, newModels(ModelConfig(f)), nil, share)
		if err != nil {
			b.Fatal(err)
		}
		gang[i] = &process{replicas: r}
		if err := r.first().Initialise(1); err != nil {
			b.Fatal(err)
		}
		for k := range f.Stains {
			if err := r.first().initialise(g2c.GeneratorNet(k), 1, uint32(k)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Cleanup(func() { atOnce(gang, func(p *process) { p.Close() }) })
	early, all := 0.0, 0.0
	for step := 0; b.Loop(); step++ {
		for _, p := range gang {
			if err := p.feed(sharedBatch(f, set, step)); err != nil {
				b.Fatal(err)
			}
		}
		from := left.Load()
		var computed, before atomic.Int64
		atOnce(gang, func(p *process) {
			r := p.all[0]
			if p.err = r.input.Run(); p.err == nil {
				p.err = r.compute(0.01, false)
			}
			if computed.Add(1) == int64(len(gang)) {
				before.Store(left.Load() - from)
			}
			if p.err == nil {
				p.err = r.update(r.last, int64(step))
			}
		})
		for _, p := range gang {
			if p.err != nil {
				b.Fatal(p.err)
			}
		}
		early, all = early+float64(before.Load()), all+float64(left.Load()-from)
	}
	b.ReportMetric(100*early/all, "%early")
	b.ReportMetric(all/float64(b.N)/1e6, "MB/step")
}

func cpuOf(b *testing.B) kernels.Device {
	d, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	return d
}
