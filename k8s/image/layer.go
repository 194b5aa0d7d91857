package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"time"

	"github.com/opencontainers/go-digest"

	"g2c/internal/fault"
)

// entry is a file or, without content, a folder of a layer.
type entry struct {
	path    string
	mode    int64
	content []byte
}

// layer is what the image adds to its base, packed, and the digest of what is in it.
func (i Image) layer() (packed []byte, plain digest.Digest, err error) {
	program, err := os.ReadFile(i.Program)
	if err != nil {
		return nil, "", fault.New(fault.ErrUnavailable, "read the program: %w", err)
	}
	var entries []entry
	if i.Base == "" {
		entries = append(entries, entry{"etc/", 0o755, nil},
			entry{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\ng2c:x:65532:65532:g2c:/tmp:/sbin/nologin\n")},
			entry{"etc/group", 0o644, []byte("root:x:0:\ng2c:x:65532:\n")})
	}
	if i.CA != "" {
		ca, err := os.ReadFile(i.CA)
		if err != nil {
			return nil, "", fault.New(fault.ErrUnavailable, "read the trusted certificates: %w", err)
		}
		entries = append(entries, entry{"etc/ssl/", 0o755, nil}, entry{"etc/ssl/certs/", 0o755, nil}, entry{"etc/ssl/certs/ca-certificates.crt", 0o644, ca})
	}
	if i.Base == "" {
		entries = append(entries, entry{"tmp/", 0o1777, nil}, entry{"usr/", 0o755, nil}, entry{"usr/local/", 0o755, nil}, entry{"usr/local/bin/", 0o755, nil})
	}
	text, err := archive(append(entries, entry{"usr/local/bin/g2c", 0o755, program}))
	if err != nil {
		return nil, "", err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		return nil, "", err
	}
	if err := z.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), digest.FromBytes(text), nil
}

// archive packs entries as root's, with a time that is always the same.
func archive(entries []entry) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.path, Mode: e.mode, Size: int64(len(e.content)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if e.content == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
