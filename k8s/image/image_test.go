package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"g2c/internal/fault"
	"g2c/k8s/image"
)

// tiny builds a program that says that it ran.
func tiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "tiny")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"it ran\") }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, source)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

func plain(t *testing.T) image.Image {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("certificates"), 0o600); err != nil {
		t.Fatal(err)
	}
	return image.Image{Program: tiny(t), CA: ca, Arch: runtime.GOARCH, Tag: "v1"}
}

func write(t *testing.T, i image.Image) (folder string, of digest.Digest) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "oci")
	of, err := image.Write(folder, i)
	if err != nil {
		t.Fatal(err)
	}
	return folder, of
}

// files is the content of a folder by path.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, folder+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// opened is an image as a runtime reads it: its configuration and its layers' files.
func opened(t *testing.T, folder string) (config v1.Image, layers []map[string]*tar.Header, contents map[string][]byte) {
	t.Helper()
	in := files(t, folder)
	blob := func(d v1.Descriptor) string {
		text := in["blobs/sha256/"+d.Digest.Encoded()]
		if digest.FromString(text) != d.Digest || int64(len(text)) != d.Size {
			t.Fatalf("blob %s has %d bytes, of digest %s", d.Digest, len(text), digest.FromString(text))
		}
		return text
	}
	var layout v1.ImageLayout
	var index v1.Index
	var manifest v1.Manifest
	decode(t, in["oci-layout"], &layout)
	decode(t, in["index.json"], &index)
	if layout.Version != "1.0.0" || len(index.Manifests) != 1 {
		t.Fatalf("layout %+v, index %+v", layout, index)
	}
	decode(t, blob(index.Manifests[0]), &manifest)
	decode(t, blob(manifest.Config), &config)
	contents = map[string][]byte{}
	for n, l := range manifest.Layers {
		z, err := gzip.NewReader(strings.NewReader(blob(l)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil || config.RootFS.DiffIDs[n] != digest.FromBytes(text) {
			t.Fatalf("layer %d is not what the configuration says, %v", n, err)
		}
		layer := map[string]*tar.Header{}
		for r := tar.NewReader(bytes.NewReader(text)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			layer[h.Name] = h
			if contents[h.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		layers = append(layers, layer)
	}
	return config, layers, contents
}

func TestAnImageOfAProgram(t *testing.T) {
	i := plain(t)
	folder, _ := write(t, i)
	config, layers, contents := opened(t, folder)
	if c := config.Config; c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"g2c"}) || !slices.Contains(c.Env, "PATH=/usr/local/bin:/usr/bin:/bin") {
		t.Errorf("it is configured as %+v", c)
	}
	if config.OS != "linux" || config.Architecture != runtime.GOARCH || len(layers) != 1 {
		t.Errorf("%s/%s with %d layers", config.OS, config.Architecture, len(layers))
	}
	if h := layers[0]["tmp/"]; h == nil || h.Mode != 0o1777 {
		t.Errorf("/tmp is %+v", h)
	}
	if got := string(contents["etc/ssl/certs/ca-certificates.crt"]); got != "certificates" {
		t.Errorf("trusted certificates are %q", got)
	}
	program := filepath.Join(t.TempDir(), "g2c")
	if err := os.WriteFile(program, contents["usr/local/bin/g2c"], os.FileMode(layers[0]["usr/local/bin/g2c"].Mode)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program).CombinedOutput(); err != nil || string(out) != "it ran\n" {
		t.Errorf("the program says %q, %v", out, err)
	}
}

// One program, built twice, is one image, to the last byte.
func TestImagesAreTheSameBytes(t *testing.T) {
	first, a := write(t, plain(t))
	second, b := write(t, plain(t))
	if a != b {
		t.Errorf("digests %s and %s", a, b)
	}
	one, two := files(t, first), files(t, second)
	if len(one) != 5 || len(two) != 5 {
		t.Errorf("%d and %d files, want index, layout, manifest, configuration and layer", len(one), len(two))
	}
	for path := range one {
		if one[path] != two[path] {
			t.Errorf("%s differs", path)
		}
	}
}

// The command writes what the package does: it links what digests need by itself.
func TestTheCommand(t *testing.T) {
	i := plain(t)
	_, want := write(t, i)
	folder := filepath.Join(t.TempDir(), "oci")
	out, err := exec.Command("go", "run", "./build", "-program", i.Program, "-ca", i.CA, "-tag", i.Tag, "-o", folder).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != want.String() {
		t.Fatalf("it says %s, %v; want %s", out, err, want)
	}
	opened(t, folder)
}

func TestAnImageOnABase(t *testing.T) {
	base, _ := write(t, plain(t))
	i := plain(t)
	i.Base, i.CA, i.Env = base, "", []string{"A=b", "PATH=/own"}
	folder, _ := write(t, i)
	config, layers, _ := opened(t, folder)
	if len(layers) != 2 || layers[0]["etc/passwd"] == nil || layers[1]["etc/passwd"] != nil || layers[1]["usr/local/bin/g2c"] == nil {
		t.Errorf("layers %v", layers)
	}
	if env := []string{"PATH=/own", "A=b"}; !slices.Equal(config.Config.Env, env) {
		t.Errorf("environment %v, want %v: the base has a PATH, too", config.Config.Env, env)
	}
}

func TestBasesThatAreNone(t *testing.T) {
	i := plain(t)
	base, _ := write(t, i)
	i.Base, i.Arch = base, "riscv64"
	if _, err := image.Write(t.TempDir(), i); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "riscv64") {
		t.Errorf("another architecture: %v", err)
	}
	i.Arch = runtime.GOARCH
	paths, err := filepath.Glob(filepath.Join(base, "blobs/sha256/*"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, ' '), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := image.Write(t.TempDir(), i); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "digest") {
			t.Errorf("a blob that was changed: %v", err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, index := range []string{"", "{}", `{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../x"}]}`} {
		if err := os.WriteFile(filepath.Join(base, "index.json"), []byte(index), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := image.Write(t.TempDir(), i); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("index %q: %v", index, err)
		}
	}
	i.Base = t.TempDir()
	if _, err := image.Write(t.TempDir(), i); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("an empty folder: %v", err)
	}
}
