package server

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

type uploadStream = grpc.ClientStreamingServer[apiv1.UploadDataRequest, apiv1.UploadDataResponse]

// spoolPattern names uploads that are being checked.
const spoolPattern = "g2c-upload-*"

// cleanSpool makes the folder for uploads, if it is the coordinator's own, and removes
// what a process that was killed left there.
func cleanSpool(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.ErrUnavailable, "make the folder for uploads: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, spoolPattern))
	if err != nil {
		return fault.New(fault.ErrSpec, "folder for uploads %s: %w", dir, err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return fault.New(fault.ErrUnavailable, "remove an old upload: %w", err)
		}
	}
	return nil
}

// UploadData implements apiv1.DataServiceServer. What comes is spooled, read through,
// and stored only under the fingerprint that it really has.
func (s *data) UploadData(stream uploadStream) error {
	if s.artifacts.store == nil {
		return rpcerr.New(rpcerr.Unsupported, "this cluster's coordinators have no store for data").WithHint("start them with --store")
	}
	caller := whoOf(stream.Context()).principal
	if err := s.uploads.take(caller, 1); err != nil {
		return err
	}
	defer s.uploads.give(caller, 1)
	m, err := nextOf(s.clock, callTimeout, stream.Recv)
	if err != nil {
		return err
	}
	h := m.GetHeader()
	k, err := api.ParseKey(h.GetFingerprint())
	if err != nil {
		return rpcerr.New(rpcerr.BadRequest, "an upload begins with a header and its fingerprint: %w", err)
	}
	if h.Offset < 0 || h.Offset > h.SizeBytes {
		return rpcerr.New(rpcerr.BadRequest, "an upload of %d bytes cannot go on at byte %d", h.SizeBytes, h.Offset)
	}
	if h.SizeBytes <= 0 || h.SizeBytes > s.limits.UploadBytes {
		return rpcerr.New(rpcerr.TooLarge, "%d bytes of data, want 1 to %d", h.SizeBytes, s.limits.UploadBytes)
	}
	if _, there, err := s.artifacts.stored(stream.Context(), k); err != nil || there {
		if err != nil {
			return err
		}
		return stream.SendAndClose(&apiv1.UploadDataResponse{Repeated: true})
	}
	if err := s.keep(stream, h, k); err != nil {
		return err
	}
	whole := &apiv1.UploadHeader{RequestId: h.RequestId, Fingerprint: h.Fingerprint, SizeBytes: h.SizeBytes} // each repeat may begin elsewhere
	if _, err := s.write(stream.Context(), whole, command.Audit{Verb: "upload data", Subject: h.Fingerprint, Outcome: "ok"}); err != nil {
		return err
	}
	return stream.SendAndClose(&apiv1.UploadDataResponse{})
}

// keep spools an upload, checks it and stores it. One that is cut off, or that the store
// does not take, goes on later where it stood.
func (s *data) keep(stream uploadStream, h *apiv1.UploadHeader, k api.Key) (err error) {
	caller := whoOf(stream.Context()).principal
	spool, err := s.spools.take(stream.Context(), caller, h, k)
	if err != nil {
		return err
	}
	later := false
	defer func() { err = errors.Join(err, s.spools.leave(spool, later)) }()
	in := &incoming{data: s, stream: stream, size: h.SizeBytes, from: h.Offset, got: h.Offset, began: s.clock.Now(), stop: spool.stop}
	if err := s.spooled.take(caller, in.left()); err != nil {
		later = true
		return err
	}
	defer func() { s.spooled.give(caller, in.left()) }()
	if err := s.room(); err != nil {
		return err
	}
	err = in.receive(spool, func(n int64) {
		s.spools.grew(spool, n)
		s.spooled.give(caller, n)
	})
	if err != nil {
		later = in.cut
		return err
	}
	body := io.NewSectionReader(spool.file, 0, h.SizeBytes)
	print, err := dataset.CheckPack(&patient{stream.Context(), body})
	if err != nil {
		later = stream.Context().Err() != nil // it was not read to its end
		return rpcerr.New(rpcerr.BadData, "upload of %s: %w", k.Short(), err)
	}
	if print != h.Fingerprint {
		return rpcerr.New(rpcerr.BadData, "upload of %s: what came has the fingerprint %.12s", k.Short(), print)
	}
	if err := s.artifacts.store.Put(stream.Context(), api.DataName(k), body); err != nil {
		later = true
		return storeFailed("store data "+k.Short(), err)
	}
	s.log.Info("data stored", "fingerprint", k, "bytes", h.SizeBytes, "principal", caller)
	return nil
}

