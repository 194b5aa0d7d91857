package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"

	"g2c/model/metrics"
)

//go:embed joined.html
var joinedText string

var joinedTemplate = template.Must(template.New("joined").Funcs(words).Parse(joinedText))

// Text writes the tables for people: the paper's numbers in lines that say so, ours below.
func (j *Joined) Text(w io.Writer) error {
	var out bytes.Buffer
	for i := range j.Tables {
		j.Tables[i].text(&out)
	}
	for _, t := range j.Tests {
		fmt.Fprintln(&out, wrapped(t.String()))
	}
	_, err := w.Write(trimLines(out.Bytes()))
	return err
}

func (t *Table) text(out io.Writer) {
	fmt.Fprintf(out, "%s\n", wrapped(t.Heading()))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\tfrom")
	for _, c := range t.Columns {
		fmt.Fprintf(w, "\t%s", c)
	}
	fmt.Fprintln(w)
	for _, l := range t.Lines() {
		fmt.Fprintf(w, "%s\t%s", l.Name, l.From)
		for _, c := range l.Cells {
			fmt.Fprintf(w, "\t%s", c.Value+c.Interval)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	if t.Note != "" {
		fmt.Fprintln(out, wrapped(t.Note))
	}
	fmt.Fprintln(out)
}

// Heading is the table's name and title.
func (t *Table) Heading() string {
	if _, err := strconv.Atoi(t.Name); err != nil {
		return t.Title
	}
	return fmt.Sprintf("Table %s. %s", t.Name, t.Title)
}

// tableLine is a line of a table as it is shown.
type tableLine struct {
	Name, From string
	Theirs     bool // the paper's numbers
	Cells      []shownCell
}

type shownCell struct{ Value, Interval string }

// Lines are the lines of the table: of each row the paper's numbers, then ours.
func (t *Table) Lines() []tableLine {
	var out []tableLine
	for _, r := range t.Rows {
		from := len(out)
		if slices.ContainsFunc(r.Paper, metrics.Number.Defined) {
			theirs := tableLine{From: "the paper", Theirs: true}
			for i, v := range r.Paper {
				theirs.Cells = append(theirs.Cells, shownCell{Value: t.shown(i, v)})
			}
			out = append(out, theirs)
		}
		for _, o := range r.Ours {
			ours := tableLine{From: o.from(r.Name)}
			for i, c := range o.Cells {
				ours.Cells = append(ours.Cells, shownCell{t.shown(i, c.Value), t.spreadText(i, c)})
			}
			out = append(out, ours)
		}
		if len(r.Ours) == 0 && len(out) > from {
			none := tableLine{From: "not run"}
			for range t.Columns {
				none.Cells = append(none.Cells, shownCell{Value: "–"})
			}
			out = append(out, none)
		}
		if len(out) > from { // of what nobody knows anything there is no line
			out[from].Name = r.Name
		}
	}
	return out
}

// from says what our numbers of a row are of.
func (o *Ours) from(row string) string {
	text := o.Run
	if o.Title != "" && o.Title != row {
		text += ", " + o.Title
	}
	if n := len(o.Seeds); n > 1 {
		text += ", " + plural(n, "seed")
	}
	return text
}

func (t *Table) shown(column int, v metrics.Number) string {
	if !v.Defined() {
		return "–"
	}
	if t.Name == "ablations" {
		return fmt.Sprintf("%+.*f", t.decimals[column], float64(v))
	}
	return strconv.FormatFloat(float64(v), 'f', t.decimals[column], 64)
}

// spreadText is the interval of a cell, or else its deviation over seeds.
func (t *Table) spreadText(column int, c Cell) string {
	switch {
	case c.CI95 != nil:
		return " [" + t.shown(column, c.CI95[0]) + ", " + t.shown(column, c.CI95[1]) + "]"
	case c.SD.Defined():
		return " ± " + strconv.FormatFloat(float64(c.SD), 'f', t.decimals[column], 64)
	}
	return ""
}

// String is the test as a sentence.
func (t PaperTest) String() string {
	text := fmt.Sprintf("PAS_ALL less PAS_ONLY, %s: the paper gives p = %v; %s has %s, p %s, %s of its family", t.Task, t.Paper, t.Run, signedText(spread{Mean: t.Difference, SD: metrics.Undefined()}), pText(t.P), pText(t.PHolm))
	if !t.Claim {
		text += "; no claim: " + t.Why
	}
	return text
}

// HTML is a page of all tables, without scripts and other files.
func (j *Joined) HTML() ([]byte, error) {
	var out bytes.Buffer
	if err := joinedTemplate.Execute(&out, j); err != nil {
		return nil, fmt.Errorf("write the tables: %w", err)
	}
	return out.Bytes(), nil
}
