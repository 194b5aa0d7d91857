package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Limits of a submit.
const (
	maxSubmitBytes = command.MaxEntryBytes - 1<<20 // of its works; the rest of the entry is small
	maxNameBytes   = 200
)

// Submit implements apiv1.ExperimentServiceServer.
func (s *experiments) Submit(stream grpc.ClientStreamingServer[apiv1.SubmitRequest, apiv1.SubmitResponse]) error {
	ctx, cancel := context.WithTimeout(stream.Context(), 10*callTimeout)
	defer cancel()
	w := whoOf(ctx)
	var held int64
	defer func() { s.bulk.give(w.caller.String(), held) }()
	recv := func() (*apiv1.SubmitRequest, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nextOf(s.clock, callTimeout, stream.Recv)
	}
	in, err := readSubmission(recv, func(bytes int64) error {
		if err := s.bulk.take(w.caller.String(), bytes); err != nil {
			return err
		}
		held += bytes
		return nil
	})
	if err != nil {
		return err
	}
	if in.header.Project == "" {
		in.header.Project = state.DefaultProject
	}
	if !w.sees(in.header.Project) {
		return rpcerr.New(rpcerr.NotPermitted, "%s submits to project %s, not to %s", w.principal, w.project, in.header.Project)
	}
	content, err := contentOf(in.header, in.digest.Sum(nil))
	if err != nil {
		return err
	}
	finished, err := s.vet(ctx, in)
	if err != nil {
		return err
	}
	c := command.Submit{
		Experiment: experimentID(in.header.Name), Name: in.header.Name, Project: in.header.Project, Priority: int(in.header.Priority),
		Need: command.Need{Device: in.header.Device, Memory: in.header.MemoryBytes}, Works: in.works, Finished: finished,
		Held: in.header.Held,
	}
	// The first submission ends the time in which a cluster is raised by itself, so it is
	// raised before; if an older coordinator forbids that, what this one reads is let in.
	if waits, err := s.raiseFresh(ctx); waits && (!errors.Is(err, command.ErrNewer) || command.LevelOf(c) > s.Snapshot().Level()) {
		return err
	}
	v, err := s.now(ctx)
	if err != nil {
		return err
	}
	if r := v.Request(w.principal, in.header.RequestId); r == nil { // or it was let in once
		if err := v.CheckSubmit(w.principal, c); err != nil {
			return err
		}
	}
	r, err := s.writeContent(ctx, in.header.RequestId, content, c)
	if err != nil {
		return err
	}
	if v, err = s.now(ctx); err != nil {
		return err
	}
	resp := &apiv1.SubmitResponse{Experiment: r.Made, Index: r.Index, Repeated: r.Repeated}
	if e := v.Experiment(r.Made); e != nil {
		counts := v.experiment(e).Tasks
		resp.Tasks, resp.Done = uint32(len(e.Tasks)), counts.Done
	}
	return stream.SendAndClose(resp)
}

// submission is what somebody hands in.
type submission struct {
	header *apiv1.SubmitHeader
	works  []api.Work
	digest hash.Hash // of the works as they came
}

// readSubmission reads a submission, strictly: whatever is wrong with it is found
// before anything is written. hold hears how much memory it takes, and may refuse.
func readSubmission(recv func() (*apiv1.SubmitRequest, error), hold func(bytes int64) error) (*submission, error) {
	in := &submission{digest: sha256.New()}
	size := 0
	for {
		m, err := recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch p := m.Part.(type) {
		case *apiv1.SubmitRequest_Header:
			if in.header != nil {
				return nil, rpcerr.New(rpcerr.BadRequest, "a submission has one header")
			}
			in.header = p.Header
		case *apiv1.SubmitRequest_Works:
			if err := hold(int64(proto.Size(p.Works))); err != nil {
				return nil, err
			}
			for _, b := range p.Works.GetWorks() {
				if size += len(b); size > maxSubmitBytes || len(in.works) == command.MaxWorks {
					return nil, rpcerr.New(rpcerr.TooLarge, "an experiment of more than %d works or %d bytes", command.MaxWorks, maxSubmitBytes).
						WithHint("submit a part of it at a time, with --only")
				}
				if err := in.add(b); err != nil {
					return nil, err
				}
			}
		default:
			return nil, rpcerr.New(rpcerr.BadRequest, "a submission has a header and works, not %T", m.Part)
		}
	}
	if in.header == nil || len(in.works) == 0 {
		return nil, rpcerr.New(rpcerr.BadRequest, "a submission has a header and at least one work")
	}
	return in, in.check()
}

