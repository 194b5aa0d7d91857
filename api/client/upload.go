package client

import (
	"context"
	"errors"
	"io"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// Upload stores a pack of images under its fingerprint, unless it is there. write
// writes it, again if the upload has to begin anew.
func (c *Client) Upload(ctx context.Context, fingerprint string, bytes int64, write func(io.Writer) error) error {
	h := &apiv1.UploadHeader{RequestId: RequestID(), Fingerprint: fingerprint, SizeBytes: bytes}
	failures := 0
	return c.resume(ctx, func(ctx context.Context) (bool, error) {
		s, err := c.Data().UploadData(ctx)
		if err != nil {
			return false, err
		}
		out := &uploader{s: s}
		err = s.Send(&apiv1.UploadDataRequest{Part: &apiv1.UploadDataRequest_Header{Header: h}})
		if err == nil {
			err = errors.Join(write(out), out.flush())
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return false, &final{err}
		}
		if _, err = s.CloseAndRecv(); err == nil {
			return true, &final{nil}
		}
		if failures++; failures == uploadAttempts || !rpcerr.Retriable(err) {
			return true, &final{err}
		}
		return false, err
	})
}

// uploadAttempts is how often an upload is begun: each may be many gigabytes.
const uploadAttempts = 5

// uploader is a writer of chunks.
type uploader struct {
	s   apiv1.DataService_UploadDataClient
	buf []byte
}

// Write implements io.Writer. io.EOF says that the stream is broken: its end says why.
func (u *uploader) Write(p []byte) (int, error) {
	u.buf = append(u.buf, p...)
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
