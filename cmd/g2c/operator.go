package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/api/client"
	"g2c/coordinator/command"
	"g2c/experiments/datasource"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
	"g2c/internal/clock"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
	"g2c/k8s/operator"
)

// operatorFlags are those of `g2c operator`.
type operatorFlags struct {
	kubeconfig, namespace      string
	certs, authority           string
	leaderElection             bool
	leaderSpace                string
	metricsListen, probeListen string
	sideBySide                 int
}

// newOperator is `g2c operator`.
func newOperator() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "operator",
		Short: "Keep experiments and workers as Kubernetes' resources state them",
		Long: `Keep experiments and workers as Kubernetes' resources state them: hand every
Experiment to its Cluster's coordinators, say in its status how it goes on, and run as
many workers, a pod each, as there is work. Coordinators that a Cluster states it runs,
founds, grows and replaces, with certificates of an authority of their own.

It needs the CustomResourceDefinitions of g2c.dev. Of several that run with
--leader-election one acts at a time. Nothing is lost when it ends at any moment.

` + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context()) },
	}
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "file that says where the apiserver is; without it KUBECONFIG, or the pod")
	c.Flags().StringVar(&f.namespace, "namespace", "", "the only namespace to look after; without it all")
	c.Flags().StringVar(&f.certs, "certs", os.Getenv("G2C_CERTS"), "folder of the operator's certificate (G2C_CERTS), of a client that may operate, for coordinators that run elsewhere; an empty one is none: then loopback alone")
	c.Flags().StringVar(&f.authority, "authority", "", "folder of the authority that issues the certificates of their workers; without one, or in an empty one, they have none")
	c.Flags().BoolVar(&f.leaderElection, "leader-election", false, "act only while holding the lease, so that several can run")
	c.Flags().StringVar(&f.leaderSpace, "leader-namespace", "", "namespace of the lease; without it that of the pod")
	c.Flags().StringVar(&f.metricsListen, "metrics-listen", "0", "host:port of /metrics in plain text; 0 for none")
	c.Flags().StringVar(&f.probeListen, "probe-listen", "0", "host:port of /healthz and /readyz; 0 for none")
	c.Flags().IntVar(&f.sideBySide, "side-by-side", operatorSideBySide, "resources of a kind that are looked at at the same time")
	addConfig(c)
	return c
}

const operatorSideBySide = 4

// operatorKeep is how many bytes of made-up images the operator keeps: a submission that is
// tried again need not make them again.
const operatorKeep = 64 << 20

// operatorPatience is how long a call of the operator is repeated before the resource goes
// back to the queue: others wait for their turn.
const operatorPatience = 5 * time.Second

func (f *operatorFlags) run(ctx context.Context) error {
	rc, err := operator.Load(f.kubeconfig)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	data := &datasource.Opener{Keep: operatorKeep}
	read := func(name string, text []byte) (*operator.Spec, error) { return readForOperator(data, name, text) }
	cfg := operator.Config{
		Read: read, Clock: clock.Real{}, Log: log,
		Namespace: f.namespace, LeaderElection: f.leaderElection, LeaderSpace: f.leaderSpace,
		Metrics: f.metricsListen, Health: f.probeListen, Workers: f.sideBySide,
		Authority: authority{}, Level: command.Level,
	}
	var id *pki.Identity
	if furnished(f.certs) {
		if id, err = pki.Load(f.certs); err != nil {
			return err
		}
		go reloadCertificates(ctx, id, log)
	}
	cfg.Dial = func(servers []string, identity map[string][]byte) (*client.Client, error) {
		c := client.DefaultConfig()
		c.Servers, c.Proxy, c.Patience = servers, proxyOf, operatorPatience
		id := id
		if identity != nil {
			var err error
			if id, err = loadFiles(identity); err != nil {
				return nil, err
			}
		}
		if id != nil {
			c.Credentials = grpctls.Client(id, pki.Expect{Role: pki.Coordinator})
		}
		return client.New(c)
	}
	if furnished(f.authority) {
		cfg.Issue = func(worker string, valid time.Duration) (map[string][]byte, error) {
			return issueFiles(f.authority, pki.Request{Role: pki.Worker, Name: worker, Valid: valid})
		}
	}
	return operator.Run(ctx, rc, cfg)
}

// readForOperator reads a spec that an Experiment holds. Paths in it are those of pods, where
// nobody is at home.
func readForOperator(data *datasource.Opener, name string, text []byte) (*operator.Spec, error) {
	file, err := spec.Parse(name, text)
	if err != nil {
		return nil, err
	}
	if err := withoutLabels(file); err != nil {
		return nil, err
	}
	if file.Spec.Search != nil {
		return nil, fault.New(fault.ErrSpec, "search: the operator does not carry out a search, whose trials follow from the results of others").
			WithHint("`g2c submit --wait` does, or `g2c run`; what they find can be an arm here")
	}
	s := &operator.Spec{Name: file.Spec.Metadata.Name, Priority: int32(file.Spec.Metadata.Priority), Device: string(file.Spec.Device), Files: readsFiles(file)}
	if p := file.Spec.Metadata.Project; p != spec.Default().Metadata.Project { // an empty one is the namespace's
		s.Project = p
	}
	s.Works = func(ctx context.Context, class string) ([]api.Work, error) {
		plan, err := sweep.Expand(file, sweep.Options{
			Numerics: class, Fingerprint: func(d api.DataSet) (api.Key, error) { return data.Fingerprint(ctx, d) },
		})
		if err != nil {
			return nil, err
		}
		var works []api.Work
		for _, item := range plan.Items {
			works = append(works, item.Work)
		}
		return works, nil
	}
	return s, nil
}

// readsFiles says whether a variant's data, or a generator of its own, lie in files.
func readsFiles(file *spec.File) bool {
	for i := range file.Variants {
		s := &file.Variants[i].Spec
		if s.Data.Synthetic == nil {
			return true
		}
		for _, ready := range s.Generators {
			if _, err := api.ParseKey(ready.Model); ready.Model != "" && err != nil {
				return true
			}
		}
	}
	return false
}
