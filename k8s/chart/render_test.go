package chart_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// space is where tests install the chart.
const space = "g2c-system"

func load(t *testing.T) *chartv2.Chart {
	t.Helper()
	c, err := loader.LoadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tree is values, or a part of them.
type tree = map[string]any

// rendered is the objects that the chart makes of values, and its notes.
func rendered(t *testing.T, values tree) (objects []*unstructured.Unstructured, notes string, err error) {
	t.Helper()
	c := load(t)
	all, err := util.ToRenderValues(c, values, common.ReleaseOptions{Name: "g2c", Namespace: space, Revision: 1, IsInstall: true}, common.DefaultCapabilities)
	if err != nil {
		return nil, "", err
	}
	files, err := engine.Engine{Strict: true}.Render(c, all)
	if err != nil {
		return nil, "", err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(path, "NOTES.txt") {
			notes = files[path]
		} else if strings.HasSuffix(path, ".yaml") {
			objects = append(objects, decoded(t, path, strings.NewReader(files[path]))...)
		}
	}
	return objects, notes, nil
}

func decoded(t *testing.T, path string, from io.Reader) (out []*unstructured.Unstructured) {
	t.Helper()
	for d := yaml.NewYAMLOrJSONDecoder(from, 4096); ; {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u.Object); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
}

func must(t *testing.T, values tree) []*unstructured.Unstructured {
	t.Helper()
	objects, _, err := rendered(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func kinds(objects []*unstructured.Unstructured) (out []string) {
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			out = append(out, o.GetKind()+" "+o.GetName())
		}
	}
	slices.Sort(out)
	return out
}

// find is the one object of a kind and name.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind && o.GetName() == name {
			return o
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}

// withCluster is values of a release that has coordinators, and more.
func withCluster(more tree) tree {
	out := tree{"cluster": tree{"create": true, "store": "s3://bucket/g2c"}}
	maps.Copy(out, more)
	return out
}

// switches is values that turn each switch to what it is not by default, and what comes or
// goes by it.
var switches = []struct {
	name         string
	values       tree
	comes, goes  []string
	inDeployment string // text that is then in the Deployment
}{
	{name: "no definitions", values: tree{"crds": tree{"install": false}}},
	{name: "one namespace", values: tree{"operator": tree{"namespace": "team"}}, inDeployment: "--namespace=team",
		comes: []string{"Role g2c-operator", "RoleBinding g2c-operator"}, goes: []string{"ClusterRole g2c-operator", "ClusterRoleBinding g2c-operator"}},
	{name: "no budget", values: tree{"operator": tree{"podDisruptionBudget": false}}, goes: []string{"PodDisruptionBudget g2c-operator"}},
	{name: "no policies", values: tree{"networkPolicy": tree{"enabled": false}}, goes: []string{
		"NetworkPolicy g2c-coordinators", "NetworkPolicy g2c-default-deny", "NetworkPolicy g2c-gangs", "NetworkPolicy g2c-names", "NetworkPolicy g2c-operator", "NetworkPolicy g2c-workers"}},
	{name: "cluster", values: withCluster(nil), comes: []string{"Cluster main"}},
	{name: "pool", values: withCluster(tree{"workerPool": tree{"create": true, "queueName": "night", "template": tree{"spec": tree{"nodeSelector": tree{"pool": "spot"}}}}}),
		comes: []string{"Cluster main", "WorkerPool workers"}},
	{name: "cert-manager", values: withCluster(tree{"certManager": tree{"enabled": true}}), comes: []string{"Certificate main-cert-manager", "Cluster main", "Issuer main-cert-manager"}},
	{name: "cert-manager with an issuer", values: withCluster(tree{"certManager": tree{"enabled": true, "issuer": tree{"name": "root", "kind": "ClusterIssuer"}}}),
		comes: []string{"Certificate main-cert-manager", "Cluster main"}},
	{name: "monitors", values: tree{"serviceMonitor": tree{"enabled": true, "labels": tree{"release": "prometheus"}}},
		comes: []string{"Service g2c-operator-metrics", "ServiceMonitor g2c-coordinator", "ServiceMonitor g2c-operator"}},
	{name: "dashboards", values: tree{"dashboards": tree{"enabled": true}}, comes: []string{"ConfigMap g2c-dashboards"}},
	{name: "image", values: tree{"image": tree{"repository": "images/g2c", "tag": "v7", "pullPolicy": "Always"}, "imagePullSecrets": []any{tree{"name": "pull"}}}, inDeployment: "images/g2c:v7"},
	{name: "placed", inDeployment: "spot", values: tree{"operator": tree{
		"nodeSelector": tree{"pool": "spot"}, "podAnnotations": tree{"a": "b"}, "serviceAccountAnnotations": tree{"a": "b"}, "sideBySide": 9, "replicas": 1,
		"tolerations": []any{tree{"key": "spot", "operator": "Exists"}},
		"affinity":    tree{"podAntiAffinity": tree{"requiredDuringSchedulingIgnoredDuringExecution": []any{tree{"topologyKey": "zone", "labelSelector": tree{}}}}},
	}}},
	{name: "a folder as store", values: tree{"networkPolicy": tree{"storePorts": []any{}}}},
}

