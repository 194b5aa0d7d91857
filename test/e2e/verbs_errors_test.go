package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
)

// copyStore copies a store, so that a test may damage it.
func copyStore(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Each verb's ways to fail have their exit codes and say what and where.
func TestVerbErrors(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} { // the bucket of nobody
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s := openStudio(t)
	dir := t.TempDir()
	file, empty, out := filepath.Join(dir, "file"), filepath.Join(dir, "empty"), filepath.Join(dir, "out")
	write(t, file, []byte("no weights"))
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(file, "below") // nothing can be made below a file
	twins, bytes := filepath.Join(dir, "twins"), filepath.Join(dir, "bytes")
	writePNG(t, filepath.Join(twins, "gs", "1.png"), 1)
	writePNG(t, filepath.Join(twins, "nongs", "2.png"), 1)
	writePNG(t, filepath.Join(bytes, "n\xe9crose.png"), 1)
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command", []string{"nonsense"}, 2, "nonsense"},
		{"near a command", []string{"data", "inspct"}, 2, "inspect"},
		{"too few arguments", []string{"predict", s.joint}, 2, "predict --help"},
		{"unknown flag", []string{"translate", "--nonsense"}, 2, "nonsense"},
		{"no output named", []string{"export", s.joint}, 2, "output"},

		{"no such store", []string{"predict", s.joint, s.test(), "--store", out}, 4, out},
		{"no such model", []string{"predict", "0123456789", s.test(), "--store", s.store}, 4, "0123456789"},
		{"not a key", []string{"predict", "zzz", s.test(), "--store", s.store}, 4, "zzz"},
		{"store of several models", []string{"predict", s.store, s.test()}, 2, s.alone[:12]},
		{"store without models", []string{"predict", empty, s.test()}, 4, empty},
		{"bucket", []string{"predict", "s3://bucket/model", s.test()}, 5, "s3://bucket/model"},
		{"damaged manifest", []string{"predict", file, s.test()}, 3, file},

		{"predict with a generator", []string{"predict", s.pair, s.test(), "--store", s.store}, 2, "pretrain"},
		{"no such image", []string{"predict", s.joint, out, "--store", s.store}, 3, out},
		{"folder without images", []string{"predict", s.joint, empty, "--store", s.store}, 3, empty},
		{"unwritable table", []string{"predict", s.joint, s.test(), "--store", s.store, "-o", blocked}, 5, blocked},
		{"no CUDA", []string{"predict", s.joint, s.test(), "--store", s.store, "--device", "cuda"}, 5, "CUDA"},

		{"translate without a generator", []string{"translate", s.alone, s.test(), "--store", s.store, "-o", out}, 2, "PAS alone"},
		{"no such stain", []string{"translate", s.joint, "--to", "PASM", s.test(), "--store", s.store, "-o", out}, 2, "HE"},
		{"unwritable images", []string{"translate", s.pair, s.test(), "--store", s.store, "-o", blocked}, 5, blocked},
		{"two images of one name", []string{"translate", s.pair, s.test(), s.test(), "--store", s.store, "-o", out}, 2, "both"},

		{"onnx", []string{"export", s.joint, "--store", s.store, "--format", "onnx", "-o", out}, 5, "ONNX"},
		{"unknown format", []string{"export", s.joint, "--store", s.store, "--format", "pickle", "-o", out}, 2, "pickle"},
		{"unwritable weights", []string{"export", s.joint, "--store", s.store, "-o", blocked}, 5, blocked},

		{"no such file of weights", []string{"import", out, "-o", filepath.Join(dir, "m")}, 4, out},
		{"no weights", []string{"import", file, "-o", filepath.Join(dir, "m")}, 3, file},
		{"unknown program", []string{"import", file, "--from", "keras", "-o", filepath.Join(dir, "m")}, 2, "keras"},

		{"report of nothing", []string{"report", "nobody", "--store", s.store}, 4, "nobody"},
		{"report of an empty store", []string{"report", empty}, 4, empty},
		{"report into a full folder", []string{"report", "tiny", "--store", s.store, "-o", s.world}, 2, s.world},
		{"unwritable report", []string{"report", "tiny", "--store", s.store, "-o", blocked}, 5, blocked},
		{"plan of nothing", []string{"plan", "nothing.yaml"}, 4, "quickstart"},

		{"world over other files", []string{"data", "synth", dir}, 2, dir},
		{"world too small", []string{"data", "synth", filepath.Join(dir, "w"), "--patients", "1"}, 2, "patients"},
		{"inspect nothing", []string{"data", "inspect", "nothing.yaml"}, 4, "nothing.yaml"},
		{"inspect an empty folder", []string{"data", "inspect", empty}, 3, empty},
		{"inspect equal pixels under two labels", []string{"data", "inspect", twins, "--size", "64"}, 3, "twins/nongs/2.png (label nongs)"},
		{"predict a name that is no UTF-8", []string{"predict", s.joint, bytes, "--store", s.store}, 3, `n\xe9crose.png" is not UTF-8`},
		{"translate a name that is no UTF-8", []string{"translate", s.pair, bytes, "--store", s.store, "-o", out}, 3, `n\xe9crose.png" is not UTF-8`},
		{"split of patients by two ways", []string{"data", "split", filepath.Join(s.world, "labels.csv"), "-o", filepath.Join(dir, "s"), "--pattern", "^(?P<patient>p)"}, 3, "group.by"},
		{"split of unlabelled images", []string{"data", "inspect", filepath.Join(s.world, "unlabelled", "HE"), "--size", "64", "--split", out}, 2, "labelled"},
		{"split of nothing", []string{"data", "split", out, "-o", filepath.Join(dir, "s")}, 3, out},
		{"split below a file", []string{"data", "split", s.test(), "-o", blocked}, 5, blocked},
		{"bad pattern", []string{"data", "split", s.test(), "-o", filepath.Join(dir, "s"), "--pattern", "("}, 2, "pattern"},

		{"ls of nothing", []string{"ckpt", "ls", out}, 4, out},
		{"show of nothing", []string{"ckpt", "show", s.store, "0123456789"}, 4, "0123456789"},
		{"gc that keeps nothing", []string{"ckpt", "gc", s.store, "--keep", "0"}, 2, "keep"},
		{"doctor of a file", []string{"doctor", "--store", blocked}, 1, "checks failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := run(t.Context(), t, nil, c.args...)
			if o.code != c.code || !strings.Contains(o.stderr, c.says) {
				t.Errorf("exit code %d, want %d and %q\n%s", o.code, c.code, c.says, o.stderr)
			}
			if strings.Contains(o.stderr, "goroutine") {
				t.Error("the program panicked")
			}
		})
	}
}

