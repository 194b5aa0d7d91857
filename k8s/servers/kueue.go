package servers

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// KueueVersion of Kueue, as kueue/go.mod has it.
const KueueVersion = "v0.19.2"

// kueueModule is Kueue's module, kueueSpace the namespace in which it runs: pods there, and
// those of the cluster itself, are not its business.
const (
	kueueModule = "sigs.k8s.io/kueue"
	kueueSpace  = "kueue-system"
)

// Addresses of Kueue, on the loopback interface.
const (
	kueueHealth  = "127.0.0.1:8081"
	kueueWebhook = 9443
)

// kueueConfig is what Kueue is told; %s is the folder of its certificate.
const kueueConfig = `apiVersion: config.kueue.x-k8s.io/v1beta2
kind: Configuration
namespace: ` + kueueSpace + `
health: {healthProbeBindAddress: "` + kueueHealth + `"}
metrics: {bindAddress: "0"}
webhook: {host: 127.0.0.1, port: 9443, certDir: %s}
leaderElection: {leaderElect: false}
internalCertManagement: {enable: false}
integrations: {frameworks: [batch/job, pod]}
`

func kueueFolder() string { return filepath.Join(here(), "..", "..", ".tools", "kueue@"+KueueVersion) }

// InstallKueue builds Kueue, unless it is there, and lays what the apiserver has to know of
// it beside: definitions of resources, and webhooks.
func InstallKueue() error {
	folder := kueueFolder()
	return alone(folder, func() error {
		if _, err := os.Stat(filepath.Join(folder, "kueue")); err == nil {
			return nil
		}
		if err := (program{"kueue.new", "kueue", kueueModule + "/cmd/kueue"}).build(folder); err != nil {
			return err
		}
		c := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", kueueModule)
		c.Dir, c.Env = filepath.Join(here(), "kueue"), append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		out, err := c.Output()
		if err != nil {
			return fmt.Errorf("find Kueue's module: %w", err)
		}
		components := filepath.Join(strings.TrimSpace(string(out)), "config", "components")
		for to, from := range map[string]string{"crds": "crd/bases", "webhooks": "webhook"} {
			to = filepath.Join(folder, to)
			if err := errors.Join(os.RemoveAll(to), os.CopyFS(to, os.DirFS(filepath.Join(components, from)))); err != nil {
				return err
			}
		}
		return os.Rename(filepath.Join(folder, "kueue.new"), filepath.Join(folder, "kueue"))
	})
}

// NeedKueue skips a test for which Kueue is not built, or fails it with CI=true.
func NeedKueue(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(kueueFolder(), "kueue")); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("Kueue is not built: `make test-kueue` does that")
	}
	t.Skip("SKIPPED: no test with Kueue, which is not built: `make test-kueue` does that")
}

// Kueue is one whose definitions and webhooks are in a control plane. It runs, or not.
type Kueue struct {
	plane   *Plane
	hooks   envtest.WebhookInstallOptions
	program *exec.Cmd
}

// AddKueue tells the apiserver of Kueue, which does not run yet. From here on no pod is
// made while it does not answer.
func (p *Plane) AddKueue() (*Kueue, error) {
	k := &Kueue{plane: p, hooks: envtest.WebhookInstallOptions{
		Paths:            []string{filepath.Join(kueueFolder(), "webhooks", "manifests.yaml")},
		LocalServingHost: "127.0.0.1", LocalServingPort: kueueWebhook,
	}}
	if err := k.hooks.PrepWithoutInstalling(); err != nil {
		return nil, fmt.Errorf("read Kueue's webhooks: %w", err)
	}
	k.keepPlayed()
	if err := k.define(); err != nil {
		return nil, fmt.Errorf("install Kueue's definitions: %w", err)
	}
	if err := k.hooks.Install(p.Config); err != nil {
		return nil, fmt.Errorf("install Kueue's webhooks: %w", err)
	}
	return k, nil
}

// converted are the resources that Kueue converts from one version to another, as its own
// manifests have it; the versions of others are alike.
var converted = []string{"localqueues", "clusterqueues", "cohorts", "workloads", "multikueueclusters"}

