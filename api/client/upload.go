package client

import (
	"context"
	"errors"
	"io"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// Upload stores a pack of images under its fingerprint, unless it is there. write writes
// it, again where the upload is cut off: what the coordinator has of it is not sent again.
// An upload of an earlier process of the caller's goes on, too.
func (c *Client) Upload(ctx context.Context, fingerprint string, bytes int64, write func(io.Writer) error) error {
	h := &apiv1.UploadHeader{RequestId: RequestID(), Fingerprint: fingerprint, SizeBytes: bytes}
	failures := 0
	return c.resume(ctx, func(ctx context.Context) (bool, error) {
		stored, received, err := c.received(ctx, h)
		if err != nil || stored {
			return false, endOf(err)
		}
		if received > h.Offset {
			failures = 0
		}
		h.Offset = received
		err = c.uploadFrom(ctx, h, write)
		if failures++; err != nil && failures < uploadAttempts && goesOn(err) {
			return true, rpcerr.New(rpcerr.Unreachable, "upload of data %.12s: %w", fingerprint, err)
		}
		return true, &final{err}
	})
}

// uploadAttempts is how often an upload is begun without getting further: each may be
// many gigabytes.
const uploadAttempts = 5

// goesOn says whether an upload may succeed after an error: one that is not where its
// client thought is asked for again.
func goesOn(err error) bool { return rpcerr.Retriable(err) || errors.Is(err, rpcerr.Conflict) }

// endOf ends a stream that needs no repeat by itself.
func endOf(err error) error {
	if err == nil {
		return &final{nil}
	}
	return err
}

// received asks what came of an upload.
func (c *Client) received(ctx context.Context, h *apiv1.UploadHeader) (stored bool, bytes int64, err error) {
	resp, err := c.Data().StatData(ctx, &apiv1.StatDataRequest{Fingerprints: []string{h.Fingerprint}, RequestId: h.RequestId})
	if err != nil || len(resp.Data) != 1 {
		return false, 0, err
	}
	d := resp.Data[0]
	return d.Stored, min(d.ReceivedBytes, h.SizeBytes), nil
}

// uploadFrom sends an upload from its offset on.
func (c *Client) uploadFrom(ctx context.Context, h *apiv1.UploadHeader, write func(io.Writer) error) error {
	s, err := c.Data().UploadData(ctx)
	if err != nil {
		return err
	}
	out := &uploader{s: s, skip: h.Offset}
	err = s.Send(&apiv1.UploadDataRequest{Part: &apiv1.UploadDataRequest_Header{Header: h}})
	if err == nil && h.Offset < h.SizeBytes {
		err = errors.Join(write(out), out.flush())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = s.CloseAndRecv()
	return err
}

// uploader is a writer of chunks. The first bytes are left out: they came before.
type uploader struct {
	s    apiv1.DataService_UploadDataClient
	skip int64
	buf  []byte
}

// Write implements io.Writer. io.EOF says that the stream is broken: its end says why.
func (u *uploader) Write(p []byte) (int, error) {
	n := int(min(u.skip, int64(len(p))))
	u.skip -= int64(n)
	u.buf = append(u.buf, p[n:]...)
	for len(u.buf) >= batchBytes {
		if err := u.send(u.buf[:batchBytes]); err != nil {
			return 0, err
		}
		u.buf = append([]byte(nil), u.buf[batchBytes:]...)
	}
	return len(p), nil
}

func (u *uploader) flush() error {
	if len(u.buf) == 0 {
		return nil
	}
	return u.send(u.buf)
}

func (u *uploader) send(chunk []byte) error {
	return u.s.Send(&apiv1.UploadDataRequest{Part: &apiv1.UploadDataRequest_Chunk{Chunk: chunk}})
}
