package main

import (
	"fmt"
	"strings"
)

// coders are the coder's methods for fields of a record, by type; each takes a pointer.
var coders = map[string]string{
	"uint64": "uint", "int": "int", "int64": "time", "bool": "flag", "string": "text", "[]string": "texts",
	"[32]byte": "key", "[]api.Key": "keys", "[]uint64": "uints",
}

// owned are fields that are read and written with the record that they stand in.
var owned = map[string]string{"*api.Work": "work", "*api.Running": "running"}

// fields writes the method of each record, and of each struct in one, that visits its
// fields.
func fields(s *schema, w *text) error {
	w.line("package state\n\nimport \"g2c/coordinator/command\"")
	for _, d := range s.sorted("state") {
		if !d.tagged {
			continue
		}
		w.line("\nfunc (r *%s) fields(c coder) {", d.name)
		if err := s.visit(w, d, "r"); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
		w.line("}")
	}
	return nil
}

// visit writes the calls for the fields of a struct that stands at an expression.
func (s *schema) visit(w *text, d *declared, at string) error {
	list, err := s.flatten(d)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.unless != "" {
			w.line("if !%s.%s {", at, f.unless)
		}
		if err := s.visitField(w, f, at); err != nil {
			return err
		}
		if f.unless != "" {
			w.line("}")
		}
	}
	return nil
}

func (s *schema) visitField(w *text, f field, at string) error {
	place := at + "." + f.path
	if method, ok := coders[f.typ]; ok {
		w.line("c.%s(%d, &%s)", method, f.number, place)
		return nil
	}
	if method, ok := owned[f.typ]; ok && !strings.Contains(f.path, ".") {
		w.line("c.%s(%d, %s)", method, f.number, at)
		return nil
	}
	name, many := strings.CutPrefix(f.typ, "[]")
	d := s.find(f.pkg, name)
	switch {
	case d == nil:
	case many && d.tagged:
		w.line("c.each(%d, len(%s), func(i int, c coder) {", f.number, place)
		w.line("if i == len(%s) {\n%s = append(%s, %s{})\n}", place, place, place, d.from("state"))
		if d.pkg == "state" {
			w.line("%s[i].fields(c)\n})", place)
			return nil
		}
		err := s.visit(w, d, place+"[i]")
		w.line("})")
		return err
	case !many && d.under == "string":
		w.line("c.text(%d, (*string)(&%s))", f.number, place)
		return nil
	}
	return fmt.Errorf("%s: a record cannot hold a %s", f.path, f.typ)
}

// from is a type's name as a package calls it.
func (d *declared) from(pkg string) string {
	if d.pkg == pkg {
		return d.name
	}
	return d.String()
}

// rules writes the dispatch of commands to the state's rules.
func rules(s *schema, w *text) error {
	w.line("package state\n\nimport (\n\"fmt\"\n\n\"g2c/coordinator/command\"\n)\n")
	w.line("// change plays a command by its rule.\nfunc (s *State) change(c command.Command) error {\nswitch c := c.(type) {")
	for _, k := range s.commands {
		w.line("case command.%s:\nreturn s.%s(c)", k.name, lower(k.name))
	}
	w.line("}\npanic(fmt.Sprintf(\"state: command %%T has no rule\", c))\n}")
	return nil
}
