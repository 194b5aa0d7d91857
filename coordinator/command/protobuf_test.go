package command

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"g2c/api"
)

// A second reading of the tags, slow and obvious: the messages as Google's library writes
// and reads them, and the limits by reflection. The codec that is generated is held to it.

// tagged is a field of a struct as its tags have it.
type tagged struct {
	at     []int // the path of it, as reflection has it
	typ    reflect.Type
	number int
	level  int
	fixed  bool
	rules  map[string]string
}

func fieldsOf(t reflect.Type) (out []tagged) {
	for i := range t.NumField() {
		s := t.Field(i)
		text, option, _ := strings.Cut(s.Tag.Get("f"), ",")
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(fmt.Sprintf("%s.%s: %v", t, s.Name, err))
		}
		f := tagged{at: []int{i}, typ: s.Type, number: n, level: api.LevelFirst, fixed: option == "fixed", rules: map[string]string{}}
		if option == "flat" {
			for _, inner := range fieldsOf(s.Type) {
				inner.at, inner.number = append([]int{i}, inner.at...), n+inner.number-1
				out = append(out, inner)
			}
			continue
		}
		if l := s.Tag.Get("level"); l != "" {
			f.level, _ = strconv.Atoi(l)
		}
		for _, rule := range strings.Split(s.Tag.Get("rule"), ",") {
			kind, arg, _ := strings.Cut(rule, "=")
			f.rules[kind] = arg
		}
		out = append(out, f)
	}
	return out
}

var (
	keyType  = reflect.TypeFor[api.Key]()
	workType = reflect.TypeFor[api.Work]()
	modeType = reflect.TypeFor[Mode]()
)

func isKey(t reflect.Type) bool { return t == keyType || t == reflect.TypeFor[[32]byte]() }

// isMessage says whether values of a type are messages, and not bytes.
func isMessage(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != workType }

// describeEntry makes the log's messages of the tags.
func describeEntry() protoreflect.MessageDescriptor {
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("log.proto"), Syntax: proto.String("proto3")}
	entry := &descriptorpb.DescriptorProto{Name: proto.String("Entry"), OneofDecl: []*descriptorpb.OneofDescriptorProto{{Name: proto.String("command")}}}
	file.MessageType = append(file.MessageType, entry)
	done := map[reflect.Type]bool{}
	for _, c := range commands {
		f := describeField(file, done, tagged{typ: reflect.TypeOf(c), number: c.Number()})
		f.OneofIndex = proto.Int32(0)
		entry.Field = append(entry.Field, f)
	}
	for i, t := range []reflect.Type{reflect.TypeFor[uint32](), reflect.TypeFor[int64](), reflect.TypeFor[string](), reflect.TypeFor[string](), keyType} {
		entry.Field = append(entry.Field, describeField(file, done, tagged{typ: t, number: 1001 + i}))
	}
	d, err := protodesc.NewFile(file, nil)
	if err != nil {
		panic(err)
	}
	return d.Messages().ByName("Entry")
}

func describeField(file *descriptorpb.FileDescriptorProto, done map[reflect.Type]bool, f tagged) *descriptorpb.FieldDescriptorProto {
	d := &descriptorpb.FieldDescriptorProto{Name: proto.String(fmt.Sprint("f", f.number)), Number: proto.Int32(int32(f.number)), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
	t := f.typ
	if t.Kind() == reflect.Slice {
		t, d.Label = t.Elem(), descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	}
	switch {
	case isKey(t), t == workType:
		d.Type = descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum()
	case isMessage(t):
		d.Type, d.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String("."+t.Name())
		if !done[t] {
			done[t] = true
			m := &descriptorpb.DescriptorProto{Name: proto.String(t.Name())}
			for _, inner := range fieldsOf(t) {
				m.Field = append(m.Field, describeField(file, done, inner))
			}
			file.MessageType = append(file.MessageType, m)
		}
	case f.fixed:
		d.Type = descriptorpb.FieldDescriptorProto_TYPE_FIXED64.Enum()
	case t == modeType:
		d.Type = descriptorpb.FieldDescriptorProto_TYPE_UINT32.Enum()
	default:
		d.Type = map[reflect.Kind]descriptorpb.FieldDescriptorProto_Type{
			reflect.String: descriptorpb.FieldDescriptorProto_TYPE_STRING, reflect.Bool: descriptorpb.FieldDescriptorProto_TYPE_BOOL,
			reflect.Int: descriptorpb.FieldDescriptorProto_TYPE_INT32, reflect.Int64: descriptorpb.FieldDescriptorProto_TYPE_INT64,
			reflect.Uint32: descriptorpb.FieldDescriptorProto_TYPE_UINT32, reflect.Uint64: descriptorpb.FieldDescriptorProto_TYPE_UINT64,
		}[t.Kind()].Enum()
	}
	return d
}

// slow is the second codec.
type slow struct {
	entry protoreflect.MessageDescriptor
	err   error // the first of what is being read or checked
}

func newSlow() *slow { return &slow{entry: describeEntry()} }

func (s *slow) fail(format string, a ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, a...)
	}
}

