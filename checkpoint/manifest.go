package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"g2c/internal/fault"
)

// Limits of manifests.
const (
	// FormatVersion is the version of FORMAT.md that this program writes.
	FormatVersion = 1
	// MaxStep is the last step that the nine digits of a name hold.
	MaxStep = 999_999_999
	// MaxManifestBytes is far more than a task's description needs; a
	// larger file is not a manifest.
	MaxManifestBytes = 16 << 20
	// MaxPayloads bounds the payloads of one manifest.
	MaxPayloads = 1000

	hashDigits = 2 * sha256.Size
)

// Kind is what a task does.
type Kind string

// The kinds of tasks.
const (
	Pretrain Kind = "pretrain"
	Finetune Kind = "finetune"
	Evaluate Kind = "evaluate"
	Stain    Kind = "stain"
	Paired   Kind = "paired"
)

var kinds = []Kind{Pretrain, Finetune, Evaluate, Stain, Paired}

// The payloads that have a meaning to this program; a manifest may name others.
const (
	// Weights is the safetensors file of the selected weights.
	Weights = "weights"
	// Resume is the safetensors file of everything that training goes on from.
	Resume = "resume"
	// Results is the JSON of metrics, curves and predictions.
	Results = "results"
)

// Payload names the bytes of a payload.
type Payload struct {
	SHA256 string `json:"sha256"` // lower-case hex
	Bytes  int64  `json:"bytes"`
}

// Key is the store key of the payload's object.
func (p Payload) Key() string { return objectPrefix + p.SHA256 }

// Manifest is one checkpoint. The order of the fields is the order of the bytes.
type Manifest struct {
	Format int    `json:"format"`
	Kind   Kind   `json:"kind"`
	Task   string `json:"task"`  // the task's key, lower-case hex SHA-256
	Class  string `json:"class"` // numerics class
	Step   int64  `json:"step"`  // optimizer steps done
	Epoch  int    `json:"epoch"` // epochs done
	Final  bool   `json:"final"` // the task is done
	// Description is the canonical task, JSON that only its caller reads.
	Description json.RawMessage    `json:"description"`
	Payloads    map[string]Payload `json:"payloads"`
	// Check is the SHA-256 of these bytes with this field empty.
	Check string `json:"check"`
}

// Key is the store key of the manifest.
func (m Manifest) Key() string { return manifestKey(m.Task, m.Step) }

// WeightsSHA256 is the hash of the selected weights, "" where there are none.
func (m Manifest) WeightsSHA256() string { return m.Payloads[Weights].SHA256 }

// Bytes is the length of all payloads together.
func (m Manifest) Bytes() int64 {
	var total int64
	for _, p := range m.Payloads {
		total += p.Bytes
	}
	return total
}

// PayloadNames is the names of the payloads, sorted.
func (m Manifest) PayloadNames() []string { return slices.Sorted(maps.Keys(m.Payloads)) }

// RequireClass refuses a checkpoint of another numerics class: going on from
// it would end in bits that no class promises.
func (m Manifest) RequireClass(class string) error {
	if m.Class == class {
		return nil
	}
	return fault.New(fault.ErrSpec, "checkpoint %s was made by numerics class %s, this device is %s", m.Key(), m.Class, class).
		WithHint("go on with a device of class %s, or start the task anew", m.Class)
}

// String is one line for people.
func (m Manifest) String() string {
	final := ""
	if m.Final {
		final = ", final"
	}
	return fmt.Sprintf("%s %.12s step %d, epoch %d%s, %d payloads, %d bytes", m.Kind, m.Task, m.Step, m.Epoch, final, len(m.Payloads), m.Bytes())
}

// Encode is the manifest's one sequence of bytes: JSON without white space,
// fields in order, payloads by name, a newline. Format and Check are filled in.
func (m Manifest) Encode() ([]byte, error) {
	m.Format = FormatVersion
	m.Check = ""
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	unchecked, err := m.marshal()
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	m.Check = hash(unchecked)
	data, err := m.marshal()
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	if len(data) > MaxManifestBytes {
		return nil, fmt.Errorf("encode manifest: %d bytes, the limit is %d", len(data), MaxManifestBytes)
	}
	return data, nil
}

