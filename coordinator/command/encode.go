package command

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"g2c/api"
	"g2c/coordinator/command/commandpb"
)

// Encode writes an entry for the log. It refuses what Decode would refuse.
func Encode(e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	m := &commandpb.Entry{Level: uint32(e.Level()), AtMs: e.At, Request: e.Request, Principal: e.Principal}
	if e.Content != [32]byte{} {
		m.Content = e.Content[:]
	}
	encodeTask(m, e.Command)
	encodeReport(m, e.Command)
	encodeWorker(m, e.Command)
	encodeHouse(m, e.Command)
	if m.Command == nil {
		return nil, fmt.Errorf("%w: command %T has no encoding", ErrMalformed, e.Command)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil { // text that is not UTF-8
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(b) > MaxEntryBytes {
		return nil, fmt.Errorf("%w: an entry of %d bytes, at most %d", ErrMalformed, len(b), MaxEntryBytes)
	}
	return b, nil
}

// encodeTask writes what users and the scheduler do to tasks.
func encodeTask(m *commandpb.Entry, c Command) {
	switch c := c.(type) {
	case Submit:
		p := &commandpb.Submit{
			Experiment: c.Experiment, Name: c.Name, Project: c.Project, Priority: int32(c.Priority),
			Device: c.Need.Device, MemoryBytes: c.Need.Memory, Finished: fromKeys(c.Finished),
		}
		for i := range c.Works {
			p.Works = append(p.Works, c.Works[i].Encode())
		}
		m.Command = &commandpb.Entry_Submit{Submit: p}
	case Cancel:
		m.Command = &commandpb.Entry_Cancel{Cancel: &commandpb.Cancel{Experiment: c.Experiment, Reason: c.Reason}}
	case Retry:
		m.Command = &commandpb.Entry_Retry{Retry: &commandpb.Retry{Experiment: c.Experiment, Task: c.Task[:]}}
	case Found:
		m.Command = &commandpb.Entry_Found{Found: &commandpb.Found{Tasks: fromKeys(c.Tasks)}}
	case Missing:
		m.Command = &commandpb.Entry_Missing{Missing: &commandpb.Missing{Tasks: fromKeys(c.Tasks)}}
	case Forget:
		m.Command = &commandpb.Entry_Forget{Forget: &commandpb.Forget{BeforeMs: c.Before}}
	case Place:
		m.Command = &commandpb.Entry_Place{Place: fromPlace(c)}
	case Resize:
		m.Command = &commandpb.Entry_Resize{Resize: fromPlace(Place(c))}
	case Preempt:
		m.Command = &commandpb.Entry_Preempt{Preempt: &commandpb.Stop{Task: c.Task[:], Generation: c.Generation, Reason: c.Reason}}
	case Evict:
		m.Command = &commandpb.Entry_Evict{Evict: &commandpb.Stop{
			Task: c.Task[:], Generation: c.Generation, Reason: c.Reason, Hung: c.Hung, Step: c.Step, Words: c.Words,
		}}
	}
}

// encodeReport writes what workers say of their assignments.
func encodeReport(m *commandpb.Entry, c Command) {
	switch c := c.(type) {
	case Started:
		m.Command = &commandpb.Entry_Started{Started: fromReport(c.Report)}
	case Done:
		m.Command = &commandpb.Entry_Done{Done: fromReport(c.Report)}
	case Failed:
		m.Command = &commandpb.Entry_Failed{Failed: &commandpb.Failed{Report: fromReport(c.Report), Reason: c.Reason, Permanent: c.Permanent}}
	case Interrupted:
		m.Command = &commandpb.Entry_Interrupted{Interrupted: fromReport(c.Report)}
	case Released:
		m.Command = &commandpb.Entry_Released{Released: fromReport(c.Report)}
	}
}

// encodeWorker writes what happens to workers.
func encodeWorker(m *commandpb.Entry, c Command) {
	switch c := c.(type) {
	case Join:
		m.Command = &commandpb.Entry_Join{Join: &commandpb.Join{
			Worker: c.Worker, Incarnation: c.Incarnation, Class: c.Class, Device: c.Device, MemoryBytes: c.Memory,
			Host: c.Host, Slots: uint32(c.Slots), Cached: fromKeys(c.Cached), Issue: c.Issue, Boot: c.Boot, Progress: fromProgress(c.Progress),
		}}
	case Cache:
		m.Command = &commandpb.Entry_Cache{Cache: &commandpb.Cache{Worker: c.Worker, Incarnation: c.Incarnation, Cached: fromKeys(c.Cached)}}
	case Lost:
		m.Command = &commandpb.Entry_Lost{Lost: &commandpb.Lost{Worker: c.Worker, Incarnation: c.Incarnation, Progress: fromProgress(c.Progress)}}
	case Leave:
		m.Command = &commandpb.Entry_Leave{Leave: &commandpb.Leave{Worker: c.Worker, Incarnation: c.Incarnation}}
	case SetMode:
		m.Command = &commandpb.Entry_SetMode{SetMode: &commandpb.SetMode{
			Worker: c.Worker, Mode: modeNumbers[c.Mode], FromMs: c.From, UntilMs: c.Until, Reason: c.Reason,
		}}
	}
}

// encodeHouse writes what keeps the house: projects, who may do what, audit, levels.
func encodeHouse(m *commandpb.Entry, c Command) {
	switch c := c.(type) {
	case SetProject:
		m.Command = &commandpb.Entry_SetProject{SetProject: &commandpb.SetProject{Project: c.Project, Weight: uint32(c.Weight), Quota: uint32(c.Quota)}}
	case PutToken:
		t := c.Token
		m.Command = &commandpb.Entry_PutToken{PutToken: &commandpb.PutToken{
			Id: t.ID, Hash: t.Hash[:], Project: t.Project, Role: t.Role, CreatedMs: t.Created, ExpiresMs: t.Expires, Note: t.Note,
		}}
	case Revoke:
		m.Command = &commandpb.Entry_Revoke{Revoke: &commandpb.Revoke{Id: c.Token}}
	case PutUser:
		m.Command = &commandpb.Entry_PutUser{PutUser: &commandpb.PutUser{Name: c.User.Name, Role: c.User.Role, Project: c.User.Project}}
	case DropUser:
		m.Command = &commandpb.Entry_DropUser{DropUser: &commandpb.DropUser{Name: c.Name}}
	case RevokeCertificate:
		m.Command = &commandpb.Entry_RevokeCertificate{RevokeCertificate: &commandpb.RevokeCertificate{Serial: c.Serial, Note: c.Note}}
	case Audit:
		m.Command = &commandpb.Entry_Audit{Audit: &commandpb.Audit{Verb: c.Verb, Subject: c.Subject, Outcome: c.Outcome}}
	case Raise:
		m.Command = &commandpb.Entry_Raise{Raise: &commandpb.Raise{Level: uint32(c.Level)}}
	}
}

// modeNumbers are for ever, as the numbers of commands are.
var modeNumbers = map[Mode]uint32{Ready: 1, Cordoned: 2, Draining: 3, Maintenance: 4}

func fromPlace(c Place) *commandpb.Place {
	p := &commandpb.Place{Task: c.Task[:], Generation: c.Generation, Experiment: c.Experiment}
	for _, part := range c.Parts {
		p.Parts = append(p.Parts, &commandpb.Part{Worker: part.Worker, Slots: uint32(part.Slots)})
	}
	return p
}

func fromProgress(list []Progress) []*commandpb.Progress {
	var out []*commandpb.Progress
	for i := range list {
		out = append(out, &commandpb.Progress{Task: list[i].Task[:], Step: list[i].Step, Words: list[i].Words})
	}
	return out
}

func fromReport(r Report) *commandpb.Report {
	return &commandpb.Report{Task: r.Task[:], Worker: r.Worker, Incarnation: r.Incarnation, Generation: r.Generation}
}

func fromKeys(keys []api.Key) [][]byte {
	var out [][]byte
	for i := range keys {
		out = append(out, keys[i][:])
	}
	return out
}
