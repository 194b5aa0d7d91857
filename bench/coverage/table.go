package main

import (
	"fmt"
	"strings"
)

// summary sums up one method over the cells of a number of groups.
type summary struct {
	cells                int
	lowest, highest, sum float64
	width                float64
}

func (s *summary) add(share, width float64) {
	if s.cells == 0 {
		s.lowest, s.highest = share, share
	}
	s.cells++
	s.lowest, s.highest = min(s.lowest, share), max(s.highest, share)
	s.sum += share
	s.width += width
}

func (s summary) mean() float64 { return s.sum / float64(s.cells) }

// coverage is "lowest · mean · width", in percent and as a share.
func (s summary) coverage() string {
	if s.cells == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f · %.1f · %.3f", 100*s.lowest, 100*s.mean(), s.width/float64(s.cells))
}

// reported are the rows of the table: the recalls are one.
var reported = []struct {
	name string
	of   []int
}{
	{"recall", []int{recallPositive, recallNegative}}, {"balanced accuracy", []int{balanced}}, {"AUC", []int{auc}},
	{"F1", []int{f1}}, {"precision", []int{precision}}, {"accuracy", []int{accuracy}},
}

func head(t *strings.Builder, first ...string) {
	for _, k := range groupNumbers {
		first = append(first, fmt.Sprintf("%d groups", k))
	}
	fmt.Fprintf(t, "| %s |\n|%s\n", strings.Join(first, " | "), strings.Repeat(" --- |", len(first)))
}

func intervalTable(cells []cell, results []intervals) string {
	var t strings.Builder
	head(&t, "metric", "method")
	for _, r := range reported {
		for m, by := range methods {
			columns := make([]string, 0, len(groupNumbers))
			for _, k := range groupNumbers {
				columns = append(columns, summarise(cells, results, k, m, r.of).coverage())
			}
			if columns[0] != "–" {
				fmt.Fprintf(&t, "| %s | %s | %s |\n", r.name, by.name, strings.Join(columns, " | "))
			}
		}
	}
	return t.String()
}

func summarise(cells []cell, results []intervals, groups, method int, quantities []int) (s summary) {
	for i, c := range cells {
		for _, q := range quantities {
			if x := results[i][method][q]; c.groups == groups && x.made > 0 {
				s.add(x.coverage(), x.width/float64(x.made))
			}
		}
	}
	return s
}

func differenceTable(cells []cell, results []comparisons) string {
	var t strings.Builder
	head(&t, "difference", "method")
	for d, name := range [differences]string{
		balancedChosen: "balanced accuracy | chosen: MOVER", balancedJackknife: "balanced accuracy | jackknife, t",
		areaChosen: "AUC | chosen: MOVER", areaObuchowski: "AUC | Obuchowski, t",
	} {
		columns := make([]string, 0, len(groupNumbers))
		for _, k := range groupNumbers {
			var s summary
			for i, c := range cells {
				if x := results[i].intervals[d]; c.groups == k {
					s.add(x.coverage(), x.width/float64(x.made))
				}
			}
			columns = append(columns, s.coverage())
		}
		fmt.Fprintf(&t, "| %s | %s |\n", name, strings.Join(columns, " | "))
	}
	return t.String()
}

func testTable(cells []cell, results []comparisons) string {
	var t strings.Builder
	head(&t, "test")
	for test, name := range [tests]string{
		signFlip: "balanced accuracy: sign flips of groups", obuchowski: "AUC: Obuchowski, t",
		obuchowskiNormal: "AUC: Obuchowski, normal", mcNemar: "McNemar, images independent", deLong: "DeLong, images independent",
	} {
		columns := make([]string, 0, len(groupNumbers))
		for _, k := range groupNumbers {
			var equal, better summary
			for i, c := range cells {
				share := float64(results[i].rejected[test]) / float64(results[i].repetitions)
				switch {
				case c.groups != k:
				case c.gain == 0:
					equal.add(share, 0)
				default:
					better.add(share, 0)
				}
			}
			columns = append(columns, fmt.Sprintf("%.1f · %.1f · %.0f", 100*equal.highest, 100*equal.mean(), 100*better.mean()))
		}
		fmt.Fprintf(&t, "| %s | %s |\n", name, strings.Join(columns, " | "))
	}
	return t.String()
}
