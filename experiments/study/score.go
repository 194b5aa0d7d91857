package study

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"g2c/internal/fault"
	"g2c/model/metrics"
)

// The paper's study: three pathologists, 50 real and 50 generated patches.
const (
	PaperAccuracy = 0.700
	PaperReaders  = 3
)

// Score is what readers saw. Accuracy is the share of patches that were told right; with
// equal numbers of both kinds a guess has 0.5, and the lower the better the generators.
type Score struct {
	Study    string   `json:"study"`
	Made     string   `json:"made"`
	Patches  int      `json:"patches"`
	Readers  []Reader `json:"readers"`
	Together Reader   `json:"together"` // all judgements; intervals are over the choice of patches
	Stains   []Reader `json:"stains"`   // all judgements of a stain
	// Kappa is Fleiss' for the patches that all readers judged: 1 where they always agree,
	// 0 where they agree as chance would have it; null for one reader.
	Kappa       metrics.Number `json:"fleissKappa"`
	JudgedByAll int            `json:"judgedByAll"`
	Paper       float64        `json:"paperAccuracy"`
}

// Reader is the judgements of one reader, or of several together.
type Reader struct {
	Name          string           `json:"name"`
	Judged        int              `json:"judged"`
	Accuracy      metrics.Number   `json:"accuracy"`
	CI95          metrics.Interval `json:"ci95"`
	RealRight     metrics.Number   `json:"realCalledReal"`
	FakeRight     metrics.Number   `json:"generatedCalledGenerated"`
	MedianSeconds metrics.Number   `json:"medianSeconds"`
}

// Judge scores the answers of readers against the key.
func Judge(k *Key, readers []*Answers) (*Score, error) {
	if len(readers) == 0 {
		return nil, fault.New(fault.ErrSpec, "nobody has answered")
	}
	s := &Score{Study: k.Study, Made: k.Made, Patches: len(k.Patches), Paper: PaperAccuracy, Readers: []Reader{}, Stains: []Reader{}}
	var all []judgement
	for i, a := range readers {
		if slices.ContainsFunc(readers[:i], func(o *Answers) bool { return o.Reader == a.Reader }) {
			return nil, fault.New(fault.ErrData, "two files are of the reader %.40q", a.Reader).WithHint("give each reader's last one")
		}
		var own []judgement
		for _, x := range a.Answers {
			own = append(own, judgement{x, &k.Patches[x.Number-1]})
		}
		s.Readers = append(s.Readers, scoreOf(a.Reader, own))
		all = append(all, own...)
	}
	s.Together = scoreOf("together", all)
	var stains []string
	for _, p := range k.Patches {
		if !slices.Contains(stains, p.Stain) {
			stains = append(stains, p.Stain)
		}
	}
	slices.Sort(stains)
	for _, stain := range stains {
		of := slices.DeleteFunc(slices.Clone(all), func(j judgement) bool { return j.patch.Stain != stain })
		s.Stains = append(s.Stains, scoreOf(stain, of))
	}
	s.Kappa, s.JudgedByAll = fleiss(k, readers)
	return s, nil
}

// judgement is an answer and what it is about.
type judgement struct {
	Answer
	patch *Patch
}

// scoreOf scores judgements. A patch is a group: it may be judged by several.
func scoreOf(name string, all []judgement) Reader {
	var samples []metrics.Sample
	var times []float64
	patches := map[int]bool{}
	for _, j := range all {
		sample := metrics.Sample{Group: fmt.Sprint(j.Number)}
		if !j.patch.Real {
			sample.Class = 1
		}
		if j.Real {
			sample.P = 1
		}
		samples, times = append(samples, sample), append(times, j.Seconds)
		patches[j.Number] = true
	}
	e := metrics.IntervalsOver(samples, len(patches), metrics.Level)
	return Reader{
		Name: name, Judged: len(all), Accuracy: e.Accuracy.Value, CI95: e.Accuracy.Interval,
		RealRight: e.Recall[0].Value, FakeRight: e.Recall[1].Value, MedianSeconds: median(times),
	}
}

// median of times; undefined for none.
func median(v []float64) metrics.Number {
	if len(v) == 0 {
		return metrics.Undefined()
	}
	slices.SortFunc(v, cmp.Compare[float64])
	return metrics.Number((v[(len(v)-1)/2] + v[len(v)/2]) / 2)
}

// fleiss is Fleiss' kappa of the patches that all readers judged.
// Source: Fleiss, Measuring nominal scale agreement among many raters, 1971.
func fleiss(k *Key, readers []*Answers) (metrics.Number, int) {
	calls := make([][2]int, len(k.Patches))
	for _, a := range readers {
		for _, x := range a.Answers {
			if x.Real {
				calls[x.Number-1][0]++
			} else {
				calls[x.Number-1][1]++
			}
		}
	}
	n, patches := len(readers), 0
	agree, reals := 0.0, 0
	for _, c := range calls {
		if c[0]+c[1] != n {
			continue
		}
		patches++
		reals += c[0]
		if n > 1 {
			agree += float64(c[0]*(c[0]-1)+c[1]*(c[1]-1)) / float64(n*(n-1))
		}
	}
	if n < 2 || patches == 0 {
		return metrics.Undefined(), patches
	}
	p := float64(reals) / float64(n*patches)
	chance := float64(p*p) + float64((1-p)*(1-p))
	if chance == 1 {
		return metrics.Undefined(), patches // all say the same of everything
	}
	return metrics.Number((agree/float64(patches) - chance) / (1 - chance)), patches
}

// JSON is the score for programs.
func (s *Score) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the score: %w", err)
	}
	return append(text, '\n'), nil
}

// Text writes the score for people, with the paper's beside it.
func (s *Score) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "study %s: %d patches of %s\n\n", s.Study, s.Patches, s.Made)
	fmt.Fprintln(t, "READER\tJUDGED\tACCURACY\t95 % INTERVAL\tREAL FOUND\tGENERATED FOUND\tMEDIAN TIME")
	row := func(r Reader) {
		interval := "–"
		if r.CI95[0].Defined() && r.CI95[1].Defined() {
			interval = fmt.Sprintf("%.3f to %.3f", float64(r.CI95[0]), float64(r.CI95[1]))
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s s\n", r.Name, r.Judged, shown(r.Accuracy, 3), interval, shown(r.RealRight, 3), shown(r.FakeRight, 3), shown(r.MedianSeconds, 1))
	}
	for _, r := range s.Readers {
		row(r)
	}
	if len(s.Readers) > 1 {
		row(s.Together)
	}
	for _, r := range s.Stains {
		r.Name = "  of " + r.Name
		row(r)
	}
	fmt.Fprintf(t, "the paper\t%d\t%.3f\t–\t–\t–\t– s\n", PaperReaders*100, PaperAccuracy)
	fmt.Fprintln(t, "guessing\t\t0.500\t\t\t\t")
	if err := t.Flush(); err != nil {
		return err
	}
	if s.Kappa.Defined() {
		_, err := fmt.Fprintf(w, "\nFleiss' kappa %.3f over the %d patches that all %d readers judged.\n", float64(s.Kappa), s.JudgedByAll, len(s.Readers))
		return err
	}
	return nil
}

func shown(n metrics.Number, decimals int) string {
	if !n.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.*f", decimals, float64(n))
}