// room refuses to spool more where too little would be left once all that is under way
// has come. What was kept of uploads that were cut off makes way before that.
func (s *data) room() error {
	if s.spoolRoom == nil {
		return nil
	}
	for {
		free, err := s.spoolRoom()
		if err != nil {
			return rpcerr.New(rpcerr.StoreFailed, "ask how much room there is for uploads: %w", err)
		}
		promised := s.spooled.inAll()
		if free-promised >= s.limits.SpoolFree {
			return nil
		}
		if dropped, err := s.spools.yield(); err != nil {
			return rpcerr.New(rpcerr.StoreFailed, "make room for uploads: %w", err)
		} else if dropped {
			continue
		}
		return rpcerr.New(rpcerr.TooMany, "no room for an upload: %d MiB are free at the coordinator, uploads under way take %d of them, and %d MiB have to stay so",
			free>>20, promised>>20, s.limits.SpoolFree>>20).
			WithHint("make room on its disk, or say --shared-paths if workers can open the spec's paths")
	}
}

// incoming is an upload that comes.
type incoming struct {
	*data
	stream uploadStream
	size   int64
	from   int64 // where its chunks begin
	got    int64 // bytes, those before from with them
	began  time.Time
	stop   <-chan struct{} // closed when another stream goes on with it
	cut    bool            // it ended before all of it had come, and can go on
}

// left is how many bytes are still to come.
func (in *incoming) left() int64 { return in.size - in.got }

// patience is how long the next chunk may take: silence has a limit, and so has the
// whole, since a drop now and then would hold a place for ever.
func (in *incoming) patience() time.Duration {
	due := in.began.Add(callTimeout + time.Duration(float64(in.got-in.from)/float64(in.limits.UploadRate)*float64(time.Second)))
	return min(callTimeout, due.Sub(in.clock.Now()))
}

// receive writes the chunks of an upload, which have to be as long as was said, and
// says how much of the disk each took.
func (in *incoming) receive(out io.Writer, took func(n int64)) error {
	for in.left() > 0 {
		wait := in.patience()
		if wait <= 0 {
			in.cut = true
			return rpcerr.New(rpcerr.TooSlow, "an upload came with %d bytes in %v, at least %d bytes a second are wanted",
				in.got-in.from, in.clock.Now().Sub(in.began).Round(time.Second), in.limits.UploadRate).
				WithHint("upload from nearer by, or say --shared-paths if workers can open the spec's paths")
		}
		m, err := nextUntil(in.clock, wait, in.stop, in.stream.Recv)
		if errors.Is(err, io.EOF) {
			return in.wrongSize("%d came", in.got)
		}
		if err != nil {
			in.cut = true
			return err
		}
		n := int64(len(m.GetChunk()))
		if n == 0 || n > in.left() {
			return in.wrongSize("%d and then a chunk of %d came", in.got, n)
		}
		if err := in.room(); err != nil { // others write there as well
			return err
		}
		if _, err := out.Write(m.GetChunk()); err != nil {
			return rpcerr.New(rpcerr.StoreFailed, "spool an upload: %w", err)
		}
		in.got += n
		took(n)
	}
	m, err := nextUntil(in.clock, callTimeout, in.stop, in.stream.Recv)
	if err == nil {
		return in.wrongSize("%d more came", len(m.GetChunk()))
	}
	if !errors.Is(err, io.EOF) {
		in.cut = true
		return err
	}
	return nil
}

func (in *incoming) wrongSize(format string, a ...any) error {
	return rpcerr.New(rpcerr.BadRequest, "an upload of %d bytes, and "+format, append([]any{in.size}, a...)...)
}

// patient reads as long as somebody waits for it.
type patient struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}
