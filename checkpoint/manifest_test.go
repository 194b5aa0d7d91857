package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"g2c/internal/fault"
)

func sampleManifest() Manifest {
	return Manifest{
		Format: FormatVersion, Kind: Finetune, Task: strings.Repeat("0123456789abcdef", 4), Class: "cpu-1", Step: 310, Epoch: 10, Final: true,
		Description: json.RawMessage(`{"name":"a<b&c","size":64}`),
		Payloads: map[string]Payload{
			Weights: {SHA256: strings.Repeat("ab", 32), Bytes: 1234},
			Resume:  {SHA256: strings.Repeat("cd", 32), Bytes: 5678},
			"grid-he.png": {
				SHA256: strings.Repeat("ef", 32), Bytes: 0},
		},
	}
}

func mustEncode(t testing.TB, m Manifest) []byte {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestManifestBytes pins the bytes that FORMAT.md promises.
func TestManifestBytes(t *testing.T) {
	want := `{"format":1,"kind":"finetune","task":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","class":"cpu-1",` +
		`"step":310,"epoch":10,"final":true,"description":{"name":"a<b&c","size":64},"payloads":{` +
		`"grid-he.png":{"sha256":"` + strings.Repeat("ef", 32) + `","bytes":0},` +
		`"resume":{"sha256":"` + strings.Repeat("cd", 32) + `","bytes":5678},` +
		`"weights":{"sha256":"` + strings.Repeat("ab", 32) + `","bytes":1234}},` +
		`"check":""}` + "\n"
	want = strings.Replace(want, `"check":""`, `"check":"`+hash([]byte(want))+`"`, 1)
	got := mustEncode(t, sampleManifest())
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	spaced := sampleManifest()
	spaced.Description = json.RawMessage("{ \"name\": \"a<b&c\",\n\"size\": 64 }")
	if !bytes.Equal(mustEncode(t, spaced), got) {
		t.Error("white space in the description changes the bytes")
	}
}

func TestManifestRoundTrip(t *testing.T) {
	want := sampleManifest()
	got, err := Decode(mustEncode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	want.Check = got.Check
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Key() != "manifests/"+want.Task+"/000000310.json" {
		t.Error(got.Key())
	}
}

func TestManifestRefusesEveryFlippedBitAndTear(t *testing.T) {
	data := mustEncode(t, sampleManifest())
	for bit := range 8 * len(data) {
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		if m, err := Decode(bad); !errors.Is(err, fault.ErrData) {
			t.Errorf("bit %d flipped: %v, %v", bit, m, err)
		}
	}
	for n := range data {
		if m, err := Decode(data[:n]); !errors.Is(err, fault.ErrData) {
			t.Errorf("torn at %d: %v, %v", n, m, err)
		}
	}
	if _, err := Decode(append(bytes.Clone(data), '\n')); !errors.Is(err, fault.ErrData) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestManifestRefusesNonsense(t *testing.T) {
	for name, spoil := range map[string]func(*Manifest){
		"kind":          func(m *Manifest) { m.Kind = "bake" },
		"key":           func(m *Manifest) { m.Task = strings.ToUpper(m.Task) },
		"key length":    func(m *Manifest) { m.Task += "0" },
		"class":         func(m *Manifest) { m.Class = "cpu 1" },
		"no class":      func(m *Manifest) { m.Class = "" },
		"step":          func(m *Manifest) { m.Step = MaxStep + 1 },
		"negative step": func(m *Manifest) { m.Step = -1 },
		"epoch":         func(m *Manifest) { m.Epoch = -1 },
		"description":   func(m *Manifest) { m.Description = json.RawMessage(`{`) },
		"none":          func(m *Manifest) { m.Description = nil },
		"no payload":    func(m *Manifest) { m.Payloads = nil },
		"payload name":  func(m *Manifest) { m.Payloads["../x"] = m.Payloads[Weights] },
		"payload hash":  func(m *Manifest) { m.Payloads["x"] = Payload{SHA256: "12"} },
		"payload bytes": func(m *Manifest) { m.Payloads["x"] = Payload{SHA256: m.Task, Bytes: -1} },
	} {
		m := sampleManifest()
		spoil(&m)
		if data, err := m.Encode(); err == nil {
			t.Errorf("%s: encoded as %s", name, data)
		}
	}
	later := strings.Replace(string(mustEncode(t, sampleManifest())), `"format":1`, `"format":2`, 1)
	if _, err := Decode([]byte(later)); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("a later format: %v", err)
	}
}

func TestRequireClassNamesBoth(t *testing.T) {
	m := sampleManifest()
	if err := m.RequireClass("cpu-1"); err != nil {
		t.Error(err)
	}
	err := m.RequireClass("cuda-sm90a-1")
	if err == nil || !strings.Contains(err.Error(), "cpu-1") || !strings.Contains(err.Error(), "cuda-sm90a-1") {
		t.Error(err)
	}
}

func TestParseManifestKey(t *testing.T) {
	task := sampleManifest().Task
	for _, step := range []int64{0, 1, MaxStep} {
		if gotTask, gotStep, ok := parseManifestKey(manifestKey(task, step)); !ok || gotTask != task || gotStep != step {
			t.Errorf("step %d: %s, %d, %v", step, gotTask, gotStep, ok)
		}
	}
	for _, key := range []string{"", "manifests/", "manifests/" + task, "manifests/" + task + "/1.json", "manifests/" + task + "/0000000001.json", "manifests/" + task + "/1000000000.json",
		"manifests/" + task + "/-00000001.json", "manifests/" + task + "/+00000001.json", "manifests/abc/000000001.json", "objects/" + task + "/000000001.json"} {
		if _, _, ok := parseManifestKey(key); ok {
			t.Errorf("%q is no manifest", key)
		}
	}
}

func FuzzDecodeManifest(f *testing.F) {
	data := mustEncode(f, sampleManifest())
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`{"format":1,"FORMAT":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			if !errors.Is(err, fault.ErrData) {
				t.Fatalf("error of another class: %v", err)
			}
			return
		}
		if !bytes.Equal(mustEncode(t, m), data) {
			t.Fatalf("two encodings of one manifest: %s", data)
		}
	})
}
