package command

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"g2c/api"
	"g2c/internal/golden"
)

func fill(b byte) (k api.Key) {
	for i := range k {
		k[i] = b
	}
	return k
}

func work() api.Work {
	t := api.PretrainTask(api.ClassCPU, api.Pretrain{
		Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitResize},
		Generator: api.Generator{Width: 16, Blocks: 3, Up: api.UpK4}, Discriminator: api.Discriminator{DiscriminatorWidth: 16},
		CycleGAN: api.CycleGAN{Epochs: 12, ConstantEpochs: 6, Batch: 1, Pool: 50, LambdaCycle: 10, LambdaIdentity: 0.5, Load: 1.117, Flip: true, LR: 2e-4, Beta1: 0.5, Beta2: 0.999},
		Random:   api.Random{Seed: 1, Precision: api.FP32}, Data: fill(0xa1),
	})
	return api.Work{
		Key: t.Key(), Names: []string{"pretrain/HE/w16/b3/s1"}, Task: t, Gang: api.Gang{Min: 1, Max: 1},
		Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}, Where: api.Where{Source: "PAS", Synthetic: &api.Synthetic{Patients: 2, Patches: 3}},
	}
}

// samples holds one entry of every kind, every field set.
func samples() []Entry {
	r := Report{Task: fill(1), Worker: "w1", Incarnation: 0xfedcba9876543210, Generation: 3}
	parts := []Part{{"w1", 2}, {"w2", 1}}
	cached := []api.Key{fill(2), fill(3)}
	progress := []Progress{{fill(1), 40, "killed"}, {fill(2), 1, "x"}}
	commands := []Command{
		Submit{Experiment: "e1", Name: "glomeruli", Project: "demo", Priority: -2, Need: Need{"h100", 1 << 34}, Works: []api.Work{work()}, Finished: []api.Key{fill(9)}, Held: true},
		Join{Worker: "w1", Incarnation: 7, Class: api.ClassCPU, Device: "cpu", Memory: 1 << 30, Host: "h1", Slots: 4, Cached: cached, Issue: true, Boot: "b1", Progress: progress, Address: "h1:7000"},
		Leave{Worker: "w1", Incarnation: 7},
		Place{Task: fill(1), Generation: 1, Parts: parts, Experiment: 2},
		Done{r}, Failed{r, "disk full", true}, Interrupted{r},
		Cancel{"e1", "not needed"},
		Started{r}, Released{r},
		Found{Tasks: cached},
		Preempt{fill(1), 3, "for project b"}, Evict{Task: fill(1), Generation: 3, Reason: "no answer", Hung: true, Step: 9, Words: "epoch 2"},
		Resize{Task: fill(1), Generation: 4, Parts: parts, Experiment: 2},
		Lost{"w1", 7, progress},
		SetMode{"w1", Maintenance, 5, 6, "new fan"},
		Cache{"w1", 7, cached},
		Retry{"e1", fill(1)},
		SetProject{"demo", 3, 16},
		PutToken{Token{"t1", fill(8), "demo", "submitter", 10, 20, "laptop"}},
		Revoke{"t1"}, Audit{"login", "t1", "expired"}, Raise{2}, Forget{99},
		Missing{Tasks: cached}, PutUser{User{"carol", "submitter", "demo"}}, DropUser{"carol"}, RevokeCertificate{"0a1b", "left"},
		Hold{"e1", "budget"}, Release{"e1"},
	}
	var out []Entry
	for _, c := range commands {
		out = append(out, Entry{At: 1_700_000_000_000, Request: "r1", Principal: "alice", Command: c, Content: fill(7)})
	}
	return out
}

// gangs is the entries of level 5, which had no later fields.
func gangs() []Entry {
	out := samples()[:RevokeCertificate{}.Number()]
	for i, e := range out {
		if c, ok := e.Command.(Submit); ok {
			c.Held = false
			out[i].Command = c
		}
	}
	return out
}

// wishes is the entries of level 4, which had no later fields.
func wishes() []Entry {
	out := gangs()
	for i, e := range out {
		if c, ok := e.Command.(Join); ok {
			c.Address = ""
			out[i].Command = c
		}
	}
	return out
}

// early is the entries of level 3, which had no later fields.
func early() []Entry {
	var out []Entry
	for _, e := range wishes()[:Forget{}.Number()] {
		switch c := e.Command.(type) {
		case Place:
			c.Experiment = 0
			e.Command = c
		case Resize:
			c.Experiment = 0
			e.Command = c
		case Join:
			c.Issue, c.Boot, c.Progress = false, "", nil
			e.Command = c
		case Lost:
			c.Progress = nil
			e.Command = c
		case Leave:
			c.Incarnation = 0
			e.Command = c
		case Evict:
			c.Hung, c.Step, c.Words = false, 0, ""
			e.Command = c
		}
		e.Content = [32]byte{}
		out = append(out, e)
	}
	return out
}

