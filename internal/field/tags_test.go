package field

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// hidden is embedded by the tests below.
type hidden struct {
	Size int `json:"size" f:"1"`
}

// made is a struct with a field A for each tag, or B where there is one before.
func made(of reflect.Type, tags ...string) reflect.Type {
	var list []reflect.StructField
	for i, tag := range tags {
		list = append(list, reflect.StructField{Name: string(rune('A' + i)), Type: of, Tag: reflect.StructTag(tag)})
	}
	return reflect.StructOf(list)
}

// Every mistake in a tag stops the program, in words that name the field.
func TestMistakesInTags(t *testing.T) {
	number, text := reflect.TypeFor[int](), reflect.TypeFor[string]()
	for _, c := range []struct {
		of   reflect.Type
		want string
	}{
		{made(number, `json:"a" rule:"mim=1,maximum=5"`), `A: "mim=1" is no rule`},
		{made(number, `json:"a" rule:"min=1,maximum=5"`), `A: "maximum=5" is no rule`},
		{made(number, `json:"a" rule:"min=x"`), `A: the rule "min=x" has no number`},
		{made(number, `json:"a" rule:"power=3"`), `A: the rule "power=3" has no number`},
		{made(text, `json:"a" rule:"one"`), `A: "one" is no rule`},
		{made(text, `json:"a" rule:"name=x"`), `A: "name=x" is no rule`},
		{made(number, `json:"a" f:"1,singed"`), `A: there is no option "singed"`},
		{made(reflect.TypeFor[uint32](), `json:"a" f:"1,signed"`), `A: there is no option "signed" of the number of a uint32`},
		{made(number, `json:"a" f:"x"`), `A: "x" is no number of a field`},
		{made(number, `json:"a" f:"0"`), `A: "0" is no number of a field`},
		{made(number, `json:"a,omitempy"`), `A: there is no option "omitempy" of json`},
		{made(number, `json:"a" defualt:"3"`), `A: there is no tag "defualt"`},
		{made(number, `json:"a" f:"1" f:"2"`), `A: the tag "f" is there twice`},
		{made(number, `json:"a" f:1`), `A: its tag cannot be read from "f:1" on`},
		{made(number, `json:"a" was:"x"`), `A: the tag was: `},
		{made(number, `json:"a" was:"" level:"x"`), `A: the level "x" is none`},
		{made(number, `json:"a" level:"2"`), `A: the level "2" is none, or nothing says what was before it`},
		{made(number, `json:"a" word:"all=x"`), `A: the word all stands for no number`},
		{made(number, `json:"a" f:"1"`, `json:"b" f:"1"`), `B: its number is that of A`},
		{made(number, `json:"a"`, `json:"a"`), `B: its name "a" is that of A`},
		{made(number, `json:"a" yaml:"b"`, `json:"a" yaml:"c"`), `B: its name "a" in JSON is that of A`},
		{reflect.TypeFor[struct {
			a int `f:"1"`
		}](), `a: it has a number, and cannot be reached`},
		{reflect.TypeFor[struct {
			hidden `doc:"x"`
		}](), `hidden: the tag "doc" says nothing of an embedded struct`},
		{reflect.TypeFor[struct {
			hidden
			B int `json:"size"`
		}](), `B: its name "size" is that of Size`},
	} {
		if got := mistake(c.of); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q", c.of, got, c.want)
		}
	}
}

// mistake is what stops the program when a struct is described.
func mistake(of reflect.Type) (words string) {
	defer func() {
		if r := recover(); r != nil {
			words = fmt.Sprint(r)
		}
	}()
	Numbered(of)
	return ""
}
