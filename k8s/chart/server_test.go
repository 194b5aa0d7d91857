package chart_test

import (
	"os"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"g2c/k8s/servers"
)

// foreign are the groups of others, whose definitions the apiserver of tests has not.
var foreign = map[string]bool{"cert-manager.io": true, "monitoring.coreos.com": true}

// apiserver is a real one, with a namespace that takes restricted pods alone, and the file by
// which it is reached.
func apiserver(t *testing.T, definitions ...string) (client.Client, string) {
	t.Helper()
	env := &envtest.Environment{BinaryAssetsDirectory: servers.Need(t), CRDDirectoryPaths: definitions, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := env.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := admin.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := t.TempDir() + "/kubeconfig"
	if err := os.WriteFile(kubeconfig, text, 0o600); err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{space, "team"} {
		ns := &corev1.Namespace{}
		ns.Name, ns.Labels = name, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
		if err := c.Create(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
	}
	return c, kubeconfig
}

func dryRun(t *testing.T, c client.Client, o *unstructured.Unstructured) error {
	t.Helper()
	return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("test"), client.ForceOwnership, client.DryRunAll)
}

// podOf is the pod that a Deployment makes.
func podOf(t *testing.T, deployment *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	template, _, err := unstructured.NestedMap(deployment.Object, "spec", "template")
	if err != nil {
		t.Fatal(err)
	}
	pod := &unstructured.Unstructured{Object: template}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetName("operator")
	pod.SetNamespace(space)
	return pod
}

func TestTheAPIServerTakesWhatIsRendered(t *testing.T) {
	c, _ := apiserver(t, "../crds")
	account := &corev1.ServiceAccount{}
	account.Name, account.Namespace = "g2c-operator", space
	if err := c.Create(t.Context(), account); err != nil { // pods are admitted with one that is there
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range append(switches[:len(switches):len(switches)], struct {
		name         string
		values       tree
		comes, goes  []string
		inDeployment string
	}{name: "defaults"}) {
		for _, o := range must(t, s.values) {
			if foreign[o.GroupVersionKind().Group] {
				continue
			}
			if err := dryRun(t, c, o); err != nil {
				t.Errorf("%s: %s %s: %v", s.name, o.GetKind(), o.GetName(), err)
			}
			seen[o.GetKind()] = true
			if o.GetKind() != "Deployment" {
				continue
			}
			if err := dryRun(t, c, podOf(t, o)); err != nil {
				t.Errorf("%s: the operator's pod: %v", s.name, err)
			}
		}
	}
	for _, kind := range []string{"Cluster", "WorkerPool", "NetworkPolicy", "CustomResourceDefinition", "ConfigMap", "PodDisruptionBudget", "Role"} {
		if !seen[kind] {
			t.Errorf("no %s was tried", kind)
		}
	}
	pod := podOf(t, find(t, must(t, nil), "Deployment", "g2c-operator"))
	if err := unstructured.SetNestedField(pod.Object, false, "spec", "securityContext", "runAsNonRoot"); err != nil {
		t.Fatal(err)
	}
	if err := dryRun(t, c, pod); !apierrors.IsForbidden(err) {
		t.Errorf("a pod that may run as root: %v", err)
	}
}

// release is what Helm does with the chart.
type release struct {
	t   *testing.T
	cfg *action.Configuration
}

func newRelease(t *testing.T, kubeconfig string) *release {
	t.Helper()
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig, flags.Namespace = &kubeconfig, new(space)
	cfg := action.NewConfiguration()
	if err := cfg.Init(flags, space, "secret"); err != nil {
		t.Fatal(err)
	}
	return &release{t, cfg}
}

func (r *release) install(version string, values tree) {
	r.t.Helper()
	i := action.NewInstall(r.cfg)
	i.ReleaseName, i.Namespace, i.WaitStrategy = "g2c", space, kube.HookOnlyStrategy
	c := load(r.t)
	c.Metadata.Version = version
	if _, err := i.RunWithContext(r.t.Context(), c, values); err != nil {
		r.t.Fatal(err)
	}
}

func (r *release) upgrade(version string, values tree) {
	r.t.Helper()
	u := action.NewUpgrade(r.cfg)
	u.Namespace, u.WaitStrategy = space, kube.HookOnlyStrategy
	c := load(r.t)
	c.Metadata.Version = version
	if _, err := u.RunWithContext(r.t.Context(), "g2c", c, values); err != nil {
		r.t.Fatal(err)
	}
}

func (r *release) uninstall() {
	r.t.Helper()
	u := action.NewUninstall(r.cfg)
	u.WaitStrategy = kube.HookOnlyStrategy
	if _, err := u.Run("g2c"); err != nil {
		r.t.Fatal(err)
	}
}

func object(group, version, kind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: version, Kind: kind})
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// A release is installed, gets a Cluster, is upgraded and uninstalled: definitions, and what
// people made by them, are the same objects all the while.
func TestUpgradesAndUninstallsKeepDefinitionsAndData(t *testing.T) {
	c, kubeconfig := apiserver(t)
	r := newRelease(t, kubeconfig)
	uid := func(o *unstructured.Unstructured) string {
		t.Helper()
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
		return string(o.GetUID())
	}
	r.install("0.0.1", tree{"operator": tree{"replicas": 1}})
	definition := object("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "", "clusters.g2c.dev")
	before := uid(definition)
	r.upgrade("0.0.2", withCluster(nil))
	theirs := object("g2c.dev", "v1alpha1", "Cluster", "team", "theirs")
	theirs.Object["spec"] = runtime.DeepCopyJSON(tree{"servers": []any{"coordinator.example:7443"}, "store": "s3://bucket/theirs", "image": "g2c"})
	if err := c.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	made, ours := uid(theirs), object("g2c.dev", "v1alpha1", "Cluster", space, "main")
	first := uid(ours)
	r.upgrade("0.0.3", withCluster(tree{"operator": tree{"replicas": 2}, "networkPolicy": tree{"enabled": false}}))
	operator := object("apps", "v1", "Deployment", space, "g2c-operator")
	uid(operator)
	if n, _, err := unstructured.NestedInt64(operator.Object, "spec", "replicas"); n != 2 || err != nil {
		t.Errorf("%d replicas after the upgrade, %v", n, err)
	}
	if uid(definition) != before || uid(theirs) != made || uid(ours) != first {
		t.Error("an upgrade made a definition or a Cluster anew")
	}
	err := c.Get(t.Context(), client.ObjectKey{Namespace: space, Name: "g2c-default-deny"}, object("networking.k8s.io", "v1", "NetworkPolicy", "", ""))
	if !apierrors.IsNotFound(err) {
		t.Errorf("a policy that is not stated any more: %v", err)
	}
	r.uninstall()
	if uid(definition) != before || uid(theirs) != made {
		t.Error("the definition, or what people made by it, did not outlive the release")
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(operator), operator); !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		t.Errorf("the operator is still there: %v", err)
	}
	r.install("0.0.3", withCluster(nil)) // over the definitions that stayed
	if uid(definition) != before {
		t.Error("a second installation made a definition anew")
	}
}