// encode writes an entry of a level, whatever its limits.
func (s *slow) encode(t testing.TB, e Entry, level int) []byte {
	m := dynamicpb.NewMessage(s.entry)
	set := func(n protoreflect.FieldNumber, v any) { m.Set(s.entry.Fields().ByNumber(n), protoreflect.ValueOf(v)) }
	set(1001, uint32(level))
	set(1002, e.At)
	set(1003, e.Request)
	set(1004, e.Principal)
	if e.Content != [32]byte{} {
		set(1005, e.Content[:])
	}
	c := s.entry.Fields().ByNumber(protoreflect.FieldNumber(e.Command.Number()))
	s.fill(m.Mutable(c).Message(), reflect.ValueOf(e.Command))
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fill makes a message of a struct.
func (s *slow) fill(m protoreflect.Message, v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		d, x := m.Descriptor().Fields().ByNumber(protoreflect.FieldNumber(f.number)), v.FieldByIndex(f.at)
		switch {
		case f.typ.Kind() == reflect.Slice:
			for i := range x.Len() {
				list := m.Mutable(d).List()
				if isMessage(f.typ.Elem()) {
					s.fill(list.AppendMutable().Message(), x.Index(i))
				} else {
					list.Append(s.value(x.Index(i)))
				}
			}
		case isMessage(f.typ):
			s.fill(m.Mutable(d).Message(), x)
		default:
			m.Set(d, s.value(x))
		}
	}
}

func (s *slow) value(x reflect.Value) protoreflect.Value {
	switch {
	case x.Type() == workType:
		return protoreflect.ValueOf(x.Interface().(api.Work).Encode())
	case isKey(x.Type()):
		k := x.Convert(keyType).Interface().(api.Key)
		return protoreflect.ValueOf(k[:])
	case x.Type() == modeType:
		return protoreflect.ValueOf(uint32(modeNumbers[x.Interface().(Mode)]))
	case x.Kind() == reflect.Int:
		return protoreflect.ValueOf(int32(x.Int()))
	}
	return protoreflect.ValueOf(x.Interface())
}

// decode reads an entry. It has only one encoding of a level.
func (s *slow) decode(t testing.TB, b []byte) (Entry, error) {
	m := dynamicpb.NewMessage(s.entry)
	if err := proto.Unmarshal(b, m); err != nil {
		return Entry{}, err
	}
	get := func(n protoreflect.FieldNumber) protoreflect.Value { return m.Get(s.entry.Fields().ByNumber(n)) }
	level := int(get(1001).Uint())
	e := Entry{At: get(1002).Int(), Request: get(1003).String(), Principal: get(1004).String()}
	which := m.WhichOneof(s.entry.Oneofs().Get(0))
	if which == nil || level < 1 || level > Level {
		return e, fmt.Errorf("level %d, command %v", level, which)
	}
	s.err = nil
	if content := get(1005).Bytes(); len(content) > 0 {
		e.Content = s.key(content)
	}
	v := reflect.New(reflect.TypeOf(commands[which.Number()-1])).Elem()
	s.read(m.Get(which).Message(), v)
	e.Command = v.Interface().(Command)
	if s.err != nil {
		return e, s.err
	}
	if !bytes.Equal(s.encode(t, e, level), b) {
		return e, errors.New("another encoding")
	}
	need := s.level(v)
	if e.Command.Number() > (Forget{}).Number() || e.Content != [32]byte{} {
		need = api.LevelWishes
	}
	if level < need {
		return e, fmt.Errorf("level %d with what is of %d", level, need)
	}
	return e, s.check(e)
}

