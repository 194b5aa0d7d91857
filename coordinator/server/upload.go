package server

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

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
	if s.cfg.Store == nil {
		return rpcerr.New(rpcerr.Unsupported, "this cluster's coordinators have no store for data").WithHint("start them with --store")
	}
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	default:
		return rpcerr.New(rpcerr.TooFast, "%d uploads are under way already", cap(s.uploads)).WithHint("wait a moment")
	}
	recv := func() (*apiv1.UploadDataRequest, error) { return nextOf(s.cfg.Clock, callTimeout, stream.Recv) }
	m, err := recv()
	if err != nil {
		return err
	}
	h := m.GetHeader()
	k, err := api.ParseKey(h.GetFingerprint())
	if err != nil {
		return rpcerr.New(rpcerr.BadRequest, "an upload begins with a header and its fingerprint: %w", err)
	}
	if h.SizeBytes <= 0 || h.SizeBytes > s.cfg.Limits.UploadBytes {
		return rpcerr.New(rpcerr.TooLarge, "%d bytes of data, want 1 to %d", h.SizeBytes, s.cfg.Limits.UploadBytes)
	}
	if _, there, err := s.stored(stream.Context(), k); err != nil || there {
		if err != nil {
			return err
		}
		return stream.SendAndClose(&apiv1.UploadDataResponse{Repeated: true})
	}
	if err := s.keep(stream, recv, h, k); err != nil {
		return err
	}
	if _, err := s.write(stream.Context(), h.RequestId, command.Audit{Verb: "upload data", Subject: h.Fingerprint, Outcome: "ok"}); err != nil {
		return err
	}
	return stream.SendAndClose(&apiv1.UploadDataResponse{})
}

// keep spools an upload, checks it and stores it.
func (s *data) keep(stream uploadStream, recv func() (*apiv1.UploadDataRequest, error), h *apiv1.UploadHeader, k api.Key) (err error) {
	if err := s.room(h.SizeBytes); err != nil {
		return err
	}
	spool, err := os.CreateTemp(s.cfg.Spool, spoolPattern)
	if err != nil {
		return rpcerr.New(rpcerr.StoreFailed, "spool an upload: %w", err)
	}
	defer func() { err = errors.Join(err, spool.Close(), os.Remove(spool.Name())) }()
	if err := s.receiveChunks(recv, spool, h.SizeBytes); err != nil {
		return err
	}
	body := io.NewSectionReader(spool, 0, h.SizeBytes)
	print, err := dataset.CheckPack(&patient{stream.Context(), body})
	if err != nil {
		return rpcerr.New(rpcerr.BadData, "upload of %s: %w", k.Short(), err)
	}
	if print != h.Fingerprint {
		return rpcerr.New(rpcerr.BadData, "upload of %s: what came has the fingerprint %.12s", k.Short(), print)
	}
	if err := s.cfg.Store.Put(stream.Context(), api.DataName(k), body); err != nil {
		return storeFailed("store data "+k.Short(), err)
	}
	s.cfg.Log.Info("data stored", "fingerprint", k, "bytes", h.SizeBytes, "principal", whoOf(stream.Context()).principal)
	return nil
}

// room refuses to spool so many bytes where too little would be left.
func (s *data) room(bytes int64) error {
	if s.cfg.SpoolRoom == nil {
		return nil
	}
	free, err := s.cfg.SpoolRoom()
	if err != nil {
		return rpcerr.New(rpcerr.StoreFailed, "ask how much room there is for uploads: %w", err)
	}
	if free-bytes < s.cfg.Limits.SpoolFree {
		return rpcerr.New(rpcerr.TooMany, "no room for an upload: %d MiB are free at the coordinator, %d MiB have to stay so", free>>20, s.cfg.Limits.SpoolFree>>20).
			WithHint("make room on its disk, or say --shared-paths if workers can open the spec's paths")
	}
	return nil
}

// receiveChunks writes the chunks of an upload, which have to be as long as was said.
func (s *data) receiveChunks(recv func() (*apiv1.UploadDataRequest, error), out io.Writer, size int64) error {
	var got int64
	for {
		m, err := recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		got += int64(len(m.GetChunk()))
		if got > size || len(m.GetChunk()) == 0 {
			break
		}
		if err := s.room(int64(len(m.GetChunk()))); err != nil { // others write there as well
			return err
		}
		if _, err := out.Write(m.GetChunk()); err != nil {
			return rpcerr.New(rpcerr.StoreFailed, "spool an upload: %w", err)
		}
	}
	if got != size {
		return rpcerr.New(rpcerr.BadRequest, "an upload of %d bytes, and %d or more came", size, got)
	}
	return nil
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
