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
	"g2c/coordinator/command/commandpb"
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
		Generator: api.Generator{Width: 16, Blocks: 3}, Discriminator: api.Discriminator{DiscriminatorWidth: 16},
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
		Submit{Experiment: "e1", Name: "glomeruli", Project: "demo", Priority: -2, Need: Need{"h100", 1 << 34}, Works: []api.Work{work()}, Finished: []api.Key{fill(9)}},
		Join{Worker: "w1", Incarnation: 7, Class: api.ClassCPU, Device: "cpu", Memory: 1 << 30, Host: "h1", Slots: 4, Cached: cached, Issue: true, Boot: "b1", Progress: progress},
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
	}
	var out []Entry
	for _, c := range commands {
		out = append(out, Entry{At: 1_700_000_000_000, Request: "r1", Principal: "alice", Command: c, Content: fill(7)})
	}
	return out
}

// early is the entries of level 3, which had no later fields.
func early() []Entry {
	var out []Entry
	for _, e := range samples()[:numberForget] {
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
	if len(samples()) != numberEnd-1 {
		t.Errorf("%d samples of %d commands", len(samples()), numberEnd-1)
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

// A command's number is its field in the log, for ever.
func TestNumbersAreTheLogsFields(t *testing.T) {
	fields := (&commandpb.Entry{}).ProtoReflect().Descriptor().Oneofs().ByName("command").Fields()
	if fields.Len() != numberEnd-1 {
		t.Errorf("%d fields for %d commands", fields.Len(), numberEnd-1)
	}
	for _, e := range samples() {
		var m commandpb.Entry
		encodeTask(&m, e.Command)
		encodeReport(&m, e.Command)
		encodeWorker(&m, e.Command)
		encodeHouse(&m, e.Command)
		f := m.ProtoReflect().WhichOneof(fields.Get(0).ContainingOneof())
		if int(f.Number()) != e.Command.Number() {
			t.Errorf("%T is number %d and field %d", e.Command, e.Command.Number(), f.Number())
		}
	}
}

// What stands in logs must stay readable. If a line of the golden file changes,
// logs that were written before cannot be read any more.
func TestGoldenEntries(t *testing.T) {
	for file, entries := range map[string][]Entry{"testdata/entries.golden": early(), "testdata/entries4.golden": samples()} {
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
	late := map[int]bool{numberJoin: true, numberLeave: true, numberPlace: true, numberResize: true, numberLost: true, numberEvict: true}
	for _, e := range samples() {
		want := api.LevelFirst
		if n := e.Command.Number(); late[n] || n > numberForget {
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
		"no command":             {},
		"text of":                {Principal: long, Command: Revoke{"t"}},
		"without a name":         {Command: Leave{}},
		"0 slots":                {Command: Join{Worker: "w"}},
		"65 cached":              {Command: Cache{Worker: "w", Cached: make([]api.Key, MaxCached+1)}},
		"are not sorted":         {Command: Cache{Worker: "w", Cached: []api.Key{fill(2), fill(1)}}},
		"over 0 workers":         {Command: Place{}},
		"0 slots of w":           {Command: Resize{Parts: []Part{{"w", 0}}}},
		"of a gang are not":      {Command: Place{Parts: []Part{{"b", 1}, {"a", 1}}}},
		"unknown mode":           {Command: SetMode{Worker: "w", Mode: "off"}},
		"weight 0":               {Command: SetProject{Project: "p"}},
		"level 0":                {Command: Raise{}},
		"memory of -1":           {Command: Submit{Experiment: "e", Need: Need{Memory: -1}}},
		"20001 works":            {Command: Submit{Experiment: "e", Works: make([]api.Work, MaxWorks+1)}},
		"of last words":          {Command: Lost{Worker: "w", Progress: []Progress{{Words: long[:MaxWords+1]}}}},
		"4097 tasks of which":    {Command: Lost{Worker: "w", Progress: make([]Progress, MaxProgress+1)}},
		"20001 tasks":            {Command: Found{Tasks: make([]api.Key, MaxKeys+1)}},
		"a thing without a name": {Command: Done{}},
	} {
		if _, err := Encode(e); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encode(t, early()[2])
	field := func(n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(bytes.Clone(good), n, protowire.VarintType), v)
	}
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"an unknown field":        {field(2000, 1), ErrMalformed},
		"an unknown inner field":  {protowire.AppendBytes(protowire.AppendTag(bytes.Clone(good), 3, protowire.BytesType), inner), ErrMalformed},
		"a late field, level 1":   {protowire.AppendVarint(protowire.AppendTag(encode(t, samples()[2]), 1001, protowire.VarintType), 1), ErrMalformed},
		"a newer level":           {field(1001, Level+1), ErrNewer},
		"level 0":                 {field(1001, 0), ErrMalformed},
		"nothing":                 {nil, ErrMalformed},
		"a torn entry":            {good[:len(good)-1], ErrMalformed},
		"a short key":             {protowire.AppendBytes(protowire.AppendTag(field(1001, 1), 17, protowire.BytesType), []byte{0x0a, 1, 'w', 0x1a, 1, 'k'}), ErrMalformed},
		"an entry above the size": {make([]byte, MaxEntryBytes+1), ErrMalformed},
	} {
		if _, err := Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Decode(field(1001, math.MaxUint32)); !errors.Is(err, ErrNewer) {
		t.Errorf("the newest level: %v", err)
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
