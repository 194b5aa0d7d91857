package main

import (
	"fmt"
	"strings"
	"unicode"
)

// message is a struct whose methods are being written.
type message struct {
	*declared
	*schema
	*text
	list  []field // by number
	first int     // the lowest level that has it
}

// kind sorts a field that has no shape: a "message", "messages" or an "enum" of a type of
// this package.
func (m *message) kind(f field) (kind string, of *declared, err error) {
	if f.fixed && f.typ != "uint64" {
		return "", nil, fmt.Errorf("%s: a %s is not of a fixed size", f.path, f.typ)
	}
	if d := m.inner(f); d != nil {
		if strings.HasPrefix(f.typ, "[]") {
			return "messages", d, nil
		}
		return "message", d, nil
	}
	if d := m.find("command", f.typ); d != nil && d.pkg == "command" && d.under == "string" {
		return "enum", d, nil
	}
	return "", nil, fmt.Errorf("%s: there is no encoding of a %s", f.path, f.typ)
}

func (f *field) shape() (shape, bool) {
	if f.fixed && f.typ == "uint64" {
		return shapes["fixed"], true
	}
	z, ok := shapes[f.typ]
	return z, ok && !f.fixed
}

// set is the condition under which a field is there, "" if it always is.
func (m *message) set(f field) string {
	if z, ok := f.shape(); ok {
		return z.set
	}
	switch kind, _, _ := m.kind(f); kind {
	case "messages":
		return "len(%s) > 0"
	case "enum":
		return `%s != ""`
	}
	return ""
}

// late says whether a struct has fields that came after it, at any depth.
func (s *schema) late(d *declared) bool {
	list, err := s.flatten(d)
	for _, f := range list {
		if inner := s.inner(f); f.level > 1 || inner != nil && s.late(inner) {
			return true
		}
	}
	return err != nil
}

// level writes the method that says which releases read a value: of all commands, and of
// those structs in them that some do not.
func (m *message) level() error {
	late := m.late(m.declared)
	if !late && !m.isCommand() {
		return nil
	}
	m.line("\nfunc (c %s) level() int {", m.name)
	if !late {
		m.line("return %d\n}", m.first)
		return nil
	}
	m.line("level := %d", m.first)
	for _, f := range m.list {
		at := "c." + f.path
		if f.level > m.first {
			set := m.set(f)
			if set == "" {
				return fmt.Errorf("%s: it is always there, so it cannot be of a later level", f.path)
			}
			m.line("if %s {\nlevel = max(level, %d)\n}", fmt.Sprintf(set, at), f.level)
		}
		if inner := m.inner(f); inner != nil && m.late(inner) {
			if strings.HasPrefix(f.typ, "[]") {
				m.line("for i := range %s {\nlevel = max(level, %s[i].level())\n}", at, at)
			} else {
				m.line("level = max(level, %s.level())", at)
			}
		}
	}
	m.line("return level\n}")
	return nil
}

func (m *message) isCommand() bool {
	for _, k := range m.commands {
		if k.declared == m.declared {
			return true
		}
	}
	return false
}

func (m *message) append() error {
	m.line("\nfunc (c %s) append(b []byte) []byte {", m.name)
	for _, f := range m.list {
		if m.inner(f) != nil {
			m.line("var from int")
			break
		}
	}
	for _, f := range m.list {
		at := "c." + f.path
		if z, ok := f.shape(); ok {
			m.line("b = "+z.write, f.number, at)
			continue
		}
		kind, _, err := m.kind(f)
		if err != nil {
			return err
		}
		switch kind {
		case "enum":
			m.line("b = appendUint(b, %d, %s.number())", f.number, at)
		case "message":
			m.line("b, from = begin(b, %d)\nb = end(%s.append(b), from)", f.number, at)
		case "messages":
			m.line("for i := range %s {\nb, from = begin(b, %d)\nb = end(%s[i].append(b), from)\n}", at, f.number, at)
		}
	}
	m.line("return b\n}")
	return nil
}

