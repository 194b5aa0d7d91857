package scenario

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
)

// verbs are those that every scenario knows.
var verbs = map[string]Verb{
	"at": at, "task": task, "show": show,
	"submit": entry(submit), "cancel": entry(cancel), "hold": entry(hold), "release": entry(release), "retry": entry(retry), "found": entry(found), "forget": entry(forget),
	"place": entry(place), "resize": entry(resize), "preempt": entry(preempt), "evict": entry(evict),
	"started": entry(started), "done": entry(done), "failed": entry(failed), "interrupted": entry(interrupted), "released": entry(released),
	"join": entry(join), "cache": entry(cache), "lost": entry(lost), "leave": entry(leave), "mode": entry(mode),
	"project": entry(project), "token": entry(token), "revoke": entry(revoke), "audit": entry(audit), "raise": entry(raise),
	"missing": entry(missing), "user": entry(user), "dropuser": entry(dropUser), "certificate": entry(certificate), "level": entry(raise),
}

// entry makes a verb of what makes a command: it says why it was refused.
func entry(make func(w *World, a *Args) command.Command) Verb {
	return func(w *World, a *Args) string {
		e := command.Entry{Request: a.Text("request"), Principal: a.Text("principal")}
		if text := a.Text("content"); text != "" {
			e.Content = sha256.Sum256([]byte(text))
		}
		e.Command = make(w, a)
		r := w.Apply(e)
		switch {
		case r.Err != nil:
			return "refused: " + r.Err.Error()
		case r.Repeated:
			return fmt.Sprintf("repeated: decided at %d, made %q", r.Index, r.Made)
		}
		return ""
	}
}

// at sets the time of what follows.
func at(w *World, a *Args) string {
	a.values["now"] = a.Word()
	w.Now = a.Int("now")
	return ""
}

// task defines a task for later verbs.
func task(w *World, a *Args) string {
	name := a.Word()
	w.works[name] = fixture.Work(name, fixture.Options{
		Class: a.Text("class"), Data: a.Text("data"), Inputs: a.keys(w, a.List("after")),
		Gang: api.Gang{Min: int(a.Int("min")), Max: int(a.Int("max"))}, Source: a.Text("source"), Shared: a.Text("shared") == "yes", Shards: int(a.Int("shards")),
	})
	return ""
}

func submit(w *World, a *Args) command.Command {
	c := command.Submit{
		Experiment: a.Word(), Name: a.Text("name"), Project: a.Text("project"), Priority: int(a.Int("priority")),
		Need: command.Need{Device: a.Text("device"), Memory: a.Int("memory")}, Finished: a.keys(w, a.List("finished")),
		Held: a.Text("held") == "yes",
	}
	for _, n := range a.List("tasks") {
		a.key(w, n)
		c.Works = append(c.Works, w.works[n])
	}
	return c
}

func cancel(_ *World, a *Args) command.Command {
	return command.Cancel{Experiment: a.Word(), Reason: a.Text("reason")}
}

func hold(_ *World, a *Args) command.Command {
	return command.Hold{Experiment: a.Word(), Reason: a.Text("reason")}
}

func release(_ *World, a *Args) command.Command { return command.Release{Experiment: a.Word()} }

func retry(w *World, a *Args) command.Command {
	if name := a.Text("task"); name != "" {
		return command.Retry{Task: a.key(w, name)}
	}
	return command.Retry{Experiment: a.Word()}
}

func found(w *World, a *Args) command.Command {
	return command.Found{Tasks: a.keys(w, split(a.Word()))}
}

func forget(_ *World, a *Args) command.Command { return command.Forget{Before: a.Int("before")} }

func missing(w *World, a *Args) command.Command {
	return command.Missing{Tasks: a.keys(w, split(a.Word()))}
}

func place(w *World, a *Args) command.Command {
	k := a.key(w, a.Word())
	return command.Place{Task: k, Generation: uint64(a.Int("gen")), Parts: a.parts(), Experiment: a.wish(w, k)}
}

// wish takes the experiment whose wish is to be satisfied: the one that is named, else that
// of a gang, or the first.
func (a *Args) wish(w *World, k api.Key) uint64 {
	if id := a.Text("for"); id != "" {
		if e := w.State.Experiment(id); e != nil {
			return e.Seq
		}
		a.err = fmt.Errorf("no experiment %q", id)
	}
	t := w.State.Task(k)
	if t == nil || w.State.Level() < api.LevelWishes {
		return 0
	}
	v, _ := w.State.Wish(t)
	return v.Experiment
}

func resize(w *World, a *Args) command.Command { return command.Resize(place(w, a).(command.Place)) }

