package operator

import (
	"context"
	"errors"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"g2c/internal/fault"
	"g2c/k8s/api/v1alpha1"
)

// leaseName is the Lease by which one of several operators is the one that acts.
const leaseName = "g2c-operator"

// Scheme is the types that the operator speaks of.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(clientscheme.AddToScheme(s), v1alpha1.AddToScheme(s))
}

// Reconcilers are those of an operator.
type Reconcilers struct {
	Clusters    *Clusters
	Experiments *Experiments
	Pools       *WorkerPools

	conns *clusters
}

// New makes the reconcilers over a client. live reads what was written a moment ago.
func New(c client.Client, live client.Reader, rec events.EventRecorder, cfg Config) *Reconcilers {
	conns := &clusters{cfg: cfg, live: live}
	pods := &fleets{client: c, live: live, clusters: conns, clock: cfg.Clock, demand: Planned{}}
	return &Reconcilers{
		Clusters:    &Clusters{Client: c, Live: live, Config: cfg, clusters: conns},
		Experiments: &Experiments{Client: c, Live: live, Events: rec, Config: cfg, clusters: conns, fleets: pods},
		Pools:       &WorkerPools{Client: c, Config: cfg, clusters: conns, fleets: pods},
		conns:       conns,
	}
}

// Close ends the connections to coordinators.
func (r *Reconcilers) Close() error { return r.conns.close() }

// Load finds the apiserver: that of a kubeconfig file, or by the environment, or of the pod.
func Load(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		return loadFile(kubeconfig)
	}
	c, err := ctrl.GetConfig()
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "find the apiserver: %w", err).WithHint("run in a pod, or name a kubeconfig file with --kubeconfig or KUBECONFIG")
	}
	return c, nil
}

// Run keeps resources as they are stated until the context ends.
func Run(ctx context.Context, rc *rest.Config, cfg Config) (err error) {
	scheme, err := Scheme()
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.FromSlogHandler(cfg.Log.Handler()))
	o := ctrl.Options{
		Scheme: scheme, LeaderElection: cfg.LeaderElection, LeaderElectionID: leaseName, LeaderElectionNamespace: cfg.LeaderSpace,
		LeaderElectionReleaseOnCancel: true,
		Metrics:                       metricsserver.Options{BindAddress: cfg.Metrics}, HealthProbeBindAddress: cfg.Health,
	}
	if cfg.Namespace != "" {
		o.Cache.DefaultNamespaces = map[string]cache.Config{cfg.Namespace: {}}
	}
	m, err := ctrl.NewManager(rc, o)
	if err != nil {
		return fault.New(fault.ErrUnavailable, "reach the apiserver: %w", err)
	}
	if err := errors.Join(m.AddHealthzCheck("ping", healthz.Ping), m.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return err
	}
	r := New(m.GetClient(), m.GetAPIReader(), m.GetEventRecorder(leaseName), cfg)
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := errors.Join(r.Clusters.setUp(m), r.Experiments.setUp(m), r.Pools.setUp(m)); err != nil {
		return fault.New(fault.ErrUnavailable, "%w", err).WithHint("are the CustomResourceDefinitions of g2c.dev installed?")
	}
	if err := m.Start(ctx); err != nil {
		return fault.New(fault.ErrUnavailable, "%w", err)
	}
	return nil
}

// changed lets through what people state; what the operator writes itself wakes it not again.
var changed = predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{})

// options are those of both controllers. Their names may come again in one process, which
// runs a second operator when the first has ended.
func (c Config) options() controller.Options {
	return controller.Options{MaxConcurrentReconciles: max(c.Workers, 1), SkipNameValidation: new(true)}
}

func (r *Clusters) setUp(m ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(m).For(&v1alpha1.Cluster{}, builder.WithPredicates(changed)).Owns(&appsv1.StatefulSet{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(clusterOf)).WithOptions(r.Config.options()).Complete(r)
}

// clusterOf is the Cluster of a coordinator's pod.
func clusterOf(_ context.Context, pod client.Object) []ctrl.Request {
	name := pod.GetLabels()[clusterLabel]
	if name == "" {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: pod.GetNamespace(), Name: name}}}
}

func (r *Experiments) setUp(m ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(m).For(&v1alpha1.Experiment{}, builder.WithPredicates(changed)).
		Owns(&batchv1.Job{}).Owns(&corev1.Pod{}).WithOptions(r.Config.options()).Complete(r)
}

func (r *WorkerPools) setUp(m ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(m).For(&v1alpha1.WorkerPool{}, builder.WithPredicates(changed)).
		Owns(&corev1.Pod{}).WithOptions(r.Config.options()).Complete(r)
}
