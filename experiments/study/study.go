package study

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"slices"

	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
)

// Format is the version of the key and of what readers save.
const Format = 1

// Quality is the JPEG quality of every patch.
const Quality = 92

// MaxPatches bounds a study: more than anybody reads.
const MaxPatches = 2000

// Candidate is an image that may be drawn.
type Candidate struct {
	Name   string // of the image that it is, or was generated from
	Pixels func() ([]uint8, error)
}

// Pool is the candidates of a stain.
type Pool struct {
	Stain     string
	Model     string // that generated: for the key
	Real      []Candidate
	Generated []Candidate
}

// Key says what the patches of a study are.
type Key struct {
	Format  int     `json:"format"`
	Study   string  `json:"study"` // names the page
	Made    string  `json:"made"`  // of what: for people
	Seed    uint32  `json:"seed"`
	Size    int     `json:"size"` // side of the patches in pixels
	Patches []Patch `json:"patches"`
}

// Patch is a patch of a study. Its number is its place on the page, from 1.
type Patch struct {
	Number int    `json:"patch"`
	Real   bool   `json:"real"`
	Stain  string `json:"stain"`
	Image  string `json:"image"`           // that it is, or was generated from
	Model  string `json:"model,omitempty"` // key of the task that generated it

	pixels func() ([]uint8, error)
}

// Draw chooses as many real patches as generated ones, each shared equally by the stains:
// where that leaves some over, the first stains have one more.
func Draw(pools []Pool, each int, size int, seed uint32, made string) (*Key, error) {
	if len(pools) == 0 || each < len(pools) || 2*each > MaxPatches {
		return nil, fault.New(fault.ErrSpec, "%d patches of each kind over %d stains", each, len(pools)).WithHint("at least one of each stain, and at most %d", MaxPatches/2)
	}
	k := &Key{Format: Format, Made: made, Seed: seed, Size: size}
	var drawn []Patch
	for i, p := range pools {
		n := each / len(pools)
		if i < each%len(pools) {
			n++
		}
		for kind, from := range [][]Candidate{p.Real, p.Generated} {
			if len(from) < n {
				return nil, fault.New(fault.ErrData, "%s has %d %s images, and %d are to be drawn", p.Stain, len(from), []string{"real", "source"}[kind], n).WithHint("--count draws fewer")
			}
			for _, at := range philox.Shuffle(seed, philox.Study, uint32(1+2*i+kind), len(from))[:n] {
				patch := Patch{Real: kind == 0, Stain: p.Stain, Image: from[at].Name, pixels: from[at].Pixels}
				if kind == 1 {
					patch.Model = p.Model
				}
				drawn = append(drawn, patch)
			}
		}
	}
	for number, at := range philox.Shuffle(seed, philox.Study, 0, len(drawn)) {
		p := drawn[at]
		p.Number = number + 1
		k.Patches = append(k.Patches, p)
	}
	return k, nil
}

// encode is the patches as JPEG, and names the study by them.
func (k *Key) encode() ([][]byte, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "study %d %d %d\n", k.Format, k.Seed, k.Size)
	var out [][]byte
	for _, p := range k.Patches {
		pixels, err := p.pixels()
		if err != nil {
			return nil, err
		}
		if len(pixels) != 3*k.Size*k.Size {
			return nil, fmt.Errorf("study: patch %d has %d bytes, want a side of %d", p.Number, len(pixels), k.Size)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, dataset.ToImage(k.Size, pixels), &jpeg.Options{Quality: Quality}); err != nil {
			return nil, fmt.Errorf("study: patch %d: %w", p.Number, err)
		}
		hash.Write(b.Bytes())
		out = append(out, b.Bytes())
	}
	k.Study = fmt.Sprintf("%x", hash.Sum(nil)[:8])
	return out, nil
}

// JSON is the key's file, with a newline at the end.
func (k *Key) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the study's key: %w", err)
	}
	return append(text, '\n'), nil
}

// ReadKey reads a key's file.
func ReadKey(data []byte) (*Key, error) {
	var k Key
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, fault.New(fault.ErrData, "no key of a study: %w", err)
	}
	switch {
	case k.Format != Format:
		return nil, fault.New(fault.ErrData, "a key of format %d, this program reads %d", k.Format, Format)
	case k.Study == "" || len(k.Patches) == 0 || len(k.Patches) > MaxPatches:
		return nil, fault.New(fault.ErrData, "a key of the study %q with %d patches", k.Study, len(k.Patches))
	}
	for i, p := range k.Patches {
		if p.Number != i+1 {
			return nil, fault.New(fault.ErrData, "patch %d of the key is called %d", i+1, p.Number)
		}
	}
	return &k, nil
}

// Answers is what a reader's page saves.
type Answers struct {
	Format  int      `json:"format"`
	Study   string   `json:"study"`
	Reader  string   `json:"reader"`
	Answers []Answer `json:"answers"`
}

// Answer is a judgement.
type Answer struct {
	Number  int     `json:"patch"`
	Real    bool    `json:"real"`
	Seconds float64 `json:"seconds"` // from its being shown
}

// ReadAnswers reads what a reader saved, of the study of a key.
func ReadAnswers(data []byte, k *Key) (*Answers, error) {
	var a Answers
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fault.New(fault.ErrData, "no answers of a study: %w", err)
	}
	switch {
	case a.Format != Format:
		return nil, fault.New(fault.ErrData, "answers of format %d, this program reads %d", a.Format, Format)
	case a.Study != k.Study:
		return nil, fault.New(fault.ErrData, "answers to the study %.20q, and the key is of %s", a.Study, k.Study)
	case len(a.Answers) == 0:
		return nil, fault.New(fault.ErrData, "%.40q has answered nothing", a.Reader)
	}
	var seen []int
	for _, x := range a.Answers {
		switch {
		case x.Number < 1 || x.Number > len(k.Patches):
			return nil, fault.New(fault.ErrData, "an answer to patch %d of %d", x.Number, len(k.Patches))
		case slices.Contains(seen, x.Number):
			return nil, fault.New(fault.ErrData, "two answers to patch %d", x.Number)
		case !(x.Seconds >= 0 && x.Seconds < 1e7):
			return nil, fault.New(fault.ErrData, "patch %d was looked at for %v s", x.Number, x.Seconds)
		}
		seen = append(seen, x.Number)
	}
	return &a, nil
}
