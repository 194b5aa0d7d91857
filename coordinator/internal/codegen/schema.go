package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// schema is what the packages declare.
type schema struct {
	types    map[string]*declared // by package and name: "command.Place"
	commands []*command           // by number
}

// declared is a type of one of the packages.
type declared struct {
	pkg, name string
	under     string // "struct", or the type that it is another name of
	fields    []field
	tagged    bool // a field of it has a number
}

func (d *declared) String() string { return d.pkg + "." + d.name }

// field is a field of a struct as its tags describe it.
type field struct {
	path   string // below the struct: "Need.Device" for one of a flat struct
	typ    string // as its package says it, with the package if it is another's
	pkg    string // which that is
	number int    // 0 for what is not written
	level  int    // 1 for from the first release on
	fixed  bool
	flat   bool
	unless string
	name   string // in refusals
	rules  []rule
}

// rule is a limit: "max=9".
type rule struct{ kind, arg string }

// command is a struct that stands in the log.
type command struct {
	*declared
	number        int
	level         int
	verb, subject string
}

const directive = "//log:command "

// load reads packages, by the names by which they call each other.
func load(folders map[string]string) (*schema, error) {
	s := &schema{types: map[string]*declared{}}
	for pkg, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_gen.go") {
				continue
			}
			f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			if err := s.file(set, pkg, f); err != nil {
				return nil, err
			}
		}
	}
	return s, s.check()
}

func (s *schema) file(set *token.FileSet, pkg string, f *ast.File) error {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			t := spec.(*ast.TypeSpec)
			if err := s.add(pkg, t, g.Doc); err != nil {
				return fmt.Errorf("%s: %s: %w", set.Position(t.Pos()), t.Name.Name, err)
			}
		}
	}
	return nil
}

// add enters a type, and the command that it is.
func (s *schema) add(pkg string, t *ast.TypeSpec, doc *ast.CommentGroup) error {
	d := &declared{pkg: pkg, name: t.Name.Name}
	s.types[d.String()] = d
	st, ok := t.Type.(*ast.StructType)
	if !ok {
		d.under = types.ExprString(t.Type)
		return nil
	}
	d.under = "struct"
	for _, f := range st.Fields.List {
		if err := d.add(f); err != nil {
			return err
		}
	}
	if doc == nil || pkg != "command" {
		return nil
	}
	for _, c := range doc.List {
		if line, ok := strings.CutPrefix(c.Text, directive); ok {
			k, err := parseCommand(line)
			if err != nil {
				return err
			}
			k.declared = d
			s.commands = append(s.commands, k)
		}
	}
	return nil
}

// add enters the fields of one declaration.
func (d *declared) add(f *ast.Field) error {
	one := field{typ: types.ExprString(f.Type), pkg: d.pkg, level: 1}
	names := []string{one.typ[strings.LastIndexAny(one.typ, ".*")+1:]} // of one that is embedded
	if len(f.Names) > 0 {
		names = nil
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	tagged := false
	if f.Tag != nil {
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return err
		}
		if tagged, err = one.parse(reflect.StructTag(tag), d.pkg != "api"); err != nil {
			return fmt.Errorf("%s: %w", names[0], err)
		}
	}
	if one.number > 0 && len(names) > 1 {
		return fmt.Errorf("%s: one number for %d fields", names[0], len(names))
	}
	d.tagged = d.tagged || one.number > 0
	for _, n := range names {
		next := one
		next.path = n
		if !tagged {
			next.number = -1
		}
		d.fields = append(d.fields, next)
	}
	return nil
}

// parse reads tags. It reports whether a field says at all whether it is written.
func (f *field) parse(tag reflect.StructTag, strict bool) (bool, error) {
	if strict {
		if err := checkKeys(string(tag)); err != nil {
			return false, err
		}
	}
	number, ok := tag.Lookup("f")
	if !ok || number == "-" {
		return ok, nil
	}
	number, option, _ := strings.Cut(number, ",")
	var err error
	if f.number, err = strconv.Atoi(number); err != nil || f.number < 1 {
		return false, fmt.Errorf("%q is no number of a field", number)
	}
	f.fixed, f.flat, f.unless, f.name = option == "fixed", option == "flat", tag.Get("unless"), tag.Get("name")
	if strict && option != "" && !f.fixed && !f.flat {
		return false, fmt.Errorf("there is no option %q of a number", option)
	}
	if level := tag.Get("level"); strict && level != "" {
		if f.level, err = strconv.Atoi(level); err != nil || f.level < 2 {
			return false, fmt.Errorf("%q is no level", level)
		}
	}
	if limits := tag.Get("rule"); strict && limits != "" {
		for _, part := range strings.Split(limits, ",") {
			kind, arg, given := strings.Cut(part, "=")
			if known := kind == "id" && !given || kind == "rising" || (kind == "min" || kind == "max") && arg != ""; !known {
				return false, fmt.Errorf("%q is no rule", part)
			}
			f.rules = append(f.rules, rule{kind, arg})
		}
	}
	return true, nil
}