func (m Manifest) marshal() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Decode reads a manifest. Anything but the bytes that Encode would write is
// refused, with an error of class fault.ErrData.
func Decode(data []byte) (Manifest, error) {
	if len(data) > MaxManifestBytes {
		return Manifest{}, manifestError("%d bytes, the limit is %d", len(data), MaxManifestBytes)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, manifestError("not JSON, perhaps torn: %w", err)
	}
	if version.Format != FormatVersion {
		return Manifest{}, manifestError("format %d, this program reads %d", version.Format, FormatVersion)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, manifestError("%w", err)
	}
	again, err := m.Encode()
	if err != nil {
		return Manifest{}, manifestError("%w", err)
	}
	if !bytes.Equal(again, data) {
		return Manifest{}, manifestError("its bytes do not match its check")
	}
	return m, nil
}

func manifestError(format string, a ...any) error {
	return fault.New(fault.ErrData, "read manifest: "+format, a...)
}

func (m Manifest) validate() error {
	switch {
	case !slices.Contains(kinds, m.Kind):
		return fmt.Errorf("unknown kind %q", m.Kind)
	case !isHash(m.Task):
		return fmt.Errorf("task key %q is not a SHA-256 in lower-case hex", m.Task)
	case !isClass(m.Class):
		return fmt.Errorf("bad numerics class %q", m.Class)
	case m.Step < 0 || m.Step > MaxStep:
		return fmt.Errorf("step %d is not in [0, %d]", m.Step, MaxStep)
	case m.Epoch < 0:
		return fmt.Errorf("negative epoch %d", m.Epoch)
	case len(m.Payloads) == 0 || len(m.Payloads) > MaxPayloads:
		return fmt.Errorf("%d payloads, want 1 to %d", len(m.Payloads), MaxPayloads)
	case len(m.Description) == 0 || !json.Valid(m.Description):
		return fmt.Errorf("the description is not valid JSON")
	}
	for _, name := range m.PayloadNames() {
		p := m.Payloads[name]
		if !isName(name) || !isHash(p.SHA256) || p.Bytes < 0 {
			return fmt.Errorf("bad payload %q: hash %q, %d bytes", name, p.SHA256, p.Bytes)
		}
	}
	return nil
}

// isClass accepts a numerics class: 1 to 100 visible ASCII characters.
func isClass(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// isName accepts the names of payloads and records: 1 to 100 lower-
// case letters, digits, ".", "_" and "-", beginning with a letter or digit.
func isName(s string) bool {
	if s == "" || len(s) > 100 || strings.ContainsRune("._-", rune(s[0])) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func isHash(s string) bool {
	if len(s) != hashDigits {
		return false
	}
	for i := range len(s) {
		if !(s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f') {
			return false
		}
	}
	return true
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// The layout of keys; FORMAT.md draws it.
const (
	objectPrefix   = "objects/"
	manifestPrefix = "manifests/"
	recordPrefix   = "records/"
	jsonSuffix     = ".json"
)

func manifestKey(task string, step int64) string {
	return fmt.Sprintf("%s%s/%09d%s", manifestPrefix, task, step, jsonSuffix)
}

// parseManifestKey is manifestKey backwards; ok is false for any other key.
func parseManifestKey(key string) (task string, step int64, ok bool) {
	rest, found := strings.CutPrefix(key, manifestPrefix)
	task, name, split := strings.Cut(rest, "/")
	digits, json := strings.CutSuffix(name, jsonSuffix)
	if !found || !split || !json || !isHash(task) {
		return "", 0, false
	}
	step, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || step < 0 || step > MaxStep || manifestKey(task, step) != key {
		return "", 0, false
	}
	return task, step, true
}
