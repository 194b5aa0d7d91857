package peers

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	apiv1 "g2c/api/v1"
	"g2c/worker/agent"
)

func sumOf(state string) []byte {
	h := sha256.Sum256([]byte(state))
	return h[:]
}

// FuzzGather puts states together from whatever comes: what it gives has the hash that came
// last, and never more bytes than it may have.
func FuzzGather(f *testing.F) {
	whole := func(parts ...*apiv1.FetchStateResponse) []byte {
		var out []byte
		for _, p := range parts {
			b, err := proto.Marshal(p)
			if err != nil {
				f.Fatal(err)
			}
			out = append(append(out, byte(len(b))), b...)
		}
		return out
	}
	data := func(b string) *apiv1.FetchStateResponse {
		return &apiv1.FetchStateResponse{Part: &apiv1.FetchStateResponse_Data{Data: []byte(b)}}
	}
	hash := func(b string) *apiv1.FetchStateResponse {
		return &apiv1.FetchStateResponse{Part: &apiv1.FetchStateResponse_Sha256{Sha256: sumOf(b)}}
	}
	f.Add(whole(data("sta"), data(""), data("te"), hash("state")))
	f.Add(whole(hash("")))
	f.Add(whole(data("stats"), hash("state")))
	f.Add(whole(data("much more than it may have"), hash("much more than it may have")))
	f.Add([]byte{0})
	const most = 16
	f.Fuzz(func(t *testing.T, stream []byte) {
		var last *apiv1.FetchStateResponse
		state, err := gather(func() (*apiv1.FetchStateResponse, error) {
			if len(stream) == 0 {
				return nil, io.EOF
			}
			n := min(int(stream[0]), len(stream)-1)
			m := &apiv1.FetchStateResponse{}
			err := proto.Unmarshal(stream[1:1+n], m)
			stream, last = stream[1+n:], m
			return m, err
		}, most)
		if err != nil {
			if state != nil {
				t.Errorf("%x and %v", state, err)
			}
			return
		}
		if len(state) > most || !bytes.Equal(sumOf(string(state)), last.GetSha256()) {
			t.Errorf("%x of %v", state, last)
		}
	})
}

// FuzzAttends has a member say whatever there is in a meeting: its host goes on.
func FuzzAttends(f *testing.F) {
	for _, m := range []*apiv1.MeetRequest{helloOf(key.String(), 1, "b"), arrivedAt(3), arrivedAt(1 << 63), {}, {Message: &apiv1.MeetRequest_Alive{Alive: &apiv1.Alive{}}}} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x1a, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &apiv1.MeetRequest{}
		if proto.Unmarshal(b, m) != nil {
			return
		}
		h := newHost(&meeting{})
		a := h.enter("b", false)
		if err := h.heard(a, m); err == nil != (m.GetAlive() != nil || a.at != nil) {
			t.Errorf("%v: %v", m, err)
		}
		if a.at != nil && a.at.step < 0 {
			t.Errorf("it stands after step %d", a.at.step)
		}
	})
}

// FuzzMet has a host say whatever there is of the outcome: what is believed names a member, a
// step that is not behind, and a round that fits the number of an exchange.
func FuzzMet(f *testing.F) {
	for _, m := range []*apiv1.Met{{Source: "a", Step: 7, Round: 1}, {Source: "c", Step: 7}, {Source: "b", Step: 1 << 63}, {Source: "b", Step: 9, Round: 1 << roundBits}, {}} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, int64(5))
	}
	g := newGuest(&meeting{a: agent.Assignment{Generation: 3, Gang: []agent.Part{{Worker: "a"}, {Worker: "b"}}}})
	f.Fuzz(func(t *testing.T, b []byte, step int64) {
		m := &apiv1.Met{}
		if proto.Unmarshal(b, m) != nil || step < 0 {
			return
		}
		o, err := g.outcome(m, step)
		if err == nil && (o.source != "a" && o.source != "b" || o.step < step || uint64(o.step) != m.GetStep() || o.round>>roundBits != 0) {
			t.Errorf("after step %d it believes %v", step, m)
		}
	})
}