// checkKeys holds a tag to the keys that there are.
func checkKeys(tag string) error {
	for tag = strings.TrimSpace(tag); tag != ""; tag = strings.TrimSpace(tag) {
		key, after, _ := strings.Cut(tag, ":")
		value, err := strconv.QuotedPrefix(after)
		if err != nil {
			return fmt.Errorf("its tag cannot be read from %q on", tag)
		}
		if !slices.Contains([]string{"f", "level", "rule", "name", "unless"}, key) {
			return fmt.Errorf("there is no tag %q", key)
		}
		tag = after[len(value):]
	}
	return nil
}

// parseCommand reads what stands behind the directive.
func parseCommand(line string) (*command, error) {
	number, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	k := &command{level: 1}
	var err error
	if k.number, err = strconv.Atoi(number); err != nil || k.number < 1 {
		return nil, fmt.Errorf("%q is no number of a command", number)
	}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		key, value, _ := strings.Cut(rest, "=")
		if quoted, err := strconv.QuotedPrefix(value); err == nil {
			value, rest = quoted[1:len(quoted)-1], value[len(quoted):]
		} else {
			value, rest, _ = strings.Cut(value, " ")
		}
		switch key {
		case "level":
			if k.level, err = strconv.Atoi(value); err != nil || k.level < 2 {
				return nil, fmt.Errorf("%q is no level", value)
			}
		case "verb":
			k.verb = value
		case "subject":
			k.subject = value
		default:
			return nil, fmt.Errorf("a command has no %q", key)
		}
	}
	return k, nil
}

// check asks for what makes a schema whole.
func (s *schema) check() error {
	slices.SortFunc(s.commands, func(a, b *command) int { return a.number - b.number })
	for i, k := range s.commands {
		if k.number != i+1 {
			return fmt.Errorf("%s has the number %d, where %d belongs: numbers are not used twice, and leave no gap", k, k.number, i+1)
		}
	}
	for _, d := range s.sorted("") {
		if d.pkg == "api" || !d.tagged {
			continue
		}
		if err := s.within(d, nil); err != nil {
			return err
		}
		for _, f := range d.fields {
			if d.pkg == "command" && f.unless != "" || d.pkg == "state" && (f.level > 1 || f.fixed || f.name != "" || len(f.rules) > 0) {
				return fmt.Errorf("%s: %s has a tag that package %s has no use for", d, f.path, d.pkg)
			}
		}
		list, err := s.flatten(d)
		if err != nil {
			return err
		}
		for i := range list {
			if i > 0 && list[i].number == list[i-1].number {
				return fmt.Errorf("%s: %s and %s have the number %d", d, list[i-1].path, list[i].path, list[i].number)
			}
		}
	}
	return nil
}

// within refuses a struct that stands in itself: bytes could have it read without end.
func (s *schema) within(d *declared, outer []*declared) error {
	if slices.Contains(outer, d) {
		return fmt.Errorf("%s stands in itself", d)
	}
	for _, f := range d.fields {
		if inner := s.find(f.pkg, strings.TrimPrefix(f.typ, "[]")); inner != nil && inner.tagged && f.number > 0 {
			if err := s.within(inner, append(slices.Clip(outer), d)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sorted lists the types of a package, or of all, by name.
func (s *schema) sorted(pkg string) []*declared {
	var out []*declared
	for _, d := range s.types {
		if pkg == "" || d.pkg == pkg {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *declared) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// find finds the type that a package calls so; nil if it is of none of the packages.
func (s *schema) find(pkg, name string) *declared {
	if d := s.types[name]; d != nil {
		return d
	}
	return s.types[pkg+"."+name]
}

// flatten lists the fields that are written, by number, those of flat structs in place of
// these.
func (s *schema) flatten(d *declared) ([]field, error) {
	var out []field
	for _, f := range d.fields {
		if f.number < 0 {
			if d.pkg == "api" {
				continue
			}
			return nil, fmt.Errorf("%s: %s has no number, and no f:\"-\" that says that it is not written", d, f.path)
		}
		if f.number == 0 {
			continue
		}
		if !f.flat {
			out = append(out, f)
			continue
		}
		inner := s.find(f.pkg, f.typ)
		if inner == nil || inner.under != "struct" || len(f.rules) > 0 || f.level > 1 {
			return nil, fmt.Errorf("%s: %s cannot be flat: it is a struct, and its tags stand in there", d, f.path)
		}
		list, err := s.flatten(inner)
		if err != nil {
			return nil, err
		}
		for _, g := range list {
			g.path, g.number = f.path+"."+g.path, f.number+g.number-1
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b field) int { return a.number - b.number })
	return out, nil
}

func (f *field) rule(kind string) (arg string, ok bool) {
	for _, r := range f.rules {
		if r.kind == kind {
			return r.arg, true
		}
	}
	return "", false
}