// A prefix of two keys is refused with both.
func TestAmbiguousPrefix(t *testing.T) {
	s := openStudio(t)
	dir := copyStore(t, s.store)
	twin := s.joint[:8] + strings.Repeat("0", 56)
	if err := os.CopyFS(filepath.Join(dir, "manifests", twin), os.DirFS(filepath.Join(dir, "manifests", s.joint))); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"predict", s.joint[:8], s.test()}, {"export", s.joint[:8], "-o", filepath.Join(dir, "w")}} {
		o := run(t.Context(), t, nil, append(args, "--store", dir)...)
		if o.code != 2 || !strings.Contains(o.stderr, twin) || !strings.Contains(o.stderr, s.joint) {
			t.Errorf("%s: exit code %d, want 2 and both keys\n%s", args[0], o.code, o.stderr)
		}
	}
}

// Importing into a folder that is in use would hide what is there.
func TestImportNeedsANewFolder(t *testing.T) {
	s := openStudio(t)
	weights := filepath.Join(t.TempDir(), "g.safetensors")
	must(t, nil, "export", s.pair, "--store", s.store, "-o", weights)
	o := run(t.Context(), t, nil, "import", weights, "-o", s.world, "--stain", "HE")
	if o.code != 2 || !strings.Contains(o.stderr, s.world) {
		t.Errorf("exit code %d, want 2 and the folder\n%s", o.code, o.stderr)
	}
}

// Damage is found, named, and turns the exit code; the models that it hits say so.
func TestVerifyNamesDamage(t *testing.T) {
	s := openStudio(t)
	must(t, nil, "ckpt", "verify", s.store)
	dir := copyStore(t, s.store)
	store, err := filestore.OpenRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := checkpoint.New(store).Final(t.Context(), s.joint, checkpoint.Present)
	if err != nil || m == nil {
		t.Fatal(err)
	}
	object := filepath.Join(dir, m.Payloads[checkpoint.Weights].Key())
	data, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	write(t, object, data)
	o := run(t.Context(), t, nil, "ckpt", "verify", dir)
	if o.code != 1 || !strings.Contains(o.stdout, m.WeightsSHA256()) || !strings.Contains(o.stderr, "1 damaged") {
		t.Errorf("exit code %d, want 1 and the object\n%s%s", o.code, o.stdout, o.stderr)
	}
	if o := run(t.Context(), t, nil, "predict", s.joint, s.test(), "--store", dir); o.code != 3 || !strings.Contains(o.stderr, m.WeightsSHA256()) {
		t.Errorf("exit code %d, want 3 and the object\n%s", o.code, o.stderr)
	}
}

