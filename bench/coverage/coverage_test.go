package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/model/metrics"
)

// The hardest situations of the full simulation, with few repetitions: draws are
// fixed, so what passes once passes always.
func TestCoverage(t *testing.T) {
	const repetitions = 150
	floor := map[int]float64{5: 0.90, 7: 0.93, 20: 0.93}
	var cells []cell
	for _, c := range intervalCells(20) {
		if c.icc == 0.3 && floor[c.groups] > 0 && c.recall != [2]float64{0.97, 0.97} && (c.name == situations[2].name || c.mixed > 0) {
			cells = append(cells, c)
		}
	}
	for i, of := range onAllCores(len(cells), func(i int) intervals { return simulateIntervals(cells[i], uint32(i), repetitions, methods[:1]) }) {
		for q, x := range of[0] {
			// Three standard errors of so few repetitions are allowed for.
			least := floor[cells[i].groups]
			slack := 3 * math.Sqrt(least*(1-least)/repetitions)
			if !(x.coverage() >= least-slack) || x.made < repetitions*9/10 {
				t.Errorf("%v: quantity %d: %d of %d intervals cover", cells[i], q, x.covered, x.made)
			}
		}
	}
	// All situations together leave no room for chance.
	var all tally
	for _, c := range cells {
		of := simulateIntervals(c, 77, 20, methods[:1])
		for q := range of[0] {
			all.made, all.covered = all.made+of[0][q].made, all.covered+of[0][q].covered
		}
	}
	if !(all.coverage() >= 0.95) {
		t.Errorf("coverage of all is %g", all.coverage())
	}
}

// The test must be able to fail: intervals that take images for independent do.
func TestIndependentImagesDoNotCover(t *testing.T) {
	c := cell{groups: 10, images: 20, icc: 0.3, recall: [2]float64{0.75, 0.9}, situation: situations[0]}
	of := simulateIntervals(c, 1, 200, methods)
	for m, by := range methods {
		x := of[m][recallPositive]
		if (m == 0) != (x.coverage() >= 0.93) && (m == 0 || m >= 4) {
			t.Errorf("%s covers %g", by.name, x.coverage())
		}
	}
}

func TestComparisonsKeepTheirLevel(t *testing.T) {
	c := cell{groups: 7, images: 20, icc: 0.3, recall: [2]float64{0.75, 0.9}, situation: situations[4]}
	of := simulateComparisons(c, 1, 300)
	limit := 300 * (significance + 3*math.Sqrt(significance*(1-significance)/300))
	if float64(of.rejected[signFlip]) > limit || float64(of.rejected[obuchowski]) > limit {
		t.Errorf("claims of equal arms: sign flips %d, Obuchowski %d of 300", of.rejected[signFlip], of.rejected[obuchowski])
	}
	if float64(of.rejected[mcNemar]) < limit || float64(of.rejected[deLong]) < limit {
		t.Errorf("tests that take images for independent seem to keep their level: %d, %d of 300", of.rejected[mcNemar], of.rejected[deLong])
	}
	for d, x := range of.intervals {
		if (d == balancedChosen || d == areaChosen) && !(x.coverage() >= 0.93) {
			t.Errorf("interval %d of a difference covers %g", d, x.coverage())
		}
	}
}

// The truth that intervals are held to is what very many groups show.
func TestTruthIsTheLimit(t *testing.T) {
	for _, s := range situations {
		w := newWorld(cell{groups: 20, images: 20, icc: 0.1, recall: [2]float64{0.75, 0.9}, situation: s})
		const repetitions = 150
		var sum truth
		for r := range repetitions {
			c := metrics.Cluster(w.samples(9, r, nil))
			for q, of := range formula {
				sum[q] += float64(of(c.Whole)) / repetitions
			}
		}
		for q := range sum {
			if !(math.Abs(sum[q]-w.truth[0][q]) < 0.012) {
				t.Errorf("%s: quantity %d is %g on average, %g in truth", s.name, q, sum[q], w.truth[0][q])
			}
		}
	}
}

func TestMeasureIsReproducible(t *testing.T) {
	c := cell{groups: 5, images: 5, icc: 0.1, recall: [2]float64{0.75, 0.9}, gain: 0.05, situation: situations[5]}
	a, b := simulateComparisons(c, 3, 20), simulateComparisons(c, 3, 20)
	if a != b {
		t.Errorf("%+v and %+v", a, b)
	}
}

// The page has the marks that the command writes between.
func TestPageHasAPlaceForTheTables(t *testing.T) {
	page := filepath.Join(t.TempDir(), "statistics.md")
	text, err := os.ReadFile("../../docs/statistics.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replace(page, "| tables |\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "| tables |"); n != 1 {
		t.Errorf("the tables stand %d times in %d bytes", n, len(got))
	}
	if err := os.WriteFile(page, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if replace(page, "") == nil {
		t.Error("a page without marks is written")
	}
}
