package metrics

import (
	"slices"
	"testing"
)

func TestPatients(t *testing.T) {
	got, ok := Patients([]Sample{{0.5, 0, "b"}, {0.25, 1, "a"}, {1, 0, "b"}})
	if !ok || !slices.Equal(got, []Sample{{0.25, 1, "a"}, {0.75, 0, "b"}}) {
		t.Errorf("%v, %v", got, ok)
	}
	if mixed, ok := Patients([]Sample{{0.5, 0, "a"}, {0.5, 1, "a"}}); ok || mixed != nil {
		t.Errorf("a patient of both classes: %v, %v", mixed, ok)
	}
}

// Reference value: scikit-learn's average_precision_score, by hand here.
func TestPrecisionRecall(t *testing.T) {
	s := []Sample{{0.9, 0, ""}, {0.8, 1, ""}, {0.7, 0, ""}, {0.7, 1, ""}, {0.1, 0, ""}, {0, 1, ""}}
	recall, precision := PrecisionRecall(s)
	if !slices.Equal(recall, []float64{1. / 3, 1. / 3, 2. / 3, 1, 1}) || !slices.Equal(precision, []float64{1, 0.5, 0.5, 0.6, 0.5}) {
		t.Errorf("recall %v, precision %v", recall, precision)
	}
	if got := AveragePrecision(s); !near(float64(got), 1./3+0.5/3+0.6/3, 1e-15) {
		t.Errorf("average precision %g", got)
	}
	if AveragePrecision(nil).Defined() || AveragePrecision(s[1:2]).Defined() {
		t.Error("a metric of nothing is defined")
	}
}

func TestBrier(t *testing.T) {
	if got := Brier([]Sample{{1, 0, ""}, {0.5, 1, ""}, {0, 0, ""}, {0, 1, ""}}); !near(float64(got), 1.25/4, 1e-15) {
		t.Errorf("Brier %g", got)
	}
	if Brier(nil).Defined() {
		t.Error("of nothing it is defined")
	}
}
