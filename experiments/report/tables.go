package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"g2c/model/metrics"
)

// JSON is results.json: two spaces of indentation, a newline at the end.
func (d *Data) JSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("encode results.json: %w", err)
	}
	return out.Bytes(), nil
}

// columns of results.csv. A row with kind "arm" is one arm, seed and split; its
// recalls and counts are of the classes as `positive` and `negative` name them.
// A row with kind "generator" is one pretraining, or training on pairs: its SSIM and PSNR are
// those of the pairs. Two rows with kind "authenticity" are a generator of one fine-tuning
// before and after it, as `split` says. What does not apply, or is undefined, is empty.
var columns = []string{
	"kind", "task", "arm", "stains", "width", "blocks", "options", "seed", "split", "name", "key", "inputs", "weightsSHA256", "steps", "seconds",
	"n", "balancedAccuracy", "balancedAccuracyLow", "balancedAccuracyHigh", "accuracy", "auc", "aucLow", "aucHigh", "f1",
	"positive", "negative", "recallPositive", "recallNegative", "truePositive", "falseNegative", "falsePositive", "trueNegative", "gap",
	"cycleL1", "cycleSSIM", "colourDistance", "ssim", "psnr",
	"fold", "precision", "recallPositiveLow", "recallPositiveHigh", "recallNegativeLow", "recallNegativeHigh", "groupsPositive", "groupsNegative", "gapGiven", "leftOut",
	"sourceSSIM", "sourcePSNR", "reinhardSSIM", "reinhardPSNR",
	"checkering", "realCheckering", "kid", "kidSE", "driftWeights", "driftImages", "driftSSIM", "verdict",
}

// CSV is results.csv.
func (d *Data) CSV() ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	rows := [][]string{columns}
	for i := range d.Arms {
		rows = append(rows, armRows(&d.Arms[i])...)
	}
	for i := range d.Generators {
		rows = append(rows, generatorRow(&d.Generators[i]))
	}
	if d.Authenticity != nil {
		for i := range d.Authenticity.Generators {
			rows = append(rows, authenticRows(&d.Authenticity.Generators[i])...)
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("encode results.csv: %w", err)
	}
	return out.Bytes(), nil
}

func armRows(a *Arm) [][]string {
	var rows [][]string
	for _, s := range []struct {
		name string
		*Split
	}{{"test", &a.Metrics.Test}, {"train", &a.Metrics.Train}, {"validation", &a.Metrics.Validation}} {
		if s.N == 0 && s.name != "test" { // an arm without a test image has a row that says so
			continue
		}
		c := s.Confusion
		row := map[string]string{
			"kind": "arm", "task": a.Task, "arm": a.Arm, "stains": strings.Join(a.Stains, "+"), "width": strconv.Itoa(a.Width),
			"blocks": strconv.Itoa(a.Blocks), "options": a.Options, "seed": seedText(a.Seed), "split": s.name, "name": a.Name, "key": a.Key.String(),
			"inputs": strings.Join(a.Inputs, "+"), "weightsSHA256": a.WeightsSHA256, "steps": strconv.FormatInt(a.Steps, 10), "seconds": optional(a.Seconds),
			"n": strconv.Itoa(s.N), "balancedAccuracy": number(s.BalancedAccuracy), "accuracy": number(s.Accuracy), "auc": number(s.AUC), "f1": number(s.F1),
			"balancedAccuracyLow": number(s.CI95.BalancedAccuracy[0]), "balancedAccuracyHigh": number(s.CI95.BalancedAccuracy[1]),
			"aucLow": number(s.CI95.AUC[0]), "aucHigh": number(s.CI95.AUC[1]),
			"positive": a.positive, "negative": a.negative,
			"recallPositive": number(recall(s.Split, a.positive)), "recallNegative": number(recall(s.Split, a.negative)),
			"truePositive": strconv.Itoa(c[0][0]), "falseNegative": strconv.Itoa(c[0][1]),
			"falsePositive": strconv.Itoa(c[1][0]), "trueNegative": strconv.Itoa(c[1][1]), "gap": number(a.Metrics.Gap),
			"fold": foldText(a.Fold), "precision": number(s.Precision),
			"recallPositiveLow": number(recallInterval(s.Split, a.positive)[0]), "recallPositiveHigh": number(recallInterval(s.Split, a.positive)[1]),
			"recallNegativeLow": number(recallInterval(s.Split, a.negative)[0]), "recallNegativeHigh": number(recallInterval(s.Split, a.negative)[1]),
			"groupsPositive": strconv.Itoa(s.Groups[0]), "groupsNegative": strconv.Itoa(s.Groups[1]), "leftOut": strconv.Itoa(a.LeftOut),
		}
		if g := a.Metrics.GapGiven; g != nil {
			row["gapGiven"] = number(*g)
		}
		rows = append(rows, flat(row))
	}
	return rows
}

func foldText(fold int) string {
	if fold == 0 {
		return ""
	}
	return strconv.Itoa(fold)
}

// recallInterval is that of a class's recall; undefined where the split has none.
func recallInterval(s *Split, class string) metrics.Interval {
	if i, ok := s.CI95.Recall[class]; ok {
		return i
	}
	return metrics.Interval{metrics.Undefined(), metrics.Undefined()}
}

func generatorRow(g *Generator) []string {
	cells := map[string]string{
		"kind": "generator", "stains": g.Stain, "width": strconv.Itoa(g.Width), "blocks": strconv.Itoa(g.Blocks), "seed": seedText(g.Seed),
		"name": g.Name, "key": g.Key.String(), "weightsSHA256": g.WeightsSHA256, "steps": strconv.FormatInt(g.Steps, 10), "seconds": optional(g.Seconds),
		"n": strconv.Itoa(g.Metrics.Images), "cycleL1": number(g.Metrics.CycleL1), "cycleSSIM": number(g.Metrics.CycleSSIM),
		"colourDistance": number(g.Metrics.ColourDistance),
	}
	if g.Metrics.SSIM != nil {
		cells["ssim"] = number(*g.Metrics.SSIM)
	}
	if g.Metrics.PSNR != nil {
		cells["psnr"] = number(*g.Metrics.PSNR)
	}
	if p := g.Pairs; p != nil {
		cells["split"], cells["options"] = p.Split, g.options
		cells["ssim"], cells["psnr"] = number(p.Model.SSIM), number(p.Model.PSNR)
		cells["sourceSSIM"], cells["sourcePSNR"] = number(p.Source.SSIM), number(p.Source.PSNR)
		cells["reinhardSSIM"], cells["reinhardPSNR"] = number(p.Reinhard.SSIM), number(p.Reinhard.PSNR)
	}
	return flat(cells)
}

// flat puts cells into the order of the columns.
func flat(cells map[string]string) []string {
	out := make([]string, len(columns))
	for i, name := range columns {
		out[i] = cells[name]
	}
	return out
}

// recall of a class; undefined where the split has none.
func recall(s *Split, class string) metrics.Number {
	if r, ok := s.Recall[class]; ok {
		return r
	}
	return metrics.Undefined()
}

// number is the shortest text that reads back as the number, "" if undefined.
func number(n metrics.Number) string {
	if !n.Defined() {
		return ""
	}
	return strconv.FormatFloat(float64(n), 'g', -1, 64)
}

func optional(v *float64) string {
	if v == nil {
		return ""
	}
	return number(metrics.Number(*v))
}

func seedText(seed uint32) string { return strconv.FormatUint(uint64(seed), 10) }