// gc deletes nothing unless told to, then what no manifest names, and no more.
func TestGC(t *testing.T) {
	s := openStudio(t)
	dir := copyStore(t, s.store)
	waste := filepath.Join(dir, "objects", strings.Repeat("0", 64))
	write(t, waste, []byte("waste"))
	before := hashes(t, dir)
	o := must(t, nil, "ckpt", "gc", dir, "--spare", "0s")
	if _, err := os.Stat(waste); err != nil || !strings.Contains(o.stdout, "1 of") {
		t.Errorf("%v; the plan says\n%s", err, o.stdout)
	}
	must(t, nil, "ckpt", "gc", dir, "--spare", "0s", "--yes")
	if _, err := os.Stat(waste); err == nil {
		t.Error("the waste is still there")
	}
	sameBits(t, "after gc", hashes(t, dir), before)
	must(t, nil, "ckpt", "verify", dir)
}

func TestShow(t *testing.T) {
	s := openStudio(t)
	var manifests []checkpoint.Manifest
	o := must(t, nil, "ckpt", "show", s.store, s.pair[:8], "--json")
	if err := json.Unmarshal([]byte(o.stdout), &manifests); err != nil || len(manifests) != 1 || manifests[0].Task != s.pair {
		t.Errorf("%d manifests, %v", len(manifests), err)
	}
}

// inspect shows the splits that training uses, and writes them and a picture.
func TestInspect(t *testing.T) {
	s := openStudio(t)
	dir := t.TempDir()
	split, sheet := filepath.Join(dir, "split.csv"), filepath.Join(dir, "sheet.png")
	var sets []struct {
		Name     string
		Labelled bool
		Summary  struct{ Images int }
		Verdict  struct {
			Counts []struct{ Patients int }
			Checks []struct{ Name, State, Text string }
		}
	}
	o := must(t, nil, "data", "inspect", tiny, "--split", split, "--sheet", sheet, "--json")
	if err := json.Unmarshal([]byte(o.stdout), &sets); err != nil || len(sets) != 3 || sets[0].Summary.Images != 36 {
		t.Errorf("%+v, %v", sets, err)
	}
	if v := sets[0].Verdict; len(v.Counts) != 9 || v.Counts[0].Patients == 0 || len(v.Checks) < 5 || v.Checks[0].State != "ok" {
		t.Errorf("the verdict is %+v", v)
	}
	shown := must(t, nil, "data", "inspect", filepath.Join(s.world, "labelled", "train"), "--size", "64")
	if !strings.Contains(shown.stdout, "warn  groups: Neither patients nor slides are known") {
		t.Errorf("inspect shows no verdict:\n%s", shown.stdout)
	}
	text, err := os.ReadFile(split)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(lines) != 37 || strings.Join(lines[0], ",") != "name,label,group,split" {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines[1:] {
		if _, err := os.Stat(filepath.Join(s.world, "labelled", line[3], line[0])); err != nil {
			t.Errorf("the world has it elsewhere: %v", line)
		}
	}
	picture, err := os.ReadFile(sheet)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := png.Decode(bytes.NewReader(picture)); err != nil || m.Bounds().Dx() < 6*64 {
		t.Errorf("the contact sheet: %v", err)
	}
}

// Tables of split hold every image once, no patient in two, and can be inspected.
func TestSplit(t *testing.T) {
	s := openStudio(t)
	out := t.TempDir()
	must(t, nil, "data", "split", filepath.Join(s.world, "labels.csv"), "-o", out)
	side, images := map[string]string{}, 0
	for _, part := range []string{"train", "validation", "test"} {
		table := filepath.Join(out, part+".csv")
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines[1:] {
			images++
			if other := side[line[2]]; other != "" && other != part {
				t.Errorf("patient %s is in %s and %s", line[2], other, part)
			}
			side[line[2]] = part
		}
		must(t, nil, "data", "inspect", table, "--size", "64")
	}
	if images != 36 {
		t.Errorf("%d images, want 36", images)
	}
}

func TestDoctor(t *testing.T) {
	store := filepath.Join(t.TempDir(), "none")
	o := must(t, nil, "doctor", "--store", store)
	for _, s := range []string{"cpu-", "no CUDA driver", "self-check", store} {
		if !strings.Contains(o.stdout, s) {
			t.Errorf("doctor does not say %q\n%s", s, o.stdout)
		}
	}
	if _, err := os.Stat(store); err == nil {
		t.Error("doctor made the store")
	}
	if o := run(t.Context(), t, []string{"G2C_CPU_ISA=mmx"}, "doctor"); o.code != 1 || !strings.Contains(o.stdout, "mmx") {
		t.Errorf("exit code %d, want 1\n%s", o.code, o.stdout)
	}
}
