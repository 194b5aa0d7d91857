package weightfile

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/torchfile"
	"g2c/internal/fault"
)

// formats are one tensor in each format that is read.
func formats(t *testing.T) map[string][]byte {
	t.Helper()
	tensors := []safetensors.Tensor{safetensors.Float32("w", []int{2}, []float32{1, -2})}
	e, err := safetensors.Encode(tensors, map[string]string{"format": "pt"})
	if err != nil {
		t.Fatal(err)
	}
	var st, torch bytes.Buffer
	_, err = e.WriteTo(&st)
	if err := errors.Join(err, torchfile.Write(&torch, tensors)); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"safetensors": st.Bytes(), "torch": torch.Bytes()}
}

// Either format is known by its bytes.
func TestFormats(t *testing.T) {
	for name, data := range formats(t) {
		c, err := Read(data)
		if err != nil || len(c.Tensors) != 1 || c.Tensors[0].Name != "w" || len(c.Passed) != 0 {
			t.Errorf("%s: %+v %v", name, c, err)
		}
		for n := range len(data) {
			if _, err := Read(data[:n]); !errors.Is(err, fault.ErrData) {
				t.Errorf("%s cut to %d bytes: %v is no data error", name, n, err)
			}
		}
	}
}

// What is no file of weights is called what it is, with what to do about it.
func TestOtherFiles(t *testing.T) {
	for _, c := range []struct{ name, data, says, hint string }{
		{"empty", "", "an empty file", "again"},
		{"lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 45531203\n", "a Git LFS pointer", "git lfs pull"},
		{"page", "<!DOCTYPE html><html><head><title>Virus scan warning</title></head></html>", "a web page", "download"},
		{"error of a bucket", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML text", ".safetensors"},
		{"keras", "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 64), "an HDF5 file", ".pth"},
		{"numpy", "\x93NUMPY\x01\x00", "a NumPy array", ".pth"},
		{"gzip", "\x1f\x8b\x08\x00", "a gzip file", "unpack"},
		{"zeros", strings.Repeat("\x00", 100), "a file of zeros", "again"},
		{"noise", "\xf1\x9d\x01\xfe\xdd\x00\x02\x03", "no file of weights", ".safetensors"},
		{"a pickle", "\x80\x04}.", "no file of torch.save", ""},
	} {
		_, err := Read([]byte(c.data))
		if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%s: %v, want %q and %q", c.name, err, c.says, c.hint)
		}
	}
}
