package chart_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	_ "sigs.k8s.io/controller-runtime/pkg/controller" // registers what it measures
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// dashboard is what the test reads of Grafana's.
type dashboard struct {
	Panels []struct {
		Title   string `json:"title"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

var metricName = regexp.MustCompile(`\b(g2c|controller_runtime)_[a-z_]+`)

// measured is the names of metrics that there are, and whether each is a histogram.
func measured(t *testing.T) map[string]bool {
	t.Helper()
	source, err := os.ReadFile("../../coordinator/server/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:Name: |NewDesc\()"(g2c_[a-z_]+)"`).FindAllSubmatch(source, -1) {
		out[string(m[1])] = strings.HasSuffix(string(m[1]), "_seconds")
	}
	operators, is := metrics.Registry.(prometheus.Collector)
	if !is {
		t.Fatalf("%T describes nothing", metrics.Registry)
	}
	described := make(chan *prometheus.Desc)
	go func() {
		operators.Describe(described)
		close(described)
	}()
	for d := range described {
		if m := regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(d.String()); m != nil {
			out[m[1]] = strings.HasSuffix(m[1], "_seconds")
		}
	}
	return out
}

// Each metric of the dashboard is one that coordinators or the operator have, and each that
// coordinators have is there.
func TestTheDashboardShowsWhatIsMeasured(t *testing.T) {
	cm := find(t, must(t, tree{"dashboards": tree{"enabled": true}}), "ConfigMap", "g2c-dashboards")
	text, there, err := unstructured.NestedString(cm.Object, "data", "g2c.json")
	if err != nil || !there {
		t.Fatalf("no dashboard, %v", err)
	}
	var d dashboard
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	known, shown := measured(t), map[string]bool{}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			names := metricName.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s: no metric in %s", p.Title, target.Expr)
			}
			for _, name := range names {
				base, bucket := strings.CutSuffix(name, "_bucket")
				if histogram, there := known[base]; !there || histogram != bucket {
					t.Errorf("%s: nobody measures %s", p.Title, name)
				}
				shown[base] = true
			}
		}
	}
	for name := range known {
		if strings.HasPrefix(name, "g2c_") && !shown[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
	if len(shown) < 10 {
		t.Errorf("only %d metrics are shown", len(shown))
	}
}
