package field

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// MarshalJSON writes a struct, given by value, with what is as before left out: a task
// that is stored is then the bytes that older programs wrote.
func MarshalJSON(of any) ([]byte, error) {
	v := reflect.ValueOf(of)
	var b bytes.Buffer
	b.WriteByte('{')
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // whoever calls this chooses
	for _, f := range Of(v.Type()) {
		x := f.In(v)
		if f.Stored == "" || f.LeftOut(x) || omitted(&f, x) {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + f.Stored + `":`)
		if err := e.Encode(x.Interface()); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Stored, err)
		}
		b.Truncate(b.Len() - 1) // the encoder's end of line
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func omitted(f *Field, v reflect.Value) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch options {
	case "omitzero":
		return v.IsZero()
	case "omitempty":
		return empty(v)
	}
	return false
}

// UnmarshalJSON reads a struct, given by pointer. What is not there is as before.
func UnmarshalJSON(data []byte, to any) error {
	v := reflect.ValueOf(to).Elem()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	for _, f := range Of(v.Type()) {
		x := f.In(v)
		text, ok := members[f.Stored]
		if !ok {
			if f.Was != nil {
				f.SetBefore(x)
			}
			continue
		}
		if err := json.Unmarshal(text, x.Addr().Interface()); err != nil {
			return fmt.Errorf("field %s: %w", f.Stored, err)
		}
	}
	return nil
}
