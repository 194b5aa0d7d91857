package main

import (
	"fmt"
	"regexp"
	"strings"
)

// shape is how a field is handled, by its type.
type shape struct {
	write string // appends it: a function and its argument
	read  string // a method of the reader
	set   string // true if it is there; empty for what always is
}

var shapes = map[string]shape{
	"uint64":     {"appendUint(b, %d, %s)", "uint()", "%s != 0"},
	"fixed":      {"appendFixed(b, %d, %s)", "fixed()", "%s != 0"},
	"int64":      {"appendInt(b, %d, %s)", "long()", "%s != 0"},
	"int":        {"appendInt(b, %d, int64(%s))", "int()", "%s != 0"},
	"bool":       {"appendFlag(b, %d, %s)", "flag()", "%s"},
	"string":     {"appendText(b, %d, %s)", "text()", `%s != ""`},
	"api.Key":    {"appendKey(b, %d, (*[32]byte)(&%s))", "key()", ""},
	"[32]byte":   {"appendKey(b, %d, &%s)", "key()", ""},
	"[]api.Key":  {"appendKeys(b, %d, %s)", "keys(%s)", "len(%s) > 0"},
	"[]api.Work": {"appendWorks(b, %d, %s)", "works(%s)", "len(%s) > 0"},
}

// codec writes the methods of commands and of what stands in them.
func codec(s *schema, file *text) error {
	w := &text{}
	if err := s.codec(w); err != nil {
		return err
	}
	file.line("package command\n")
	for _, path := range []string{"cmp", "math", "strconv", "g2c/api"} {
		if name := path[strings.LastIndex(path, "/")+1:]; strings.Contains(w.String(), name+".") {
			file.line("import %q", path)
		}
	}
	file.Write(w.Bytes())
	return nil
}

func (s *schema) codec(w *text) error {
	w.line("\n// commands lists an empty one of each, by number.\nvar commands = []Command{")
	for _, k := range s.commands {
		w.line("%s{},", k.name)
	}
	w.line("}\n\n// read reads the command of a number from all that is left.")
	w.line("func (d *reader) read(number int) Command {\nswitch number {")
	for _, k := range s.commands {
		w.line("case %d:\nvar c %s\nc.read(d)\nreturn c", k.number, k.name)
	}
	w.line("}\nd.fail(\"no command has the number %%d\", number)\nreturn nil\n}")
	for _, k := range s.commands {
		if err := k.methods(s, w); err != nil {
			return err
		}
	}
	done := map[*declared]bool{}
	for _, k := range s.commands {
		if err := s.message(w, k.declared, k.level, done); err != nil {
			return err
		}
	}
	return nil
}

// message writes the methods of a struct that is a message of its own, and then of those
// that stand in it.
func (s *schema) message(w *text, d *declared, level int, done map[*declared]bool) error {
	if done[d] {
		return nil
	}
	done[d] = true
	list, err := s.flatten(d)
	if err != nil {
		return err
	}
	m := &message{declared: d, schema: s, text: w, list: list, first: level}
	for _, write := range []func() error{m.level, m.append, m.read, m.check} {
		if err := write(); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
	}
	for _, f := range list {
		if inner := s.inner(f); inner != nil {
			if err := s.message(w, inner, 1, done); err != nil {
				return err
			}
		}
	}
	return nil
}

// inner is the struct of a field that holds messages of it; nil for another field.
func (s *schema) inner(f field) *declared {
	d := s.find("command", strings.TrimPrefix(f.typ, "[]"))
	if d == nil || d.pkg != "command" || !d.tagged {
		return nil
	}
	return d
}

// methods writes what commands alone have.
func (k *command) methods(s *schema, w *text) error {
	if !k.tagged {
		return fmt.Errorf("%s: a command without fields", k)
	}
	list, err := s.flatten(k.declared)
	if err != nil {
		return err
	}
	verb, subject, err := k.describe(list)
	if err != nil {
		return err
	}
	w.line("\n// Number implements Command.\nfunc (%s) Number() int { return %d }\n", k.name, k.number)
	w.line("func (c %s) describe() (verb, subject string) {", k.name)
	if first, other, both := strings.Cut(subject, "|"); both {
		w.line("if %s == \"\" {\nreturn %s, %s\n}", first, verb, other)
		subject = first
	}
	w.line("return %s, %s\n}", verb, subject)
	return nil
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// describe is what the audit says, as expressions.
func (k *command) describe(list []field) (verb, subject string, err error) {
	textOf := func(path string) string {
		for _, f := range list {
			if f.path != path {
				continue
			}
			switch f.typ {
			case "string":
				return "c." + path
			case "int":
				return "strconv.Itoa(c." + path + ")"
			case "api.Key":
				return "c." + path + ".String()"
			case "Mode":
				return "string(c." + path + ")"
			}
		}
		err = fmt.Errorf("%s: the audit cannot say its %q", k, path)
		return `""`
	}
	if k.verb == "" {
		k.verb = k.name
	}
	verb = fmt.Sprintf("%q", k.verb)
	verb = placeholder.ReplaceAllStringFunc(verb, func(p string) string { return `" + ` + textOf(p[1:len(p)-1]) + ` + "` })
	verb = strings.TrimSuffix(strings.TrimPrefix(verb, `"" + `), ` + ""`)
	if k.subject == "" {
		return verb, `""`, err
	}
	var parts []string
	for _, path := range strings.Split(k.subject, "|") {
		parts = append(parts, textOf(path))
	}
	if len(parts) > 2 {
		err = fmt.Errorf("%s: a subject of %d fields, at most 2", k, len(parts))
	}
	return verb, strings.Join(parts, "|"), err
}