// add reads a work. Its key is computed anew: nobody's word is taken for what a task
// is.
func (in *submission) add(b []byte) error {
	w, err := api.DecodeWork(b)
	if err != nil {
		return rpcerr.New(rpcerr.BadWork, "work %d: %w", len(in.works)+1, err).WithHint("is the client of another release than the coordinator?")
	}
	if key := w.Task.Key(); key != w.Key {
		return rpcerr.New(rpcerr.BadWork, "%s has the key %s, not %s", w.Name(), key.Short(), w.Key.Short())
	}
	in.works = append(in.works, w)
	in.digest.Write(w.Key[:])
	in.digest.Write(binary.AppendUvarint(nil, uint64(len(b))))
	in.digest.Write(b)
	return nil
}

func (in *submission) check() error {
	h := in.header
	for what, text := range map[string]string{"name": h.Name, "project": h.Project, "device": h.Device} {
		if len(text) > maxNameBytes || strings.ContainsFunc(text, unicode.IsControl) || strings.ToValidUTF8(text, "") != text {
			return rpcerr.New(rpcerr.BadRequest, "the %s %.40q is not up to %d bytes of printable text", what, text, maxNameBytes)
		}
	}
	if h.Name == "" {
		return rpcerr.New(rpcerr.BadRequest, "an experiment has a name")
	}
	if h.MemoryBytes < 0 {
		return rpcerr.New(rpcerr.BadRequest, "memory of %d bytes", h.MemoryBytes)
	}
	return nil
}

// vet finds out which works are done already, and refuses a submission whose inputs
// or data nobody has.
func (s *experiments) vet(ctx context.Context, in *submission) (finished []api.Key, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	ask := map[api.Key]bool{} // keys that the store is asked for
	made := map[api.Key]bool{}
	for i := range in.works {
		w := &in.works[i]
		made[w.Key], ask[w.Key] = true, true
		for _, k := range w.Task.Inputs() {
			if t := v.Task(k); !made[k] && (t == nil || t.Status == state.Done) {
				ask[k] = true
			}
		}
	}
	done, err := s.artifacts.finals(ctx, ask)
	if err != nil {
		return nil, err
	}
	if err := s.miss(ctx, v, ask, done); err != nil {
		return nil, err
	}
	for i := range in.works {
		w := &in.works[i]
		if done[w.Key] {
			finished = append(finished, w.Key)
		}
		for _, k := range w.Task.Inputs() {
			if !made[k] && !done[k] && v.Task(k) == nil {
				return nil, rpcerr.New(rpcerr.InputMissing, "%s reads the result of task %s, which is neither in the coordinator's store nor among its tasks", w.Name(), k).
					WithHint("submit the task that makes it too, or put its model into the coordinator's store")
			}
		}
	}
	return finished, s.vetData(ctx, v, in, done)
}

// miss tells the state which tasks that it takes for done have no result any more, so that
// they are done again for whoever asks now.
func (s *experiments) miss(ctx context.Context, v *view, asked, done map[api.Key]bool) error {
	if s.artifacts.repo == nil || v.Level() < api.LevelWishes {
		return nil
	}
	var missing []api.Key
	for _, k := range slices.SortedFunc(maps.Keys(asked), api.Key.Compare) {
		if t := v.Task(k); t != nil && t.Status == state.Done && !t.Gone && !done[k] {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	s.log.Info("results are gone from the store", "tasks", len(missing))
	for keys := range slices.Chunk(missing, command.MaxKeys) {
		if _, err := s.propose(ctx, command.Entry{Command: command.Missing{Tasks: keys}}); err != nil {
			return err
		}
	}
	return nil
}

// experimentID makes an id of a name: what people may type, and nobody else has.
func experimentID(name string) string {
	plain := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return ' '
	}
	name = strings.Join(strings.Fields(strings.Map(plain, strings.ToLower(name))), "-")
	if name = strings.Trim(name[:min(len(name), 40)], "-"); name == "" {
		name = "experiment"
	}
	var tail [4]byte
	rand.Read(tail[:]) // never fails
	return name + "-" + hex.EncodeToString(tail[:])
}
