package agent

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/fixture"
)

func newCall() *call { return &call{works: map[api.Key]*api.Work{}} }

// A work comes once; later records go without it, until one that is without its task.
func TestARecordRemembersWorks(t *testing.T) {
	work := fixture.Work("a", fixture.Options{})
	key := work.Key.String()
	m := &apiv1.Assignments{Index: 7, Assignments: []*apiv1.Assignment{
		{Task: key, Generation: 2, Slots: 1, Gang: []*apiv1.GangMember{{Worker: "w1", Slots: 1, Host: "h"}}, Work: work.Encode()},
		{Task: key, Generation: 1, Terminating: true},
	}}
	c := newCall()
	r, err := c.record(m)
	if err != nil || r.Index != 7 || len(r.Assignments) != 2 || r.Assignments[0].Work.Name() != "a" || !r.Assignments[1].Terminating {
		t.Fatalf("%+v, %v", r, err)
	}
	m.Assignments[0].Work, m.Assignments[0].Preempting = nil, true
	if r, err = c.record(m); err != nil || r.Assignments[0].Work.Name() != "a" || !r.Assignments[0].Preempting {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := newCall().record(m); err == nil || !strings.Contains(err.Error(), "never came") {
		t.Errorf("a work that never came: %v", err)
	}
	m.Assignments = m.Assignments[1:] // its task is only being released
	if _, err := c.record(m); err != nil || len(c.works) > 0 {
		t.Errorf("%d works are kept of a record without any, %v", len(c.works), err)
	}
}

func TestARecordThatMakesNoSenseIsRefused(t *testing.T) {
	work := fixture.Work("a", fixture.Options{})
	gang := []*apiv1.GangMember{{Worker: "w1", Slots: 1}}
	for name, a := range map[string]*apiv1.Assignment{
		"key":   {Task: "x", Slots: 1, Gang: gang, Work: work.Encode()},
		"slots": {Task: work.Key.String(), Gang: gang, Work: work.Encode()},
		"gang":  {Task: work.Key.String(), Slots: 1, Work: work.Encode()},
		"work":  {Task: work.Key.String(), Slots: 1, Gang: gang, Work: []byte("x")},
	} {
		if _, err := newCall().record(&apiv1.Assignments{Assignments: []*apiv1.Assignment{a}}); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func FuzzRecord(f *testing.F) {
	work := fixture.Work("a", fixture.Options{})
	seed, err := proto.Marshal(&apiv1.Assignments{Index: 7, Assignments: []*apiv1.Assignment{
		{Task: work.Key.String(), Generation: 2, Slots: 1, Gang: []*apiv1.GangMember{{Worker: "w1", Slots: 1}}, Work: work.Encode()},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m apiv1.Assignments
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		r, err := newCall().record(&m)
		for _, a := range r.Assignments {
			if err == nil && !a.Terminating && (a.Work == nil || a.Slots < 1 || len(a.Gang) == 0) {
				t.Errorf("half an assignment: %+v", a)
			}
		}
	})
}
