package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"g2c/internal/pki"
	"g2c/k8s/operator"
)

// An authority that the operator founds issues certificates of every role that a cluster
// needs, and leaves no key on a disk.
func TestTheOperatorsAuthority(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var a authority
	ca, err := a.Found()
	if err != nil {
		t.Fatal(err)
	}
	if len(ca) != 2 || len(ca["ca.crt"]) == 0 || len(ca["ca.key"]) == 0 {
		t.Fatalf("an authority is %d files", len(ca))
	}
	for _, want := range []operator.Holder{
		{Role: "coordinator", Name: "main-0", Valid: time.Hour},
		{Role: "worker", Name: "spot-abc", Valid: time.Hour},
		{Role: "client", Name: "g2c-operator", Grant: "admin", Valid: time.Hour},
	} {
		files, err := a.Issue(ca, want)
		if err != nil {
			t.Fatal(err)
		}
		id, err := loadFiles(files)
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Self(); got.Role != pki.Role(want.Role) || got.Name != want.Name || got.Grant.Role != want.Grant {
			t.Errorf("got %s with %+v, want %+v", got, got.Grant, want)
		}
		if !bytes.Equal(files["ca.crt"], ca["ca.crt"]) || len(files) != 2 {
			t.Errorf("%s has %d files", want.Name, len(files))
		}
	}
	if _, err := a.Issue(map[string][]byte{"ca.crt": ca["ca.crt"]}, operator.Holder{Role: "worker", Name: "w"}); err == nil {
		t.Error("it issues without a key")
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
}

// A folder counts as given once there is something in it.
func TestAFurnishedFolder(t *testing.T) {
	dir := t.TempDir()
	if furnished("") || furnished(dir) || !furnished(filepath.Join(dir, "absent")) {
		t.Error("none, an empty one and one that is not there are taken for others")
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !furnished(dir) {
		t.Error("one with a file is taken for an empty one")
	}
}
