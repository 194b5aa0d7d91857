// Command coverage draws made-up patients, whose images are more alike than those
// of others, and counts how often the intervals and tests of model/metrics are
// right. It writes its tables into docs/statistics.md. Draws are Philox's, so the
// tables come out byte for byte again.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	repetitions := flag.Int("repetitions", 2000, "of each situation")
	images := flag.Int("images", 20, "of a class in a group, on average")
	page := flag.String("o", "", "page to write the tables into, between its marks; standard output if empty")
	flag.Parse()
	tables := measure(*repetitions, *images)
	if *page == "" {
		fmt.Print(tables)
		return
	}
	if err := replace(*page, tables); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

// measure simulates every cell and writes the tables.
func measure(repetitions, images int) string {
	alone, together := intervalCells(images), comparisonCells(images)
	ofOne := onAllCores(len(alone), func(i int) intervals {
		return simulateIntervals(alone[i], uint32(i), repetitions, methods)
	})
	ofTwo := onAllCores(len(together), func(i int) comparisons {
		return simulateComparisons(together[i], uint32(len(alone)+i), repetitions)
	})
	var t strings.Builder
	fmt.Fprintf(&t, "Coverage of 95 %% intervals: lowest of %d situations · mean · mean width. %d repetitions of each (%d of the bootstrap's).\n\n",
		len(alone)/len(groupNumbers), repetitions, min(repetitions, bootstrapRepetitions))
	t.WriteString(intervalTable(alone, ofOne))
	fmt.Fprintf(&t, "\nDifferences of two arms: the same, of %d situations.\n\n", len(together)/len(groupNumbers))
	t.WriteString(differenceTable(together, ofTwo))
	t.WriteString("\nTests at 5 %: claims in percent where arms are equal, most of any situation · mean · and where B's recalls are 0.1 better.\n\n")
	t.WriteString(testTable(together, ofTwo))
	return t.String()
}

// The marks of the part of the page that is written.
const (
	begin = "<!-- make bench-coverage writes from here -->\n"
	end   = "<!-- to here -->\n"
)

func replace(page, tables string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return errors.New(page + " has no place for the tables: put back the marks " + begin + end)
	}
	return os.WriteFile(page, []byte(before+begin+"\n"+tables+"\n"+end+after), 0o644)
}
