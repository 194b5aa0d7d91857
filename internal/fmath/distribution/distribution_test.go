package distribution

import (
	"math"
	"testing"
)

// near is false for any NaN; an infinity is near only itself.
func near(got, want, tolerance float64) bool {
	if math.IsInf(want, 0) {
		return got == want
	}
	return math.Abs(got-want) <= tolerance
}

// Reference values: scipy.stats 1.17.
func TestNormal(t *testing.T) {
	for _, c := range [][2]float64{
		{-8, 6.2209605742717405e-16}, {-5, 2.8665157187919328e-07}, {-3, 0.0013498980316300933}, {-1.96, 0.024997895148220435},
		{-0.5, 0.30853753872598688}, {0, 0.5}, {0.3, 0.61791142218895256}, {1, 0.84134474606854293}, {2.5, 0.99379033467422384},
		{2.9, 0.99813418669961596}, {4, 0.99996832875816688}, {math.Inf(1), 1}, {math.Inf(-1), 0},
	} {
		if got := Normal(c[0]); !near(got, c[1], 1e-15+1e-13*c[1]) {
			t.Errorf("Normal(%g) = %.17g, want %.17g", c[0], got, c[1])
		}
	}
	for _, c := range [][2]float64{
		{1e-10, -6.3613409024040557}, {0.001, -3.0902323061678132}, {0.025, -1.9599639845400545}, {0.3, -0.52440051270804089},
		{0.5, 0}, {0.9, 1.2815515655446004}, {0.995, 2.5758293035489004}, {0, math.Inf(-1)}, {1, math.Inf(1)},
	} {
		if got := NormalQuantile(c[0]); !near(got, c[1], 1e-12) {
			t.Errorf("NormalQuantile(%g) = %.17g, want %.17g", c[0], got, c[1])
		}
	}
}

func TestBeta(t *testing.T) {
	for _, c := range [][4]float64{
		{0.1, 0.5, 0.5, 0.20483276469913345}, {0.5, 2, 3, 0.6875}, {0.9, 10, 1, 0.34867844010000004}, {0.99, 200, 3, 0.6712381710383889},
		{0.3, 0.07, 2.26, 0.96999559227188858}, {0.5, 5000, 5050, 0.6910315339024542}, {0.001, 1, 99.5, 0.094755117232683761},
		{0.2, 20.5, 80.25, 0.48496258542375903}, {-1, 2, 2, 0}, {2, 2, 2, 1},
	} {
		if got := Beta(c[0], c[1], c[2]); !near(got, c[3], 1e-11) {
			t.Errorf("Beta(%g; %g, %g) = %.17g, want %.17g", c[0], c[1], c[2], got, c[3])
		}
	}
	for _, c := range [][4]float64{
		{0.025, 7, 1, 0.59038360277499657}, {0.975, 1, 7, 0.40961639722500337}, {0.025, 49.5, 1.5, 0.91031964894303596},
		{0.975, 12.25, 30.5, 0.42905539568813134}, {0.005, 900, 101, 0.87312013615931094}, {0.3, 0.5, 2.5, 0.032255073592890801},
		{0, 2, 3, 0}, {1, 2, 3, 1},
	} {
		if got := BetaQuantile(c[0], c[1], c[2]); !near(got, c[3], 1e-11) {
			t.Errorf("BetaQuantile(%g; %g, %g) = %.17g, want %.17g", c[0], c[1], c[2], got, c[3])
		}
	}
}

func TestStudent(t *testing.T) {
	for _, c := range [][3]float64{
		{-2.5, 1, 0.12111894159084341}, {0.01, 3, 0.50367544429357403}, {1.2, 4.5, 0.85526147257901775}, {2.776, 4, 0.97498861084001176},
		{-6, 9, 0.00010124966103382039}, {1.96, 1000, 0.97486340752212564}, {math.Inf(1), 3, 1}, {math.Inf(-1), 3, 0}, {0, 3, 0.5},
	} {
		if got := Student(c[0], c[1]); !near(got, c[2], 1e-12) {
			t.Errorf("Student(%g; %g) = %.17g, want %.17g", c[0], c[1], got, c[2])
		}
	}
	for _, c := range [][3]float64{
		{0.975, 1, 12.706204736174694}, {0.975, 4, 2.7764451051977934}, {0.975, 6, 2.4469118511449786}, {0.995, 9, 3.2498355415921258},
		{0.025, 19, -2.0930240544083101}, {0.6, 2.5, 0.28145951274854769}, {0.975, 10000, 1.9602012398906259}, {0.975, math.Inf(1), 1.9599639845400545},
	} {
		if got := StudentQuantile(c[0], c[1]); !near(got, c[2], 1e-10) {
			t.Errorf("StudentQuantile(%g; %g) = %.17g, want %.17g", c[0], c[1], got, c[2])
		}
	}
}

// A quantile is where the distribution says.
func TestQuantilesInvert(t *testing.T) {
	for _, a := range []float64{0.07, 0.5, 1, 3.5, 40, 1234.5} {
		for _, b := range []float64{0.3, 1, 2, 17, 800} {
			for _, p := range []float64{0.001, 0.025, 0.4, 0.975, 0.9995} {
				x := BetaQuantile(p, a, b)
				if x > 0 && x < 0.999999 && !near(Beta(x, a, b), p, 1e-9) {
					t.Errorf("Beta(%g; %g, %g) = %g, want %g", x, a, b, Beta(x, a, b), p)
				}
			}
		}
	}
}

func TestOutsideIsNaN(t *testing.T) {
	for name, v := range map[string]float64{
		"Normal": Normal(math.NaN()), "NormalQuantile": NormalQuantile(1.1), "Beta": Beta(0.5, 0, 1), "BetaQuantile": BetaQuantile(-0.1, 1, 1),
		"Student": Student(1, 0), "StudentQuantile": StudentQuantile(math.NaN(), 3), "TwoSided": TwoSided(math.NaN(), 2),
	} {
		if !math.IsNaN(v) {
			t.Errorf("%s outside of its domain is %g", name, v)
		}
	}
}

func BenchmarkBetaQuantile(b *testing.B) {
	for b.Loop() {
		BetaQuantile(0.025, 49.5, 1.5)
	}
}
