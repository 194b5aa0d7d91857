package planned

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"g2c/experiments/record"
)

// JSON is the listing for programs, indented, with a newline at the end.
func (l *Listing) JSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(l); err != nil {
		return nil, fmt.Errorf("encode the plan: %w", err)
	}
	return out.Bytes(), nil
}

// Text writes the listing for people.
func (l *Listing) Text(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s  spec %.12s  %s\n\n", l.Experiment, l.SpecHash, l.NumericsClass)
	if len(l.Labels) > 0 {
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(l.Labels)) {
			labels = append(labels, name+": "+l.Labels[name])
		}
		fmt.Fprintf(&out, "labels  %s\n\n", strings.Join(labels, ", "))
	}
	l.kindsText(&out)
	out.WriteByte('\n')
	l.tasksText(&out)
	out.WriteByte('\n')
	l.dataText(&out)
	fmt.Fprintln(&out, l.costText())
	if l.Cost != nil {
		fmt.Fprintln(&out, l.Cost)
	}
	_, err := w.Write(trimRight(out.Bytes()))
	return err
}

func (l *Listing) kindsText(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tTASKS\tREQUESTS\tDONE")
	for _, k := range l.Kinds {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\n", k.Kind, k.Tasks, k.Requests, k.Done)
	}
	t.Flush()
}

// dataText is the verdict on the data.
func (l *Listing) dataText(out io.Writer) {
	if len(l.Data) == 0 {
		return
	}
	fmt.Fprintln(out, "DATA")
	for _, f := range record.Findings(l.Data) {
		fmt.Fprintf(out, "%s  %-5s %s: %s\n", f.Set, f.State, f.Name, f.Text)
	}
	fmt.Fprintln(out)
}

func (l *Listing) tasksText(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TASK\tKEY\tSTATE\tSTEPS\tTIME\tBASIS\tSHARED BY")
	for _, task := range l.Tasks {
		steps, shared := "unknown", ""
		if task.Steps != nil {
			steps = strconv.FormatInt(*task.Steps, 10)
		}
		if task.Requests > 1 {
			shared = fmt.Sprintf("%d requests", task.Requests)
		}
		basis := string(task.Basis)
		if task.Basis == Unknown {
			basis = ""
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", task.Name, task.Key.Short(), task.State, steps, secondsText(task.Seconds), basis, shared)
		for _, alias := range task.Aliases {
			fmt.Fprintf(t, "  = %s\t\t\t\t\t\t\n", alias)
		}
	}
	t.Flush()
}

// costText is what is left to do, on one device.
func (l *Listing) costText() string {
	left := 0
	for _, t := range l.Tasks {
		if t.State != Done {
			left++
		}
	}
	switch {
	case left == 0:
		return "Left to do: nothing."
	case l.UnknownLeft == left:
		return fmt.Sprintf("Left to do: %d tasks, time unknown.", left)
	case l.UnknownLeft > 0:
		return fmt.Sprintf("Left to do: %d tasks; %d take about %s one after another, the time of %d is unknown.",
			left, left-l.UnknownLeft, Duration(l.SecondsLeft), l.UnknownLeft)
	}
	return fmt.Sprintf("Left to do: %d tasks, about %s one after another.", left, Duration(l.SecondsLeft))
}

func secondsText(s *float64) string {
	if s == nil {
		return "unknown"
	}
	return Duration(*s)
}

// Duration is seconds for people, to two units.
func Duration(seconds float64) string {
	s := int64(seconds + 0.5)
	switch {
	case seconds < 10:
		return fmt.Sprintf("%.1f s", seconds)
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %02d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %02d h", s/86400, s%86400/3600)
}

// trimRight removes the spaces that fill a table's last column.
func trimRight(text []byte) []byte {
	lines := strings.Split(string(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return []byte(strings.Join(lines, "\n"))
}
