package main

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"g2c/api"
	"g2c/experiments/datasource"
	"g2c/internal/fault"
	"g2c/internal/pki"
)

// The operator reads specs as the command line does, and makes the same tasks of them.
func TestTheOperatorReadsSpecs(t *testing.T) {
	text, err := os.ReadFile(tinySpec)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readForOperator(&datasource.Opener{}, "spec.experiment", text)
	if err != nil {
		t.Fatal(err)
	}
	works, err := s.Works(t.Context(), api.ClassCPU)
	if err != nil || len(works) != 5 || s.Name != "tiny" || s.Project != "" || s.Files {
		t.Errorf("%+v, %d tasks, %v", s, len(works), err)
	}
	file, err := readSpec(tinySpec, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := (&experimentFlags{store: t.TempDir()}).look(t.Context(), file, api.ClassCPU)
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range e.plan.Items {
		if item.Work.Key != works[i].Key {
			t.Errorf("task %d has the key %s, and %s on the command line", i, works[i].Key, item.Work.Key)
		}
	}
	for change, says := range map[string]string{
		"pateints: 6":                                 "patients",
		"labels: {a: b}, project: other":              "metadata.labels",
		"\nsearch: {over: {finetune.lr: [0.1, 0.2]}}": "does not carry out a search",
	} {
		bad := strings.Replace(string(text), "patients: 6", change, 1)
		if strings.Contains(change, "search") {
			bad = string(text) + change[strings.Index(change, "\n"):] + "\n"
		}
		if strings.HasPrefix(change, "labels") {
			bad = strings.Replace(string(text), "{name: tiny}", "{name: tiny, "+change+"}", 1)
		}
		if _, err := readForOperator(&datasource.Opener{}, "spec.experiment", []byte(bad)); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", change, err)
		}
	}
	files := strings.Replace(string(text), "synthetic: {patients: 6, patches: 6, seed: 3}", "unlabelled: {PAS: [/data/pas], HE: [/data/he]}\n  labelled: {train: [/data/train], test: [/data/test]}", 1)
	if s, err := readForOperator(&datasource.Opener{}, "spec.experiment", []byte(files)); err != nil || !s.Files {
		t.Errorf("a spec of files: %+v, %v", s, err)
	}
}

// A worker's certificate is one that others of the authority believe, for its name.
func TestTheOperatorIssuesCertificates(t *testing.T) {
	ca, out := filepath.Join(t.TempDir(), "ca"), t.TempDir()
	if err := pki.InitCA(ca); err != nil {
		t.Fatal(err)
	}
	files, err := issueFiles(ca, pki.Request{Role: pki.Worker, Name: "pool-abc", Valid: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(out, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id, err := pki.Load(out)
	if err != nil || id.Self().Role != pki.Worker || id.Self().Name != "pool-abc" {
		t.Fatalf("%v, %v", id, err)
	}
	bundle := x509.NewCertPool()
	if !bundle.AppendCertsFromPEM(files["ca.crt"]) || len(files) != 2 {
		t.Errorf("%d files", len(files))
	}
}

// A Job that submits can be run again: the same request is the same experiment, and its id
// is in the receipt.
func TestASubmissionCanBeRepeated(t *testing.T) {
	beginCluster(t, "")
	receipt := filepath.Join(t.TempDir(), "receipt")
	args := []string{"submit", tinySpec, "--request-id", "r1", "--receipt", receipt, "--class", api.ClassCPU}
	first, err := verb(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	again, err := verb(t, args...)
	if err != nil || again != first {
		t.Errorf("submitted %q, and again %q, %v", first, again, err)
	}
	if b, err := os.ReadFile(receipt); err != nil || string(b) != first {
		t.Errorf("the receipt says %q, %v", b, err)
	}
}
