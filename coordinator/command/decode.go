package command

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"g2c/api"
	"g2c/coordinator/command/commandpb"
)

// Decode reads an entry of the log. A replica that cannot read one must stop: the
// others may have applied it.
func Decode(b []byte) (Entry, error) {
	if len(b) > MaxEntryBytes {
		return Entry{}, fmt.Errorf("%w: an entry of %d bytes, at most %d", ErrMalformed, len(b), MaxEntryBytes)
	}
	var m commandpb.Entry
	if err := proto.Unmarshal(b, &m); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if m.Level > Level {
		return Entry{}, fmt.Errorf("%w: level %d, this release reads up to %d", ErrNewer, m.Level, Level)
	}
	if m.Level < 1 || unknown(m.ProtoReflect()) {
		return Entry{}, fmt.Errorf("%w: level %d with fields that it does not have", ErrMalformed, m.Level)
	}
	d := &decoder{}
	e := Entry{At: m.AtMs, Request: m.Request, Principal: m.Principal, Command: d.command(&m)}
	if len(m.Content) > 0 {
		e.Content = d.key(m.Content)
	}
	if d.err != nil {
		return Entry{}, d.err
	}
	if need := max(fieldsLevel(e.Command), Entry{Content: e.Content}.Level()); int(m.Level) < need {
		return Entry{}, fmt.Errorf("%w: level %d with fields of level %d", ErrMalformed, m.Level, need)
	}
	return e, e.check()
}

// unknown reports whether a message holds a field that this release does not
// know, at any depth.
func unknown(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				found = found || unknown(v.List().Get(i).Message())
			}
		default:
			found = unknown(v.Message())
		}
		return !found
	})
	return found
}

// decoder collects the first error.
type decoder struct{ err error }

func (d *decoder) command(m *commandpb.Entry) Command {
	for _, read := range []func(*commandpb.Entry) Command{d.task, d.report, d.worker, d.house} {
		if c := read(m); c != nil {
			return c
		}
	}
	d.fail("no command in it")
	return nil
}

func (d *decoder) task(m *commandpb.Entry) Command {
	switch c := m.Command.(type) {
	case *commandpb.Entry_Submit:
		p := c.Submit
		s := Submit{
			Experiment: p.Experiment, Name: p.Name, Project: p.Project, Priority: int(p.Priority),
			Need: Need{Device: p.Device, Memory: p.MemoryBytes}, Finished: d.keys(p.Finished),
		}
		for _, b := range p.Works {
			w, err := api.RestoreWork(b)
			if err != nil {
				d.fail("work: %w", err)
				break
			}
			s.Works = append(s.Works, w)
		}
		return s
	case *commandpb.Entry_Cancel:
		return Cancel{Experiment: c.Cancel.Experiment, Reason: c.Cancel.Reason}
	case *commandpb.Entry_Retry:
		return Retry{Experiment: c.Retry.Experiment, Task: d.key(c.Retry.Task)}
	case *commandpb.Entry_Found:
		return Found{Tasks: d.keys(c.Found.Tasks)}
	case *commandpb.Entry_Missing:
		return Missing{Tasks: d.keys(c.Missing.Tasks)}
	case *commandpb.Entry_Forget:
		return Forget{Before: c.Forget.BeforeMs}
	case *commandpb.Entry_Place:
		return d.place(c.Place)
	case *commandpb.Entry_Resize:
		return Resize(d.place(c.Resize))
	case *commandpb.Entry_Preempt:
		return Preempt{Task: d.key(c.Preempt.Task), Generation: c.Preempt.Generation, Reason: c.Preempt.Reason}
	case *commandpb.Entry_Evict:
		return Evict{
			Task: d.key(c.Evict.Task), Generation: c.Evict.Generation, Reason: c.Evict.Reason, Hung: c.Evict.Hung, Step: c.Evict.Step, Words: c.Evict.Words,
		}
	}
	return nil
}

func (d *decoder) report(m *commandpb.Entry) Command {
	switch c := m.Command.(type) {
	case *commandpb.Entry_Started:
		return Started{d.about(c.Started)}
	case *commandpb.Entry_Done:
		return Done{d.about(c.Done)}
	case *commandpb.Entry_Failed:
		if c.Failed.Report == nil {
			d.fail("a failure of nothing")
			return Failed{}
		}
		return Failed{Report: d.about(c.Failed.Report), Reason: c.Failed.Reason, Permanent: c.Failed.Permanent}
	case *commandpb.Entry_Interrupted:
		return Interrupted{d.about(c.Interrupted)}
	case *commandpb.Entry_Released:
		return Released{d.about(c.Released)}
	}
	return nil
}

