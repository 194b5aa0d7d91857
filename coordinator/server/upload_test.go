package server_test

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"g2c/api/rpcerr"
	"g2c/coordinator/server"
	"g2c/internal/dataset"
)

// Uploads leave room on the disk, which may be that of the log: before they begin, and
// when others fill it meanwhile.
func TestUploadsLeaveRoom(t *testing.T) {
	spool := t.TempDir()
	const must = 1000
	var asked, enough atomic.Int64 // how often it was asked, and how often there is room
	n := single(t, func(c *server.Config) {
		c.Store, c.Spool, c.Limits.SpoolFree = emptyStore(t), spool, must
		c.SpoolRoom = func() (int64, error) {
			if asked.Add(1) > enough.Load() {
				return must, nil
			}
			return 1 << 40, nil
		}
	})
	c := call(t, nil, n)
	set := dataset.New(64, []dataset.Image{{Name: "a.png", Label: "l"}}, [][]uint8{make([]uint8, 64*64*3)})
	upload := func() error {
		asked.Store(0)
		return c.Upload(t.Context(), set.Fingerprint(), dataset.PackBytes(set), func(w io.Writer) error { return dataset.WritePack(w, set) })
	}
	for enough.Store(0); enough.Load() < 2; enough.Add(1) {
		if err := upload(); !errors.Is(err, rpcerr.TooMany) {
			t.Errorf("there is room %d times: %v", enough.Load(), err)
		}
	}
	enough.Store(1 << 40)
	if err := upload(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("%d uploads are left, %v", len(left), err)
	}
}
