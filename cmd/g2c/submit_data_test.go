package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"g2c/api"
	"g2c/checkpoint/filestore"
	"g2c/experiments/synthetic"
	"g2c/internal/dataset"
)

// Images go straight into a store that is the cluster's, by way of the coordinator where it
// is another, and are not written to another twice.
func TestImagesGoPastTheCoordinator(t *testing.T) {
	own, other := t.TempDir(), t.TempDir()
	for _, dir := range []string{own, other} {
		if _, err := filestore.Open(dir); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- runCoordinator(ctx, &coordinatorFlags{id: "c1", listen: address, single: true, store: own, lease: 5 * time.Second, keep: time.Hour})
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	cluster, err := (&clientFlags{server: address}).dial()
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	t.Setenv("G2C_SERVER", address)
	uploads := func() int {
		out, err := verb(t, "audit")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(out, "upload data")
	}
	for _, c := range []struct {
		store string
		seed  int
		by    int // uploads by way of the coordinator so far
	}{{own, 1, 0}, {other, 2, 1}, {other, 2, 2}} {
		to, err := filestore.Open(c.store)
		if err != nil {
			t.Fatal(err)
		}
		if err := needing(t, c.seed).upload(ctx, cluster, to); err != nil {
			t.Fatal(err)
		}
		if n := uploads(); n != c.by {
			t.Errorf("%d uploads, want %d", n, c.by)
		}
		stored, err := filepath.Glob(filepath.Join(own, "data", "*"))
		if err != nil || len(stored) != 1 {
			t.Errorf("the cluster's store has %v, %v", stored, err)
		}
		if err := os.RemoveAll(filepath.Join(own, "data")); err != nil {
			t.Fatal(err)
		}
	}
}

// needing is an experiment that reads images of folders.
func needing(t *testing.T, seed int) *experiment {
	t.Helper()
	images := t.TempDir()
	world := synthetic.Config{Patients: 6, Patches: 6, Seed: uint32(seed)}
	folder := func(name string, set *dataset.Set, err error) string {
		t.Helper()
		dir := filepath.Join(images, name)
		if err == nil {
			err = dataset.WriteFolder(dir, set)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	pas, err := synthetic.Domain(world, synthetic.PAS, 64)
	from := folder("PAS", pas, err)
	he, err := synthetic.Domain(world, synthetic.HE, 64)
	to := folder("HE", he, err)
	labelled, err := synthetic.Labelled(world, synthetic.PAS, 64)
	if err != nil {
		t.Fatal(err)
	}
	train, test := folder("train", labelled.Split(dataset.Train), nil), folder("test", labelled.Split(dataset.Test), nil)
	text, err := os.ReadFile("../../test/e2e/testdata/tiny.yaml")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "spec.yaml")
	text = bytes.Replace(text, []byte("  synthetic: {patients: 6, patches: 6, seed: 3}\n"), nil, 1)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := readSpec(name, []string{
		"data.unlabelled={PAS: " + from + ", HE: " + to + "}", "data.labelled={train: " + train + ", test: " + test + "}",
	})
	if err != nil {
		t.Fatal(err)
	}
	f := experimentFlags{store: t.TempDir(), imageFlags: imageFlags{cache: t.TempDir()}, only: "pretrain"}
	e, _, err := f.look(t.Context(), file, api.ClassCPU)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