func (d *decoder) worker(m *commandpb.Entry) Command {
	switch c := m.Command.(type) {
	case *commandpb.Entry_Join:
		p := c.Join
		return Join{
			Worker: p.Worker, Incarnation: p.Incarnation, Class: p.Class, Device: p.Device, Memory: p.MemoryBytes,
			Host: p.Host, Slots: int(p.Slots), Cached: d.keys(p.Cached), Issue: p.Issue, Boot: p.Boot, Progress: d.progress(p.Progress),
		}
	case *commandpb.Entry_Cache:
		return Cache{Worker: c.Cache.Worker, Incarnation: c.Cache.Incarnation, Cached: d.keys(c.Cache.Cached)}
	case *commandpb.Entry_Lost:
		return Lost{Worker: c.Lost.Worker, Incarnation: c.Lost.Incarnation, Progress: d.progress(c.Lost.Progress)}
	case *commandpb.Entry_Leave:
		return Leave{Worker: c.Leave.Worker, Incarnation: c.Leave.Incarnation}
	case *commandpb.Entry_SetMode:
		p := c.SetMode
		return SetMode{Worker: p.Worker, Mode: d.mode(p.Mode), From: p.FromMs, Until: p.UntilMs, Reason: p.Reason}
	}
	return nil
}

func (d *decoder) house(m *commandpb.Entry) Command {
	switch c := m.Command.(type) {
	case *commandpb.Entry_SetProject:
		return SetProject{Project: c.SetProject.Project, Weight: int(c.SetProject.Weight), Quota: int(c.SetProject.Quota)}
	case *commandpb.Entry_PutToken:
		p := c.PutToken
		return PutToken{Token{
			ID: p.Id, Hash: d.key(p.Hash), Project: p.Project, Role: p.Role, Created: p.CreatedMs, Expires: p.ExpiresMs, Note: p.Note,
		}}
	case *commandpb.Entry_Revoke:
		return Revoke{Token: c.Revoke.Id}
	case *commandpb.Entry_PutUser:
		return PutUser{User{Name: c.PutUser.Name, Role: c.PutUser.Role, Project: c.PutUser.Project}}
	case *commandpb.Entry_DropUser:
		return DropUser{Name: c.DropUser.Name}
	case *commandpb.Entry_RevokeCertificate:
		return RevokeCertificate{Serial: c.RevokeCertificate.Serial, Note: c.RevokeCertificate.Note}
	case *commandpb.Entry_Audit:
		return Audit{Verb: c.Audit.Verb, Subject: c.Audit.Subject, Outcome: c.Audit.Outcome}
	case *commandpb.Entry_Raise:
		return Raise{Level: int(c.Raise.Level)}
	}
	return nil
}

func (d *decoder) place(p *commandpb.Place) Place {
	out := Place{Task: d.key(p.Task), Generation: p.Generation, Experiment: p.Experiment}
	for _, part := range p.Parts {
		out.Parts = append(out.Parts, Part{Worker: part.Worker, Slots: int(part.Slots)})
	}
	return out
}

func (d *decoder) progress(list []*commandpb.Progress) []Progress {
	var out []Progress
	for _, p := range list {
		out = append(out, Progress{Task: d.key(p.Task), Step: p.Step, Words: p.Words})
	}
	return out
}

func (d *decoder) about(r *commandpb.Report) Report {
	return Report{Task: d.key(r.Task), Worker: r.Worker, Incarnation: r.Incarnation, Generation: r.Generation}
}

func (d *decoder) mode(n uint32) Mode {
	for m, number := range modeNumbers {
		if number == n {
			return m
		}
	}
	d.fail("unknown mode %d", n)
	return ""
}

func (d *decoder) keys(list [][]byte) []api.Key {
	var out []api.Key
	for _, b := range list {
		out = append(out, d.key(b))
	}
	return out
}

func (d *decoder) key(b []byte) api.Key {
	if len(b) != len(api.Key{}) {
		d.fail("a key of %d bytes", len(b))
		return api.Key{}
	}
	return api.Key(b)
}

func (d *decoder) fail(format string, a ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, a...)...)
	}
}
