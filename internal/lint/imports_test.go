package lint

import (
	"strconv"
	"strings"
	"testing"
)

// layers is the import policy: a package under the folder on the left may import
// our packages under the folders on the right, and its own. The longest folder
// that fits a package rules. It is not to be edited to make a build pass.
var layers = map[string][]string{
	"api":                   {"internal"},
	"bench":                 {"api", "kernels", "internal"},
	"bench/coverage":        {"internal", "model"},
	"bench/coordinator":     {"api", "coordinator", "experiments", "internal"},
	"checkpoint":            {"internal"},
	"cmd":                   {"api", "checkpoint", "coordinator", "experiments", "internal", "k8s", "kernels", "model", "worker"},
	"coordinator":           {"api", "checkpoint", "internal"},
	"coordinator/command":   {"api"},
	"coordinator/cow":       {},
	"coordinator/state":     {"api", "coordinator/command", "coordinator/cow"},
	"coordinator/scheduler": {"api", "coordinator/command", "coordinator/cow", "coordinator/state"},
	"coordinator/raftnode":  {"api", "coordinator/command", "coordinator/replica", "coordinator/state", "internal"},
	"experiments":           {"api", "checkpoint", "internal", "model"},
	"internal":              {},
	"internal/dataset":      {"internal"},
	"internal/philox":       {"internal/fmath"},
	"k8s":                   {"api", "internal"},
	"kernels":               {"internal"},
	"kernels/cpu":           {"kernels", "internal"},
	"kernels/ref":           {"kernels", "internal"},
	"model":                 {"kernels", "internal", "api"},
	"test":                  {"api", "checkpoint", "internal", "model", "kernels", "experiments"},
	"worker":                {"api", "checkpoint", "internal", "kernels", "model"},
}

// homes lists heavy dependencies and the only folders that may import them.
var homes = map[string][]string{
	"gorgonia.org/gorgonia":      {"model/graph"},
	"gorgonia.org/tensor":        {"model/graph"},
	"gorgonia.org/cu":            {"kernels/cuda", "kernels/emu"}, // the emulator is tested through the binding
	"github.com/hashicorp/raft":  {"coordinator/raftnode"},
	"github.com/minio/minio-go":  {"checkpoint/s3store"},
	"k8s.io":                     {"k8s"},
	"sigs.k8s.io":                {"k8s"},
	"github.com/mmcloughlin/avo": {"kernels/cpu/internal"},
	"gonum.org/v1/plot":          {"experiments/report"},
	"github.com/spf13/cobra":     {"cmd"},
	"github.com/goccy/go-yaml":   {"experiments/spec"},
	"golang.org/x/image":         {"internal/dataset", "experiments/report"},
	"google.golang.org/grpc":     {"api", "cmd", "coordinator/raftnode", "coordinator/server", "internal/pki/grpctls", "k8s/operator", "test", "worker/agent"},
	"github.com/prometheus":      {"cmd", "coordinator/server", "k8s"},
	"helm.sh":                    {"k8s/chart"}, // its tests alone
	"github.com/opencontainers":  {"k8s/image"},
}

// only lists packages of ours that few may import: model and coordinator never
// see a backend, the coordinator never sees a tensor.
var backends = []string{"g2c/kernels/ref", "g2c/kernels/cpu", "g2c/kernels/cuda"}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		rule, allowed := ruleFor(s.dir)
		if rule == "" {
			t.Errorf("%s: its folder has no rule in the import table", s.path)
			continue
		}
		for _, spec := range s.ast.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if ours, ok := strings.CutPrefix(path, "g2c/"); ok && !s.test && !permitted(ours, rule, allowed) {
				t.Errorf("%s: %s may not import %s", place(spec.Pos()), rule, path)
			}
			for dependency, folders := range homes {
				if under(path, dependency) || strings.HasPrefix(path, dependency+"/") {
					checkHome(t, s, path, folders, place(spec.Pos()))
				}
			}
		}
	}
}

func ruleFor(dir string) (rule string, allowed []string) {
	for folder, list := range layers {
		if under(dir, folder) && len(folder) > len(rule) {
			rule, allowed = folder, list
		}
	}
	return rule, allowed
}

func permitted(path, rule string, allowed []string) bool {
	if under(path, rule) {
		return true
	}
	for _, a := range allowed {
		if under(path, a) {
			return true
		}
	}
	return false
}

func checkHome(t *testing.T, s source, path string, folders []string, at string) {
	t.Helper()
	for _, f := range folders {
		if under(s.dir, f) {
			return
		}
	}
	t.Errorf("%s: %s lives in %v alone", at, path, folders)
}

func TestModelNeverSeesABackend(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !(under(s.dir, "model") || under(s.dir, "experiments") || under(s.dir, "coordinator")) {
			continue
		}
		for _, spec := range s.ast.Imports {
			for _, b := range backends {
				if strings.Trim(spec.Path.Value, `"`) == b {
					t.Errorf("%s: %s imports the backend %s", place(spec.Pos()), s.dir, b)
				}
			}
		}
	}
}