func (s *slow) key(b []byte) (k [32]byte) {
	if copy(k[:], b) != len(b) || len(b) != len(k) {
		s.fail("a key of %d bytes", len(b))
	}
	return k
}

// read makes a struct of a message.
func (s *slow) read(m protoreflect.Message, v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		d, x := m.Descriptor().Fields().ByNumber(protoreflect.FieldNumber(f.number)), v.FieldByIndex(f.at)
		if f.typ.Kind() != reflect.Slice {
			s.readValue(m.Get(d), x)
			continue
		}
		for i := range m.Get(d).List().Len() {
			item := reflect.New(f.typ.Elem()).Elem()
			s.readValue(m.Get(d).List().Get(i), item)
			x.Set(reflect.Append(x, item))
		}
	}
}

func (s *slow) readValue(p protoreflect.Value, x reflect.Value) {
	switch {
	case x.Type() == workType:
		w, err := api.RestoreWork(p.Bytes())
		if err != nil {
			s.fail("%w", err)
		}
		x.Set(reflect.ValueOf(w))
	case isKey(x.Type()):
		x.Set(reflect.ValueOf(s.key(p.Bytes())).Convert(x.Type()))
	case isMessage(x.Type()):
		s.read(p.Message(), x)
	case x.Type() == modeType:
		for mode, n := range modeNumbers {
			if n == p.Uint() {
				x.SetString(string(mode))
			}
		}
	default:
		x.Set(reflect.ValueOf(p.Interface()).Convert(x.Type()))
	}
}

// level is that of the fields that are set.
func (s *slow) level(v reflect.Value) int {
	level := api.LevelFirst
	for _, f := range fieldsOf(v.Type()) {
		x := v.FieldByIndex(f.at)
		if set := !x.IsZero() && !(x.Kind() == reflect.Slice && x.Len() == 0); set {
			level = max(level, f.level)
		}
	}
	return level
}

var named = map[string]int64{
	"MaxWorks": MaxWorks, "MaxKeys": MaxKeys, "MaxCached": MaxCached, "MaxParts": MaxParts, "MaxSlots": MaxSlots, "MaxText": MaxText,
	"MaxWeight": MaxWeight, "MaxProgress": MaxProgress, "MaxAddress": MaxAddress, "MaxWords": MaxWords,
}

// bound is what a rule says, or something else where there is none.
func (f tagged) bound(t *slow, rule string, otherwise int64) int64 {
	arg, ok := f.rules[rule]
	if !ok {
		return otherwise
	}
	if n, ok := named[arg]; ok {
		return n
	}
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil {
		t.fail("the rule %s of %q", rule, arg)
	}
	return n
}

// check holds an entry to the limits in the tags.
func (s *slow) check(e Entry) error {
	s.err = nil
	s.checkText(e.Request, MaxText)
	s.checkText(e.Principal, MaxText)
	s.checkStruct(reflect.ValueOf(e.Command))
	return s.err
}

func (s *slow) checkText(text string, limit int64) {
	if int64(len(text)) > limit || !utf8.ValidString(text) {
		s.fail("a text of %d bytes", len(text))
	}
}

func (s *slow) checkStruct(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		x := v.FieldByIndex(f.at)
		switch {
		case x.Type() == modeType:
			if modeNumbers[Mode(x.String())] == 0 {
				s.fail("the mode %q", x)
			}
		case x.Kind() == reflect.String:
			s.checkText(x.String(), f.bound(s, "max", MaxText))
			if _, id := f.rules["id"]; id && x.Len() == 0 {
				s.fail("no name")
			}
		case x.Kind() == reflect.Int && (x.Int() < f.bound(s, "min", math.MinInt32) || x.Int() > f.bound(s, "max", math.MaxInt32)):
			s.fail("the number %d", x.Int())
		case x.Kind() == reflect.Int64 && x.Int() < f.bound(s, "min", math.MinInt64):
			s.fail("the number %d", x.Int())
		case x.Kind() == reflect.Slice:
			s.checkList(f, x)
		case isMessage(x.Type()):
			s.checkStruct(x)
		}
	}
}