// define installs the definitions of resources, with conversion by Kueue where it has one.
func (k *Kueue) define() error {
	all := envtest.CRDInstallOptions{Paths: []string{filepath.Join(kueueFolder(), "crds")}, ErrorIfPathMissing: true}
	if err := envtest.ReadCRDFiles(&all); err != nil {
		return err
	}
	plain, asked := envtest.CRDInstallOptions{}, envtest.CRDInstallOptions{WebhookOptions: k.hooks}
	asked.WebhookOptions.IgnoreSchemeConvertible = true
	for _, d := range all.CRDs {
		if slices.Contains(converted, d.Spec.Names.Plural) {
			asked.CRDs = append(asked.CRDs, d)
		} else {
			plain.CRDs = append(plain.CRDs, d)
		}
	}
	for _, some := range []envtest.CRDInstallOptions{plain, asked} {
		if _, err := envtest.InstallCRDs(k.plane.Config, some); err != nil {
			return err
		}
	}
	return nil
}

// keepPlayed keeps the webhooks of pods, Jobs and Kueue's own resources: others are of kinds
// that are not here, or not given to Kueue by its configuration.
func (k *Kueue) keepPlayed() {
	outside := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"kube-system", kueueSpace},
	}}}
	foreign := func(rules []admissionv1.RuleWithOperations) bool {
		return !slices.Contains([]string{"", "batch", "kueue.x-k8s.io"}, rules[0].APIGroups[0])
	}
	for _, c := range k.hooks.MutatingWebhooks {
		c.Webhooks = slices.DeleteFunc(c.Webhooks, func(w admissionv1.MutatingWebhook) bool { return foreign(w.Rules) })
		for i := range c.Webhooks {
			if w := &c.Webhooks[i]; w.Rules[0].APIGroups[0] != "kueue.x-k8s.io" {
				w.NamespaceSelector = outside
			}
		}
	}
	for _, c := range k.hooks.ValidatingWebhooks {
		c.Webhooks = slices.DeleteFunc(c.Webhooks, func(w admissionv1.ValidatingWebhook) bool { return foreign(w.Rules) })
		for i := range c.Webhooks {
			if w := &c.Webhooks[i]; w.Rules[0].APIGroups[0] != "kueue.x-k8s.io" {
				w.NamespaceSelector = outside
			}
		}
	}
}

// Start runs Kueue, and returns when it answers. It reads the certificate of its metrics at
// one place only, so it sees another /etc than this process.
func (k *Kueue) Start() error {
	etc, config := filepath.Join(k.plane.Logs, "kueue-etc"), filepath.Join(k.plane.Logs, "kueue.yaml")
	metrics := filepath.Join(etc, "kueue", "metrics", "certs")
	err := errors.Join(os.RemoveAll(etc), os.CopyFS(metrics, os.DirFS(k.hooks.LocalServingCertDir)),
		os.WriteFile(config, fmt.Appendf(nil, kueueConfig, k.hooks.LocalServingCertDir), 0o644))
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(k.plane.Logs, "kueue.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command("sh", "-c", `mount --bind "$0" /etc && exec "$@"`, etc,
		filepath.Join(kueueFolder(), "kueue"), "--config", config, "--kubeconfig", k.plane.Kubeconfig, "--feature-gates=VisibilityOnDemand=false")
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start Kueue: %w", err)
	}
	k.program = c
	return k.answers()
}

// answers waits until Kueue says that it is ready.
func (k *Kueue) answers() error {
	const longest = 2 * time.Minute
	deadline, tick := time.After(longest), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.Get("http://" + kueueHealth + "/readyz")
		if err == nil {
			err = r.Body.Close()
			if err == nil && r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			return errors.Join(fmt.Errorf("Kueue did not get ready in %s; it says why in %s", longest, k.plane.Logs), err, k.Stop())
		}
	}
}

// Stop ends Kueue. What it has told the apiserver stays.
func (k *Kueue) Stop() error {
	if k.program == nil {
		return nil
	}
	err := k.program.Process.Signal(syscall.SIGTERM)
	if werr := k.program.Wait(); k.program.ProcessState == nil {
		err = errors.Join(err, werr)
	}
	k.program = nil
	return err
}

// Remove stops Kueue for good, and removes its certificate.
func (k *Kueue) Remove() error { return errors.Join(k.Stop(), k.hooks.Cleanup()) }