func (m *message) read() error {
	m.line("\nfunc (c *%s) read(d *reader) {\nfor d.next() {\nswitch d.number {", m.name)
	var always []string
	for _, f := range m.list {
		at := "c." + f.path
		m.line("case %d:", f.number)
		if z, ok := f.shape(); ok {
			read := z.read
			if strings.Contains(read, "%s") {
				read = fmt.Sprintf(read, at)
			}
			m.line("%s = d.%s", at, read)
			if z.set == "" {
				always = append(always, fmt.Sprintf("1<<%d", f.number))
			}
			continue
		}
		kind, of, err := m.kind(f)
		if err != nil {
			return err
		}
		switch kind {
		case "enum":
			m.line("%s = d.%s()", at, lower(of.name))
		case "message":
			m.line("in := d.inside()\n%s.read(&in)\nd.leave(&in)", at)
			always = append(always, fmt.Sprintf("1<<%d", f.number))
		case "messages":
			m.line("var v %s\nin := d.inside()\nv.read(&in)\nd.leave(&in)\n%s = append(%s, v)\nd.list = true", of.name, at, at)
		}
	}
	m.line("default:\nd.unknown()\n}\n}")
	if len(always) > 0 {
		m.line("d.want(%s)", strings.Join(always, " | "))
	}
	m.line("}")
	return nil
}

func (m *message) check() error {
	m.line("\nfunc (c %s) check(k *checker) {", m.name)
	for _, f := range m.list {
		if err := m.limits(f); err != nil {
			return err
		}
	}
	m.line("}")
	return nil
}

// limits writes the checks of one field: those of its type, and those of its rules.
func (m *message) limits(f field) error {
	at, what := "c."+f.path, f.name
	if what == "" {
		what = words(f.path[strings.LastIndex(f.path, ".")+1:])
	}
	bound := func(kind, otherwise string) string {
		if arg, ok := f.rule(kind); ok {
			return arg
		}
		return otherwise
	}
	_, id := f.rule("id")
	of, rising := f.rule("rising")
	list := strings.HasPrefix(f.typ, "[]")
	if id && f.typ != "string" || rising && !list {
		return fmt.Errorf("%s: a %s has no such rule", f.path, f.typ)
	}
	switch {
	case id:
		m.line("k.id(%q, %s)", what, at)
	case f.typ == "string":
		m.line("k.text(%q, %s, %s)", what, at, bound("max", "MaxText"))
	case f.typ == "int":
		m.line("k.between(%q, int64(%s), %s, %s)", what, at, bound("min", "math.MinInt32"), bound("max", "math.MaxInt32"))
	case f.typ == "int64" && len(f.rules) > 0:
		m.line("k.between(%q, %s, %s, %s)", what, at, bound("min", "math.MinInt64"), bound("max", "math.MaxInt64"))
	case list:
		high, ok := f.rule("max")
		if !ok {
			return fmt.Errorf("%s: a list without the rule max", f.path)
		}
		m.line("k.count(%q, len(%s), %s, %s)", what, at, bound("min", "0"), high)
	case len(f.rules) > 0:
		return fmt.Errorf("%s: a %s has no such rule", f.path, f.typ)
	}
	switch {
	case rising && of == "":
		m.line("rising(k, %q, %s, func(a, b *%s) int { return a.Compare(*b) })", what, at, f.typ[2:])
	case rising:
		m.line("rising(k, %q, %s, func(a, b *%s) int { return cmp.Compare(a.%s, b.%s) })", what, at, f.typ[2:], of, of)
	}
	if _, ok := f.shape(); ok {
		return nil
	}
	kind, of2, err := m.kind(f)
	switch kind {
	case "enum":
		m.line("k.%s(%s)", lower(of2.name), at)
	case "message":
		m.line("%s.check(k)", at)
	case "messages":
		m.line("for i := range %s {\n%s[i].check(k)\n}", at, at)
	}
	return err
}

// lower begins a name in lower case: what is its package's own.
func lower(name string) string {
	r := []rune(name)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

// words is a field's name as it is said: "NotBefore" is "not before".
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && !unicode.IsUpper(rune(name[i-1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