// parts takes a gang, written worker:slots,worker:slots.
func (a *Args) parts() []command.Part {
	var out []command.Part
	for _, p := range a.List("on") {
		worker, slots, _ := strings.Cut(p, ":")
		n, err := strconv.Atoi(slots)
		if err != nil {
			a.err = err
		}
		out = append(out, command.Part{Worker: worker, Slots: n})
	}
	return out
}

func preempt(w *World, a *Args) command.Command {
	return command.Preempt{Task: a.key(w, a.Word()), Generation: uint64(a.Int("gen")), Reason: a.Text("reason")}
}

func evict(w *World, a *Args) command.Command {
	p := preempt(w, a).(command.Preempt)
	return command.Evict{
		Task: p.Task, Generation: p.Generation, Reason: p.Reason, Hung: a.Text("hung") == "yes", Step: uint64(a.Int("step")), Words: a.Text("words"),
	}
}

func report(w *World, a *Args) command.Report {
	return command.Report{Task: a.key(w, a.Word()), Worker: a.Word(), Incarnation: uint64(a.Int("inc")), Generation: uint64(a.Int("gen"))}
}

func started(w *World, a *Args) command.Command     { return command.Started{Report: report(w, a)} }
func done(w *World, a *Args) command.Command        { return command.Done{Report: report(w, a)} }
func interrupted(w *World, a *Args) command.Command { return command.Interrupted{Report: report(w, a)} }
func released(w *World, a *Args) command.Command    { return command.Released{Report: report(w, a)} }

func failed(w *World, a *Args) command.Command {
	return command.Failed{Report: report(w, a), Reason: a.Text("reason"), Permanent: a.Text("permanent") == "yes"}
}

func join(w *World, a *Args) command.Command {
	c := command.Join{
		Worker: a.Word(), Incarnation: uint64(a.Int("inc")), Class: a.Text("class"), Device: a.Text("device"), Memory: a.Int("memory"),
		Host: a.Text("host"), Slots: int(a.Int("slots")), Cached: data(a.List("cached")),
		Issue: a.Text("issue") == "yes", Boot: a.Text("boot"), Progress: a.progress(w), Address: a.Text("address"),
	}
	if c.Class == "" {
		c.Class = api.ClassCPU
	}
	return c
}

func cache(_ *World, a *Args) command.Command {
	return command.Cache{Worker: a.Word(), Incarnation: uint64(a.Int("inc")), Cached: data(a.List("data"))}
}

func lost(w *World, a *Args) command.Command {
	return command.Lost{Worker: a.Word(), Incarnation: uint64(a.Int("inc")), Progress: a.progress(w)}
}

// progress takes the last that was heard of tasks, written task:step:words,task:step:words.
func (a *Args) progress(w *World) []command.Progress {
	var out []command.Progress
	for _, p := range a.List("progress") {
		name, rest, _ := strings.Cut(p, ":")
		step, words, _ := strings.Cut(rest, ":")
		n, err := strconv.ParseUint(step, 10, 64)
		if err != nil {
			a.err = err
		}
		out = append(out, command.Progress{Task: a.key(w, name), Step: n, Words: words})
	}
	return out
}

func leave(_ *World, a *Args) command.Command {
	return command.Leave{Worker: a.Word(), Incarnation: uint64(a.Int("inc"))}
}

func mode(_ *World, a *Args) command.Command {
	return command.SetMode{Worker: a.Word(), Mode: command.Mode(a.Word()), From: a.Int("from"), Until: a.Int("until"), Reason: a.Text("reason")}
}

func project(_ *World, a *Args) command.Command {
	return command.SetProject{Project: a.Word(), Weight: int(a.Int("weight")), Quota: int(a.Int("quota"))}
}

func token(w *World, a *Args) command.Command {
	return command.PutToken{Token: command.Token{ID: a.Word(), Project: a.Text("project"), Role: a.Text("role"), Created: w.Now, Expires: a.Int("expires")}}
}

func revoke(_ *World, a *Args) command.Command { return command.Revoke{Token: a.Word()} }

func user(_ *World, a *Args) command.Command {
	return command.PutUser{User: command.User{Name: a.Word(), Role: a.Text("role"), Project: a.Text("project")}}
}

func dropUser(_ *World, a *Args) command.Command { return command.DropUser{Name: a.Word()} }

func certificate(_ *World, a *Args) command.Command {
	return command.RevokeCertificate{Serial: a.Word(), Note: a.Text("note")}
}

func audit(_ *World, a *Args) command.Command {
	return command.Audit{Verb: a.Word(), Subject: a.Word(), Outcome: a.Text("outcome")}
}

func raise(_ *World, a *Args) command.Command {
	a.values["level"] = a.Word()
	return command.Raise{Level: int(a.Int("level"))}
}
