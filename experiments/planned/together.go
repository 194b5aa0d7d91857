package planned

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"g2c/api"
)

// Together is several plans of one store as one: a task that several ask for is trained
// once. Its JSON is `g2c plan A B --json`.
type Together struct {
	Experiments []*Listing `json:"experiments"`
	Tasks       int        `json:"tasks"`    // different ones
	Requests    int        `json:"requests"` // tasks of all experiments
	Done        int        `json:"done"`
	Shared      []Shared   `json:"shared"`           // what more than one experiment asks for, in the order of the plans
	SecondsLeft float64    `json:"secondsLeft"`      // as of a Listing, each task once
	UnknownLeft int        `json:"unknownTasksLeft"` // as of a Listing
}

// Shared is a task that several experiments ask for.
type Shared struct {
	Name        string   `json:"name"` // that the first of them has for it
	Key         api.Key  `json:"key"`
	State       State    `json:"state"`
	Experiments []string `json:"experiments"`
}

// Join puts plans together.
func Join(all []*Listing) *Together {
	t := &Together{Experiments: all, Shared: []Shared{}}
	at := map[api.Key]*Shared{}
	best := map[api.Key]Task{} // with the time, where one plan knows it
	var order []api.Key
	for _, l := range all {
		for _, task := range l.Tasks {
			t.Requests++
			s := at[task.Key]
			if s == nil {
				s = &Shared{Name: task.Name, Key: task.Key, State: task.State}
				at[task.Key], best[task.Key] = s, task
				order = append(order, task.Key)
			}
			s.Experiments = append(s.Experiments, l.Experiment)
			if best[task.Key].Seconds == nil {
				best[task.Key] = task
			}
		}
	}
	t.Tasks = len(order)
	for _, key := range order {
		if s := at[key]; len(s.Experiments) > 1 {
			t.Shared = append(t.Shared, *s)
		}
		switch task := best[key]; {
		case task.State == Done:
			t.Done++
		case task.Seconds == nil:
			t.UnknownLeft++
		default:
			t.SecondsLeft += *task.Seconds
		}
	}
	return t
}

// JSON is the plans for programs, indented, with a newline at the end.
func (t *Together) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the plans: %w", err)
	}
	return append(text, '\n'), nil
}

// Text writes the plans for people: one line each, and what they share.
func (t *Together) Text(w io.Writer) error {
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EXPERIMENT\tTASKS\tDONE\tLEFT ALONE")
	for _, l := range t.Experiments {
		done := 0
		for _, k := range l.Kinds {
			done += k.Done
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", l.Experiment, len(l.Tasks), done, leftText(len(l.Tasks)-done, l.UnknownLeft, l.SecondsLeft))
	}
	fmt.Fprintf(table, "together\t%d\t%d\t%s\n", t.Tasks, t.Done, leftText(t.Tasks-t.Done, t.UnknownLeft, t.SecondsLeft))
	table.Flush()
	if len(t.Shared) > 0 {
		fmt.Fprintln(&out)
		table = tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "TASK\tKEY\tSTATE\tSHARED BY")
		for _, s := range t.Shared {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Name, s.Key.Short(), s.State, strings.Join(s.Experiments, ", "))
		}
		table.Flush()
	} else {
		fmt.Fprintln(&out, "\nThey share no task.")
	}
	_, err := w.Write(trimRight(out.Bytes()))
	return err
}

// leftText is the time that tasks take one after another.
func leftText(tasks, unknown int, seconds float64) string {
	switch {
	case tasks == 0:
		return "nothing"
	case unknown == tasks:
		return "unknown"
	case unknown > 0:
		return Duration(seconds) + " and " + strconv.Itoa(unknown) + " of unknown time"
	}
	return Duration(seconds)
}