func (s *slow) checkList(f tagged, x reflect.Value) {
	if n := int64(x.Len()); n < f.bound(s, "min", 0) || n > f.bound(s, "max", -1) {
		s.fail("%d items", n)
	}
	by, rising := f.rules["rising"]
	for i := range x.Len() {
		if isMessage(f.typ.Elem()) {
			s.checkStruct(x.Index(i))
		}
		if i == 0 || !rising {
			continue
		}
		a, b := x.Index(i-1), x.Index(i)
		if by != "" {
			a, b = a.FieldByName(by), b.FieldByName(by)
		}
		if fmt.Sprint(a) >= fmt.Sprint(b) {
			s.fail("not sorted")
		}
	}
}

// random fills a value, mostly within its limits and at times beside them.
func random(r *rand.Rand, v reflect.Value) {
	odd := r.IntN(12) == 0
	pick := func(n int) int { // of so many, the first half more often
		if odd {
			return r.IntN(n)
		}
		return r.IntN(n / 2)
	}
	switch {
	case v.Type() == workType:
		v.Set(reflect.ValueOf(work()))
	case isKey(v.Type()):
		v.Set(reflect.ValueOf(fill(byte(r.IntN(3)))).Convert(v.Type()))
	case v.Type() == modeType:
		v.SetString([]string{"ready", "maintenance", "cordoned", "draining", "", "off"}[pick(6)])
	case v.Kind() == reflect.String:
		v.SetString([]string{"a", "b", "c", "é", strings.Repeat("w", MaxWords), "", strings.Repeat("w", MaxWords+1), strings.Repeat("t", MaxText), strings.Repeat("t", MaxText+1), "\xff"}[pick(10)])
	case v.Kind() == reflect.Int:
		v.SetInt([]int64{1, 2, 200, MaxSlots, -1, 0, MaxSlots + 1, MaxWeight + 1, math.MinInt32, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32 - 1}[pick(12)])
	case v.Kind() == reflect.Int64:
		v.SetInt([]int64{0, 1, 1 << 40, math.MaxInt64, -1, math.MinInt64}[pick(6)])
	case v.Kind() == reflect.Uint64:
		v.SetUint([]uint64{0, 1, 127, 128, 1 << 40, math.MaxUint64}[r.IntN(6)])
	case v.Kind() == reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case v.Kind() == reflect.Slice:
		n := []int{0, 1, 2, 3}[r.IntN(4)]
		if odd && v.Type().Elem() != workType && r.IntN(20) == 0 {
			n = []int{MaxCached + 1, MaxParts + 1, MaxProgress + 1, MaxKeys + 1}[r.IntN(4)]
		}
		if n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range n {
			random(r, v.Index(i))
		}
	default:
		for i := range v.NumField() {
			random(r, v.Field(i))
		}
	}
}

// Of thousands of entries, within their limits or not, what is generated writes and
// refuses the same as protocol buffers and reflection.
func TestTheCodecIsThatOfTheTags(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := newSlow()
	written := map[int]int{}
	for range 8000 {
		v := reflect.New(reflect.TypeOf(commands[r.IntN(len(commands))])).Elem()
		random(r, v)
		e := Entry{At: int64(r.IntN(3) - 1), Request: "r", Command: v.Interface().(Command)}
		if r.IntN(2) == 0 {
			e.Content = fill(5)
		}
		b, err := Encode(e)
		if want := s.check(e); (err == nil) != (want == nil) {
			t.Fatalf("%T %+v: %v, by the tags %v", e.Command, e, err, want)
		}
		if err != nil {
			continue
		}
		written[e.Command.Number()]++
		if want := s.encode(t, e, e.Level()); !bytes.Equal(b, want) {
			t.Fatalf("%T %+v:\n %x, by protocol buffers\n %x", e.Command, e, b, want)
		}
		got, err := Decode(b)
		want, wantErr := s.decode(t, b)
		if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%T:\n%+v, %v, by protocol buffers\n%+v, %v", e.Command, got, err, want, wantErr)
		}
	}
	for _, c := range commands {
		if written[c.Number()] < 20 {
			t.Errorf("only %d of %T were within their limits", written[c.Number()], c)
		}
	}
}

// FuzzCodec holds what is read of any bytes to protocol buffers: the same entry, or a
// refusal by both.
func FuzzCodec(f *testing.F) {
	for _, e := range append(samples(), early()...) {
		f.Add(encode(f, e))
	}
	s := newSlow()
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Decode(b)
		want, wantErr := s.decode(t, b)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, by protocol buffers %v", err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, by protocol buffers %+v", got, want)
		}
	})
}