func encode(t testing.TB, e Entry) []byte {
	t.Helper()
	b, err := Encode(e)
	if err != nil {
		t.Fatalf("%T: %v", e.Command, err)
	}
	return b
}

func TestEveryCommandComesBack(t *testing.T) {
	for i, e := range samples() {
		if n := e.Command.Number(); n != i+1 {
			t.Errorf("%T is number %d, sample %d", e.Command, n, i+1)
		}
		got, err := Decode(encode(t, e))
		if err != nil {
			t.Fatalf("%T: %v", e.Command, err)
		}
		if s, ok := got.Command.(Submit); ok { // lists that were nil come back empty, with the same encoding
			if !bytes.Equal(s.Works[0].Encode(), e.Command.(Submit).Works[0].Encode()) {
				t.Error("the work differs")
			}
			s.Works = e.Command.(Submit).Works
			got.Command = s
		}
		if !reflect.DeepEqual(got, e) {
			t.Errorf("%T:\n got %+v\nwant %+v", e.Command, got, e)
		}
	}
	if len(samples()) != len(commands) {
		t.Errorf("%d samples of %d commands", len(samples()), len(commands))
	}
}

// A field that no sample sets could be forgotten by the encoder unseen.
func TestSamplesSetEveryField(t *testing.T) {
	var walk func(name string, v reflect.Value)
	walk = func(name string, v reflect.Value) {
		if v.IsZero() {
			t.Errorf("%s is not set", name)
		}
		if v.Kind() == reflect.Struct && v.Type() != reflect.TypeOf(api.Work{}) {
			for i := range v.NumField() {
				walk(name+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	for _, e := range samples() {
		walk(reflect.TypeOf(e.Command).Name(), reflect.ValueOf(e.Command))
	}
}

// What stands in logs must stay readable. If a line of the golden file changes,
// logs that were written before cannot be read any more.
func TestGoldenEntries(t *testing.T) {
	for file, entries := range map[string][]Entry{"testdata/entries.golden": early(), "testdata/entries4.golden": wishes(), "testdata/entries5.golden": gangs(), "testdata/entries6.golden": samples()} {
		var b strings.Builder
		for _, e := range entries {
			fmt.Fprintf(&b, "%d %T\n  %x\n", e.Command.Number(), e.Command, encode(t, e))
		}
		golden.Check(t, file, b.String())
	}
}

// What an older release could not read says so, and nothing else does.
func TestLevelsOfEntries(t *testing.T) {
	for _, e := range early() {
		if got := e.Level(); got != api.LevelFirst {
			t.Errorf("%T is of level %d", e.Command, got)
		}
	}
	late := map[string]bool{"Join": true, "Leave": true, "Place": true, "Resize": true, "Lost": true, "Evict": true}
	for i, e := range gangs() {
		if got, want := e.Level(), wishes()[i].Level(); got != want && (got != api.LevelGangs || reflect.TypeOf(e.Command).Name() != "Join") {
			t.Errorf("%T is of level %d, before it was of %d", e.Command, got, want)
		}
	}
	held := map[string]bool{"Submit": true, "Hold": true, "Release": true}
	for i, e := range samples() {
		want := api.LevelHolds
		if !held[reflect.TypeOf(e.Command).Name()] {
			want = gangs()[i].Level()
		}
		if e.Level() != want {
			t.Errorf("%T is of level %d, want %d", e.Command, e.Level(), want)
		}
	}
	for _, e := range wishes() {
		want := api.LevelFirst
		if late[reflect.TypeOf(e.Command).Name()] || e.Command.Number() > (Forget{}).Number() {
			want = api.LevelWishes
		}
		if got := LevelOf(e.Command); got != want || e.Level() != api.LevelWishes {
			t.Errorf("%T is of level %d, with its content of %d", e.Command, got, e.Level())
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	for want, e := range map[string]Entry{
		"no command":                     {},
		"text of":                        {Principal: long, Command: Revoke{"t"}},
		"without a name":                 {Command: Leave{}},
		"slots: 0,":                      {Command: Join{Worker: "w"}},
		"cached data sets: 65 items":     {Command: Cache{Worker: "w", Cached: make([]api.Key, MaxCached+1)}},
		"are not sorted":                 {Command: Cache{Worker: "w", Cached: []api.Key{fill(2), fill(1)}}},
		"the workers of a gang: 0 items": {Command: Place{}},
		"slots: 0, want 1 to 4096":       {Command: Resize{Parts: []Part{{"w", 0}}}},
		"of a gang are not":              {Command: Place{Parts: []Part{{"b", 1}, {"a", 1}}}},
		"unknown mode":                   {Command: SetMode{Worker: "w", Mode: "off"}},
		"weight: 0":                      {Command: SetProject{Project: "p"}},
		"level: 0":                       {Command: Raise{}},
		"memory: -1":                     {Command: Submit{Experiment: "e", Need: Need{Memory: -1}}},
		"works: 20001":                   {Command: Submit{Experiment: "e", Works: make([]api.Work, MaxWorks+1)}},
		"last words: text of 513":        {Command: Lost{Worker: "w", Progress: []Progress{{Words: long[:MaxWords+1]}}}},
		"made progress: 4097":            {Command: Lost{Worker: "w", Progress: make([]Progress, MaxProgress+1)}},
		"tasks: 20001":                   {Command: Found{Tasks: make([]api.Key, MaxKeys+1)}},
		"a thing without a name":         {Command: Done{}},
	} {
		if _, err := Encode(e); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// leaving is an entry of Leave, of a level, with more fields before its command.
func leaving(level uint64, envelope []byte, command []byte) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, fieldLevel, protowire.VarintType), level)
	b = append(b, envelope...)
	return protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), command)
}

func varint(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func TestDecodeRefuses(t *testing.T) {
	name := []byte{0x0a, 1, 'w'}
	good := leaving(1, nil, name)
	if e, err := Decode(good); err != nil || e.Command != (Leave{Worker: "w"}) {
		t.Fatalf("%+v, %v", e, err)
	}
	inside := func(b ...byte) []byte { return leaving(1, nil, append(bytes.Clone(name), b...)) }
	for what, c := range map[string]struct {
		b    []byte
		want error
		says string
	}{
		"an unknown field":            {leaving(1, varint(2000, 1), name), ErrMalformed, "a field 2000"},
		"a command of another number": {append(varint(1001, 1), 0xfa, 1, 0), ErrMalformed, "the number 31"},
		"an unknown inner field":      {inside(varint(99, 1)...), ErrMalformed, "a field 99"},
		"a late field, level 1":       {inside(0x11, 1, 0, 0, 0, 0, 0, 0, 0), ErrMalformed, "fields of level 4"},
		"a field of another type":     {inside(0x10, 1), ErrMalformed, "is of type 0"},
		"a field twice":               {inside(name...), ErrMalformed, "field 1 behind field 1"},
		"an older field":              {leaving(1, append(varint(1002, 1), varint(1001, 1)...), name), ErrMalformed, "1001 behind field 1002"},
		"a zero that is there":        {leaving(1, varint(1002, 0), name), ErrMalformed, "1002 is zero"},
		"a number of too many bytes":  {leaving(1, []byte{0xd0, 0x3e, 0x81, 0}, name), ErrMalformed, "1002 is no number"},
		"bytes behind it":             {append(bytes.Clone(good), varint(1002, 1)...), ErrMalformed, "behind its command"},
		"two commands":                {append(bytes.Clone(good), good[3:]...), ErrMalformed, "behind its command"},
		"a newer level":               {leaving(Level+1, nil, inside(0xff)), ErrNewer, fmt.Sprintf("level %d", Level+1)},
		"the newest level":            {leaving(math.MaxUint64, varint(2000, 1), name), ErrNewer, fmt.Sprintf("reads up to %d", Level)},
		"level 0":                     {leaving(0, nil, name), ErrMalformed, "1001 is zero"},
		"no level":                    {good[3:], ErrMalformed, "no level"},
		"nothing":                     {nil, ErrMalformed, "no level"},
		"no command":                  {good[:3], ErrMalformed, "no command"},
		"a torn entry":                {good[:len(good)-1], ErrMalformed, "ends early"},
		"a short key":                 {append(varint(1001, 1), 0x5a, 3, 0x0a, 1, 'k'), ErrMalformed, "a key of 1 bytes"},
		"a placement of nothing":      {append(varint(1001, 1), 0x22, 0), ErrMalformed, "missing"},
		"a failure of nothing":        {append(varint(1001, 1), 0x32, 0), ErrMalformed, "missing"},
		"a number of 33 bits":         {append(varint(1001, 1), append([]byte{0xba, 1, 6}, varint(1, 1<<32)...)...), ErrMalformed, "want 32 bits"},
		"an entry above the size":     {make([]byte, MaxEntryBytes+1), ErrMalformed, "at most"},
	} {
		if _, err := Decode(c.b); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v: %s", what, err, c.want, c.says)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range samples() {
		f.Add(encode(f, e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNewer) {
				t.Fatalf("an error of another class: %v", err)
			}
			return
		}
		again, err := Encode(e)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := Decode(again)
		if err != nil || !bytes.Equal(encode(t, back), again) {
			t.Fatalf("it does not come back: %v", err)
		}
	})
}
