package command

import (
	"fmt"
	"testing"

	"g2c/api"
)

// large is what most experiments never reach: as many works as there may be.
func large() Entry {
	w := work()
	s := Submit{Experiment: "e1", Project: "demo", Works: make([]api.Work, MaxWorks)}
	for i := range s.Works {
		s.Works[i] = w
		s.Works[i].Names = []string{fmt.Sprintf("pretrain/HE/w16/b3/s%d", i)}
	}
	return Entry{At: 1_700_000_000_000, Request: "r1", Principal: "alice", Command: s, Content: fill(7)}
}

func placed() Entry {
	return Entry{At: 1_700_000_000_000, Command: Place{Task: fill(1), Generation: 1, Parts: []Part{{"w1", 2}, {"w2", 1}}, Experiment: 2}}
}

func benchmarkEncode(b *testing.B, e Entry) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkDecode(b *testing.B, e Entry) {
	bytes := encode(b, e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(bytes); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeSubmit(b *testing.B) { benchmarkEncode(b, large()) }

func BenchmarkDecodeSubmit(b *testing.B) { benchmarkDecode(b, large()) }

func BenchmarkEncodePlace(b *testing.B) { benchmarkEncode(b, placed()) }

func BenchmarkDecodePlace(b *testing.B) { benchmarkDecode(b, placed()) }
