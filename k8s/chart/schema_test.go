package chart_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common/util"
)

// described is what the test reads of a JSON schema.
type described struct {
	Type                 string                `json:"type"`
	Description          string                `json:"description"`
	Properties           map[string]*described `json:"properties"`
	AdditionalProperties json.RawMessage       `json:"additionalProperties"`
	Enum                 []any                 `json:"enum"`
	Minimum, Maximum     *float64
	Items                *described `json:"items"`
}

func readSchema(t *testing.T) *described {
	t.Helper()
	text, err := os.ReadFile("values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s described
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// examples are good values of texts with a pattern, and of lists and objects, that need more
// than their type.
var examples = map[string]any{
	"imagePullSecrets":                   []any{tree{"name": "pull"}},
	"image.repository":                   "images/g2c",
	"operator.certificates":              "g2c-client",
	"operator.authority":                 "g2c-ca",
	"cluster.name":                       "main",
	"cluster.storage.size":               "1.5Ti",
	"workerPool.name":                    "spot",
	"certManager.duration":               "8760h",
	"certManager.issuer.name":            "root",
	"certManager.issuer.kind":            "ClusterIssuer",
	"certManager.issuer.group":           "example.com",
	"networkPolicy.apiServerPorts":       []any{443, 16443},
	"networkPolicy.coordinatorPorts":     []any{7443},
	"networkPolicy.storePorts":           []any{},
	"serviceMonitor.interval":            "1m",
	"operator.tolerations":               []any{tree{"key": "spot"}},
	"operator.podAnnotations":            tree{"a": "b"},
	"operator.serviceAccountAnnotations": tree{"a": "b"},
	"operator.nodeSelector":              tree{"a": "b"},
}

// refused are values of the right type that are still wrong.
var refused = map[string][]any{
	"imagePullSecrets":               {[]any{"pull"}, []any{tree{}}, []any{tree{"name": "pull", "x": 1}}},
	"image.repository":               {"", "a b"},
	"image.tag":                      {"a:b"},
	"operator.namespace":             {"Team", "-a", strings.Repeat("a", 64)},
	"operator.certificates":          {"", "A"},
	"operator.authority":             {"", "A"},
	"operator.tolerations":           {[]any{"spot"}},
	"operator.podAnnotations":        {tree{"a": 1}},
	"operator.nodeSelector":          {tree{"a": true}},
	"cluster.name":                   {"", "9a", strings.Repeat("a", 53)},
	"cluster.replicas":               {0, 2, 4, 7},
	"cluster.storage.size":           {"", "20 Gi", "-1Gi"},
	"workerPool.name":                {"", "A"},
	"certManager.duration":           {"", "10y"},
	"certManager.issuer":             {tree{"kind": "ClusterIssuer"}},
	"networkPolicy.apiServerPorts":   {[]any{}, []any{0}, []any{65536}, []any{"https"}},
	"networkPolicy.coordinatorPorts": {[]any{}, []any{0}},
	"networkPolicy.storePorts":       {[]any{65536}, []any{443, 443}},
	"serviceMonitor.interval":        {"", "30", "often"},
}

// ofOtherTypes are values of which all but those of its own type a value refuses.
var ofOtherTypes = map[string]any{"string": "text", "integer": 3, "boolean": true, "object": tree{"a": "b"}, "array": []any{"a"}, "number": 1.5}

func TestEveryValue(t *testing.T) {
	tried := map[string]bool{}
	base := load(t).Values
	var walk func(path string, s *described)
	walk = func(path string, s *described) {
		tried[path] = true
		if path == "global" { // Helm's own
			return
		}
		if path != "" {
			tryTypes(t, path, s)
			for _, bad := range refused[path] {
				if accept(t, path, bad) == nil {
					t.Errorf("%s: %v is accepted", path, bad)
				}
			}
		}
		if len(s.Properties) == 0 {
			if s.Description == "" {
				t.Errorf("%s has no description", path)
			}
			tryGood(t, path, s)
			return
		}
		if string(s.AdditionalProperties) != "false" {
			t.Errorf("%s takes keys that are not in the schema", path)
		}
		if accept(t, strings.TrimPrefix(path+".unknown", "."), "x") == nil {
			t.Errorf("%s: an unknown key is accepted", path)
		}
		for name, p := range s.Properties {
			walk(strings.TrimPrefix(path+"."+name, "."), p)
		}
	}
	walk("", readSchema(t))
	for path := range examples {
		if !tried[path] {
			t.Errorf("there is no value %s", path)
		}
	}
	for path := range refused {
		if !tried[path] {
			t.Errorf("there is no value %s", path)
		}
	}
	everyKeyIsIn(t, "", base, readSchema(t))
}

// with is values of which one is given.
func with(path string, value any) tree {
	for _, k := range slices.Backward(strings.Split(path, ".")) {
		value = tree{k: value}
	}
	values := value.(tree)
	if c, is := values["certManager"].(tree); is && path != "certManager.issuer" {
		if issuer, is := c["issuer"].(tree); is { // a kind is one of a name
			c["issuer"] = util.CoalesceTables(issuer, tree{"name": "root", "kind": "Issuer"})
		}
	}
	return values
}

// accept holds one value to the schema, before Helm lays it over the default ones: it drops
// what is a table in one and not in the other.
func accept(t *testing.T, path string, value any) error {
	t.Helper()
	text, err := os.ReadFile("values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return util.ValidateAgainstSingleSchema(with(path, value), text)
}

// tryGood tries the values that a schema lets through: of an enumeration all, of a range both
// ends.
func tryGood(t *testing.T, path string, s *described) {
	t.Helper()
	good := slices.Clone(s.Enum)
	switch example, given := examples[path]; {
	case given:
		good = append(good, example)
	case len(good) > 0:
		if accept(t, path, "of none of them") == nil {
			t.Errorf("%s: what is not in its enumeration is accepted", path)
		}
	case s.Type == "integer":
		if s.Minimum == nil || s.Maximum == nil {
			t.Fatalf("%s has no bounds", path)
		}
		good = append(good, *s.Minimum, *s.Maximum)
		for _, bad := range []float64{*s.Minimum - 1, *s.Maximum + 1, *s.Minimum + 0.5} {
			if accept(t, path, bad) == nil {
				t.Errorf("%s: %v is accepted", path, bad)
			}
		}
	case s.Type == "boolean":
		good = append(good, true, false)
	default:
		good = append(good, ofOtherTypes[s.Type])
	}
	for _, v := range good {
		if err := accept(t, path, v); err != nil {
			t.Errorf("%s: %v is refused: %v", path, v, err)
		}
		values := with(path, v)
		if c, is := values["cluster"].(tree); !is {
			values = withCluster(values)
		} else if c["store"] == nil {
			c["store"] = "s3://bucket/g2c"
		}
		if _, _, err := rendered(t, values); err != nil {
			t.Errorf("%s: %v: %v", path, v, err)
		}
	}
}

// tryTypes tries values of other types than a schema's.
func tryTypes(t *testing.T, path string, s *described) {
	t.Helper()
	if s.Type == "" && len(s.Enum) == 0 {
		t.Errorf("%s has no type", path)
	}
	for kind, v := range ofOtherTypes {
		if kind == s.Type || len(s.Enum) > 0 && slices.Contains(s.Enum, v) || s.Type == "" && kind == "integer" {
			continue
		}
		if err := accept(t, path, v); err == nil {
			t.Errorf("%s: %v, of another type, is accepted", path, v)
		}
	}
}

// everyKeyIsIn holds values.yaml to say each value of the schema, so that people find it.
func everyKeyIsIn(t *testing.T, path string, values any, s *described) {
	t.Helper()
	in, is := values.(tree)
	if !is {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if _, there := in[name]; !there && name != "global" && path != ".certManager.issuer" {
			t.Errorf("values.yaml does not say %s", strings.TrimPrefix(path+"."+name, "."))
			continue
		}
		everyKeyIsIn(t, path+"."+name, in[name], s.Properties[name])
	}
}