func TestSwitches(t *testing.T) {
	plain := kinds(must(t, nil))
	for _, s := range switches {
		t.Run(s.name, func(t *testing.T) {
			objects := must(t, s.values)
			want := slices.DeleteFunc(append(slices.Clone(plain), s.comes...), func(o string) bool { return slices.Contains(s.goes, o) })
			slices.Sort(want)
			if got := kinds(objects); !slices.Equal(got, want) {
				t.Errorf("objects are\n%q, want\n%q", got, want)
			}
			text, err := find(t, objects, "Deployment", "g2c-operator").MarshalJSON()
			if err != nil || !bytes.Contains(text, []byte(s.inDeployment)) {
				t.Errorf("no %q in %s, %v", s.inDeployment, text, err)
			}
		})
	}
}

// What makes no sense is said, not rendered.
func TestSwitchesThatNeedACluster(t *testing.T) {
	for _, values := range []tree{{"workerPool": tree{"create": true}}, {"certManager": tree{"enabled": true}}} {
		if _, _, err := rendered(t, values); err == nil || !strings.Contains(err.Error(), "set cluster.create") {
			t.Errorf("%v: %v", values, err)
		}
	}
	if _, _, err := rendered(t, tree{"cluster": tree{"create": true}}); err == nil || !strings.Contains(err.Error(), "store") {
		t.Errorf("a cluster without a store: %v", err)
	}
}

func TestNotes(t *testing.T) {
	for want, values := range map[string]tree{"It waits for Clusters": nil, "get cluster main": withCluster(nil), "the namespace team alone": {"operator": tree{"namespace": "team"}}} {
		if _, notes, err := rendered(t, values); err != nil || !strings.Contains(notes, want) {
			t.Errorf("%v: no %q in %s, %v", values, want, notes, err)
		}
	}
}

// The authority that cert-manager keeps is the one that the Cluster names.
func TestCertManagersAuthority(t *testing.T) {
	objects := must(t, withCluster(tree{"certManager": tree{"enabled": true}}))
	named, _, err := unstructured.NestedString(find(t, objects, "Cluster", "main").Object, "spec", "coordinators", "authority")
	kept, _, kerr := unstructured.NestedString(find(t, objects, "Certificate", "main-cert-manager").Object, "spec", "secretName")
	if err != nil || kerr != nil || named == "" || named != kept {
		t.Errorf("the Cluster names %q, the Certificate keeps %q, %v, %v", named, kept, err, kerr)
	}
}

// Definitions are those of k8s/crds, but for the annotation that keeps them.
func TestDefinitionsAreTheOperators(t *testing.T) {
	paths, err := filepath.Glob("../crds/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%v, %v", paths, err)
	}
	objects, seen := must(t, nil), 0
	for _, path := range paths {
		for _, want := range fromFile(t, path) {
			got := find(t, objects, want.GetKind(), want.GetName())
			notes := got.GetAnnotations()
			if notes["helm.sh/resource-policy"] != "keep" {
				t.Errorf("%s is not kept", got.GetName())
			}
			delete(notes, "helm.sh/resource-policy")
			got.SetAnnotations(notes)
			if !equality.Semantic.DeepEqual(got.Object, want.Object) {
				t.Errorf("%s is not as in %s: run go generate ./k8s/chart", got.GetName(), path)
			}
			seen++
		}
	}
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" {
			seen--
		}
	}
	if seen != 0 {
		t.Error("the chart has definitions that k8s/crds has not")
	}
}

func fromFile(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return decoded(t, path, f)
}

// Those who install without Helm get the same: rights, and the pod.
func TestTheManifestIsTheChart(t *testing.T) {
	manifest := fromFile(t, "../manifests/operator.yaml")
	objects := must(t, tree{"image": tree{"repository": "g2c", "tag": "v1"}})
	compared := 0
	for _, want := range manifest {
		var fields []string
		switch want.GetKind() {
		case "Namespace": // Helm makes it
			continue
		case "Deployment":
			fields = []string{"spec"}
		default:
			fields = []string{"rules", "roleRef", "subjects"}
		}
		got := find(t, objects, want.GetKind(), want.GetName())
		if want.GetKind() == "Deployment" {
			likeTheManifest(t, got)
			likeTheManifest(t, want)
		}
		for _, f := range fields {
			if !equality.Semantic.DeepEqual(got.Object[f], want.Object[f]) {
				t.Errorf("%s %s: %s is\n%v\nin the chart, and\n%v\nin the manifest", want.GetKind(), want.GetName(), f, got.Object[f], want.Object[f])
			}
		}
		compared++
	}
	if compared != 6 {
		t.Errorf("%d objects were compared", compared)
	}
	// With one namespace rights there are the same.
	role := find(t, must(t, tree{"operator": tree{"namespace": "team"}}), "Role", "g2c-operator")
	if !equality.Semantic.DeepEqual(role.Object["rules"], find(t, objects, "ClusterRole", "g2c-operator").Object["rules"]) {
		t.Error("a Role has other rules than the ClusterRole")
	}
}

// likeTheManifest takes away what the chart alone can say: the image, and default values.
func likeTheManifest(t *testing.T, deployment *unstructured.Unstructured) {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("containers %v, %v", containers, err)
	}
	c := containers[0].(map[string]any)
	delete(c, "image")
	delete(c, "imagePullPolicy")
	c["args"] = slices.DeleteFunc(slices.Clone(c["args"].([]any)), func(a any) bool { return a == "--side-by-side=4" })
	if err := unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
}
