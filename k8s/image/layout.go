package image

import (
	"bytes"
	_ "crypto/sha256" // digests are looked up by name
	_ "crypto/sha512"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"g2c/internal/atomicfile"
	"g2c/internal/fault"
)

// Image is what goes into one.
type Image struct {
	Program string   // file, executable by itself or on the base
	CA      string   // file of trusted certificates in PEM; empty for those of the base
	Base    string   // folder of an OCI layout that it is laid upon; empty for nothing
	Arch    string   // as Go names it
	Env     []string // NAME=VALUE, beside the base's and in place of those of the same names
	Tag     string
}

// user is who the program runs as.
const user = "65532:65532"

// Write writes an image into a folder, which is made, and returns its digest. A file that
// cannot be read or written is ErrUnavailable, a base that is no layout ErrSpec.
func Write(folder string, i Image) (digest.Digest, error) {
	if err := os.MkdirAll(filepath.Join(folder, v1.ImageBlobsDir, string(digest.SHA256)), 0o755); err != nil {
		return "", fault.New(fault.ErrUnavailable, "write the image: %w", err)
	}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: i.Arch}, RootFS: v1.RootFS{Type: "layers"}}
	if i.Base != "" {
		var err error
		if manifest.Layers, config, err = copyBase(i.Base, folder, i.Arch); err != nil {
			return "", err
		}
	}
	layer, plain, err := i.layer()
	if err != nil {
		return "", err
	}
	d, err := put(folder, v1.MediaTypeImageLayerGzip, layer)
	if err != nil {
		return "", err
	}
	manifest.Layers = append(manifest.Layers, d)
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, plain)
	config.History = nil // it would name only a part of the layers
	config.Created = nil // the same program is the same image, whenever it is built
	config.Config.User, config.Config.Entrypoint, config.Config.Cmd, config.Config.WorkingDir = user, []string{"g2c"}, nil, "/"
	config.Config.Env = merged([]string{"PATH=/usr/local/bin:/usr/bin:/bin"}, config.Config.Env, i.Env)
	if manifest.Config, err = putJSON(folder, v1.MediaTypeImageConfig, config); err != nil {
		return "", err
	}
	d, err = putJSON(folder, v1.MediaTypeImageManifest, manifest)
	if err != nil {
		return "", err
	}
	return d.Digest, i.name(folder, d)
}

// name writes the documents by which a layout is found: they come last.
func (i Image) name(folder string, d v1.Descriptor) error {
	d.Platform = &v1.Platform{OS: "linux", Architecture: i.Arch}
	if i.Tag != "" {
		d.Annotations = map[string]string{v1.AnnotationRefName: i.Tag}
	}
	for name, document := range map[string]any{
		v1.ImageLayoutFile: v1.ImageLayout{Version: v1.ImageLayoutVersion},
		v1.ImageIndexFile:  v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{d}},
	} {
		text, err := json.Marshal(document)
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(folder, name), atomicfile.Options{}, text); err != nil {
			return err
		}
	}
	return nil
}

func putJSON(folder, kind string, document any) (v1.Descriptor, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return put(folder, kind, text)
}

// put writes a blob under its digest.
func put(folder, kind string, blob []byte) (v1.Descriptor, error) {
	d := v1.Descriptor{MediaType: kind, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	return d, atomicfile.Write(blobPath(folder, d.Digest), atomicfile.Options{}, blob)
}

func blobPath(folder string, d digest.Digest) string {
	return filepath.Join(folder, v1.ImageBlobsDir, string(d.Algorithm()), d.Encoded())
}

// copyBase copies the layers of an image for an architecture, and reads how it is configured.
func copyBase(base, folder, arch string) (layers []v1.Descriptor, config v1.Image, err error) {
	text, err := os.ReadFile(filepath.Join(base, v1.ImageIndexFile))
	if err != nil {
		return nil, config, fault.New(fault.ErrUnavailable, "read the base: %w", err)
	}
	manifest, err := manifestFor(base, text, arch)
	if err != nil {
		return nil, config, fault.New(fault.ErrSpec, "the base %s: %w", base, err)
	}
	if err := document(base, manifest.Config, &config); err != nil {
		return nil, config, fault.New(fault.ErrSpec, "the base %s: %w", base, err)
	}
	if config.Architecture != arch || config.OS != "linux" {
		return nil, config, fault.New(fault.ErrSpec, "the base %s is for %s/%s, want linux/%s", base, config.OS, config.Architecture, arch)
	}
	for _, l := range manifest.Layers {
		blob, err := read(base, l)
		if err != nil {
			return nil, config, fault.New(fault.ErrSpec, "the base %s: %w", base, err)
		}
		if _, err := put(folder, l.MediaType, blob); err != nil {
			return nil, config, err
		}
	}
	return manifest.Layers, config, nil
}

// manifestFor is the manifest of an architecture, in an index or in one that it names.
func manifestFor(base string, index []byte, arch string) (m v1.Manifest, err error) {
	for depth := 0; depth < 3; depth++ {
		var list v1.Index
		if err := json.Unmarshal(index, &list); err != nil {
			return m, err
		}
		var next *v1.Descriptor
		for _, d := range list.Manifests {
			if next == nil && (d.Platform == nil || d.Platform.OS == "linux" && d.Platform.Architecture == arch) {
				next = &d
			}
		}
		if next == nil {
			return m, fmt.Errorf("no image for linux/%s", arch)
		}
		if next.MediaType == v1.MediaTypeImageManifest {
			return m, document(base, *next, &m)
		}
		if next.MediaType != v1.MediaTypeImageIndex {
			return m, fmt.Errorf("%s is neither an image of OCI's nor a list of them", next.MediaType)
		}
		if index, err = read(base, *next); err != nil {
			return m, err
		}
	}
	return m, fmt.Errorf("lists of lists of images")
}

func document(base string, d v1.Descriptor, into any) error {
	text, err := read(base, d)
	if err != nil {
		return err
	}
	return json.NewDecoder(bytes.NewReader(text)).Decode(into)
}

// read reads a blob and holds it to its digest.
func read(base string, d v1.Descriptor) ([]byte, error) {
	if err := d.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("digest %q: %w", d.Digest, err)
	}
	blob, err := os.ReadFile(blobPath(base, d.Digest))
	if err != nil {
		return nil, err
	}
	if got := d.Digest.Algorithm().FromBytes(blob); got != d.Digest {
		return nil, fmt.Errorf("blob %s has digest %s", d.Digest, got)
	}
	return blob, nil
}

// merged is environments in which a later one's value of a name takes the place of an earlier
// one's: a name that is there twice means one thing here and another there.
func merged(all ...[]string) (out []string) {
	at := map[string]int{}
	for _, env := range all {
		for _, e := range env {
			name, _, _ := strings.Cut(e, "=")
			if i, is := at[name]; is {
				out[i] = e
				continue
			}
			at[name] = len(out)
			out = append(out, e)
		}
	}
	return out
}
