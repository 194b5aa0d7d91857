package cluster

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// attendance is a member at a meeting of its gang, as its log has it.
type attendance struct {
	at         time.Time
	worker     string
	life       int // of the worker's processes, the number of this one
	run        int // of the process's runs, the number of this one
	task       string
	generation uint64
	members    int
	stood      int           // after how many steps it came
	step       int           // after how many the gang goes on
	waited     time.Duration // for the others
	trains     time.Time     // when its first step after the meeting was done; zero if none was
}

// fieldsOf reads the fields of a line of a log.
func fieldsOf(line string) map[string]string {
	fields := map[string]string{}
	for key, rest, ok := strings.Cut(strings.TrimSpace(line), "="); ok; key, rest, ok = strings.Cut(rest, "=") {
		value, err := strconv.QuotedPrefix(rest)
		if err != nil {
			value, _, _ = strings.Cut(rest, " ")
		}
		rest = strings.TrimPrefix(rest[len(value):], " ")
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		fields[key] = value
	}
	return fields
}

// attendances reads who met when, from all workers' logs, in the order of time.
func (c *cluster) attendances() []attendance {
	c.t.Helper()
	var all []attendance
	for _, w := range c.workers {
		text, err := os.ReadFile(w.log)
		if err != nil {
			c.t.Fatal(err)
		}
		life, last := 0, map[string]int{} // the last attendance of a run, by its task
		for line := range strings.Lines(string(text)) {
			f := fieldsOf(line)
			switch f["msg"] {
			case "listens for other workers":
				life++
				clear(last)
			case "the gang has met":
				a, err := parseAttendance(f)
				if err != nil {
					c.t.Fatalf("%s: %q: %v", w.id, line, err)
				}
				a.worker, a.life = w.id, life
				last[a.task] = len(all)
				all = append(all, a)
			case "the gang trains":
				if i, ok := last[f["task"]]; ok {
					all[i].trains, _ = time.Parse(time.RFC3339, f["time"])
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b attendance) int { return a.at.Compare(b.at) })
	return all
}

func parseAttendance(f map[string]string) (a attendance, err error) {
	keep := func(e error) { err = cmp.Or(err, e) }
	number := func(key string) int {
		n, e := strconv.Atoi(f[key])
		keep(e)
		return n
	}
	a = attendance{task: f["task"], generation: uint64(number("generation")), run: number("run"), members: number("members"), stood: number("stood"), step: number("step")}
	var e error
	a.at, e = time.Parse(time.RFC3339, f["time"])
	keep(e)
	a.waited, e = time.ParseDuration(f["waited"])
	keep(e)
	return a, err
}

// who names a run of a process of a worker.
func (a attendance) who() string {
	return fmt.Sprintf("%s, process %d, run %d", a.worker, a.life, a.run)
}

// noStepTwice holds the meetings of every task to what gangs promise: whoever trains goes on
// from where the furthest of them stands, and never back. It says how many steps were done
// again because nobody was left who had done them.
func noStepTwice(t *testing.T, all []attendance) {
	t.Helper()
	type moment struct {
		task       string
		generation uint64
		step       int
	}
	meetings := map[string][][]attendance{} // of a task, each of its members
	at := map[moment]int{}
	for _, a := range all {
		m := moment{a.task, a.generation, a.step}
		if i, ok := at[m]; ok {
			meetings[a.task][i] = append(meetings[a.task][i], a)
			continue
		}
		at[m] = len(meetings[a.task])
		meetings[a.task] = append(meetings[a.task], []attendance{a})
	}
	count, fetched, again := 0, 0, 0
	for task, list := range meetings {
		slices.SortStableFunc(list, func(a, b []attendance) int { return cmp.Compare(a[0].generation, b[0].generation) })
		before := map[string]attendance{}
		for i, m := range list {
			count++
			lives := false
			for _, a := range m {
				if a.stood > a.step {
					t.Errorf("%s: generation %d goes on after step %d, and %s had come to %d", task, a.generation, a.step, a.who(), a.stood)
				}
				if a.stood < a.step {
					fetched++
				}
				last, ok := before[a.who()]
				if ok && a.stood < last.step {
					t.Errorf("%s: %s went back from step %d to %d in generation %d", task, a.who(), last.step, a.stood, a.generation)
				}
				lives = lives || ok && i > 0 && slices.ContainsFunc(list[i-1], func(b attendance) bool { return b.who() == a.who() })
				before[a.who()] = a
			}
			if i == 0 || m[0].step >= list[i-1][0].step {
				continue
			}
			if lives {
				t.Errorf("%s: generation %d goes on after step %d, the one before from %d, and a member of both lives", task, m[0].generation, m[0].step, list[i-1][0].step)
			}
			again += list[i-1][0].step - m[0].step
		}
	}
	t.Logf("%d meetings; %d times a member took another's state; at least %d steps were done again since nobody was left who had done them", count, fetched, again)
}
