package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/servers/kubelet"
)

// storageClass is of volumes that nobody provisions: they are there.
const storageClass = "manual"

func volume(n int) *corev1.PersistentVolume {
	v := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{
		Capacity:         corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadWriteMany},
		StorageClassName: storageClass, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/nowhere"}},
	}}
	v.Name = fmt.Sprint("v", n)
	return v
}

// storeClaim is the volume of the store, which all share.
func storeClaim() *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, StorageClassName: new(storageClass),
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	c.Name, c.Namespace = "store", space
	return c
}

// withStore is a template whose container has the store.
func withStore(container string) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: container, VolumeMounts: []corev1.VolumeMount{{Name: "store", MountPath: "/store"}}}},
		Volumes: []corev1.Volume{{Name: "store", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "store"},
		}}},
	}}
}

func cluster() *v1alpha1.Cluster {
	c := &v1alpha1.Cluster{Spec: v1alpha1.ClusterSpec{Store: "/store", Image: "g2c:1", Coordinators: &v1alpha1.Coordinators{
		Replicas: 3, Storage: v1alpha1.Storage{Size: resource.MustParse("1Gi"), ClassName: new(storageClass)}, Template: withStore("coordinator"),
	}}}
	c.Name, c.Namespace = "main", space
	return c
}

func pool() *v1alpha1.WorkerPool {
	p := &v1alpha1.WorkerPool{Spec: v1alpha1.WorkerPoolSpec{
		ClusterRef: v1alpha1.LocalReference{Name: "main"}, Workers: v1alpha1.Workers{Max: 3, Device: "cpu", Slots: 1, Template: withStore("worker")},
	}}
	p.Name, p.Namespace = "spot", space
	return p
}

// text is a spec that trains for some seconds, and is another for every seed.
func text(k *kit, seed int) string {
	b, err := os.ReadFile("../../test/e2e/testdata/tiny.yaml")
	k.must(err)
	s := strings.NewReplacer("seed: 3", fmt.Sprint("seed: ", seed), "name: tiny", fmt.Sprint("name: tiny", seed), "epochs: 2,", "epochs: 10,", "epochs: 3,", "epochs: 15,").Replace(string(b))
	if s == string(b) {
		k.t.Fatal("the spec has changed: it has no seed 3")
	}
	return s
}

// state is what a Cluster has become.
func (k *kit) state() *v1alpha1.Cluster {
	k.t.Helper()
	var c v1alpha1.Cluster
	k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: "main"}, &c))
	return &c
}

// settled waits until a Cluster is as it is stated, and n coordinators are ready.
func (k *kit) settled(n int) *v1alpha1.Cluster {
	k.t.Helper()
	k.until(fmt.Sprintf("a cluster of %d", n), &v1alpha1.ClusterList{}, func() bool {
		c := k.state()
		p := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.Progressing)
		return p != nil && p.Reason == "AsStated" && p.ObservedGeneration == c.Generation && int(c.Status.Ready) == n && len(c.Status.Members) == n &&
			meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.Available)
	})
	return k.state()
}

// certificate is a folder with a certificate of the cluster's authority, as a person takes it
// from the Secret.
func (k *kit) certificate() string {
	k.t.Helper()
	var s corev1.Secret
	k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: "main-authority"}, &s))
	ca, out := k.folder("ca"), filepath.Join(k.root, "ann")
	for name, b := range s.Data {
		k.must(os.WriteFile(filepath.Join(ca, name), b, 0o600))
	}
	k.run("certs", "issue", ca, "--role", "client", "--name", "ann", "--grant", "admin", "-o", out)
	return out
}

// dial is a connection to n coordinators, by a certificate's folder.
func (k *kit) dial(folder string, n int) *g2c.Client {
	k.t.Helper()
	id, err := pki.Load(folder)
	k.must(err)
	cfg := g2c.DefaultConfig()
	cfg.Servers, cfg.Credentials, cfg.Patience = hosts(n), grpctls.Client(id, pki.Expect{Role: pki.Coordinator}), patience
	c, err := g2c.New(cfg)
	k.must(err)
	k.all.Cleanup(func() { c.Close() })
	return c
}

func hosts(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("main-%d.main.%s.svc:7443", i, space))
	}
	return out
}

// submit makes an Experiment of a seed.
func (k *kit) submit(seed int) *v1alpha1.Experiment {
	k.t.Helper()
	e := &v1alpha1.Experiment{Spec: v1alpha1.ExperimentSpec{ClusterRef: v1alpha1.LocalReference{Name: "main"}, Experiment: text(k, seed)}}
	e.Name, e.Namespace = fmt.Sprint("e", seed), space
	k.create(e)
	return e
}

// refresh reads what an Experiment has become.
func (k *kit) refresh(e *v1alpha1.Experiment) *v1alpha1.Experiment {
	k.t.Helper()
	k.must(k.admin.Get(k.t.Context(), client.ObjectKeyFromObject(e), e))
	return e
}

// errEnough ends a watch that has seen what it waited for.
var errEnough = errors.New("enough")

// training waits until a task of an Experiment runs.
func (k *kit) training(e *v1alpha1.Experiment, coord *g2c.Client) {
	k.t.Helper()
	if len(k.trainers(e, coord)) == 0 {
		k.t.Fatal("the experiment has ended before anything was done to it")
	}
}

// trainers waits until a task of an Experiment runs, and says on which workers; none if it
// has ended.
func (k *kit) trainers(e *v1alpha1.Experiment, coord *g2c.Client) (workers []string) {
	k.t.Helper()
	k.until("it is submitted", &v1alpha1.ExperimentList{}, func() bool { return k.refresh(e).Status.ExperimentID != "" })
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	err := coord.Watch(ctx, &apiv1.WatchRequest{Experiment: e.Status.ExperimentID}, func(m *apiv1.WatchResponse) error {
		for _, x := range m.Experiments {
			if x.State != apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING {
				return errEnough
			}
		}
		for _, task := range m.Tasks {
			if task.State != apiv1.TaskState_TASK_STATE_RUNNING {
				continue
			}
			for _, part := range task.Gang {
				workers = append(workers, part.Worker)
			}
		}
		if len(workers) > 0 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		k.t.Fatalf("no task runs: %v", err)
	}
	return workers
}

// complete waits for an Experiment's end, and holds what it made to what `g2c run` makes of
// its spec on this machine, task by task; and every task was completed once.
func (k *kit) complete(e *v1alpha1.Experiment, coord *g2c.Client) {
	k.t.Helper()
	k.until(e.Name+" is complete", &v1alpha1.ExperimentList{}, func() bool {
		k.refresh(e)
		if meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.Failed) {
			k.t.Fatalf("it failed: %+v", e.Status)
		}
		return meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.Complete)
	})
	spec, store := filepath.Join(k.root, e.Name+".yaml"), filepath.Join(k.root, "store-"+e.Name)
	k.must(os.WriteFile(spec, []byte(e.Spec.Experiment), 0o644))
	k.run("run", spec, "--store", store, "--device", "cpu")
	want, got := k.weights(store), k.weights(k.store())
	if len(want) == 0 {
		k.t.Fatal("the run made nothing")
	}
	for key, sum := range want {
		if is, done := got[key]; !done || is != sum {
			k.t.Errorf("task %.12s has weights %.12q in the cluster, and %.12q of `g2c run`", key, got[key], sum)
		}
	}
	tasks, err := coord.Tasks().ListTasks(k.t.Context(), &apiv1.ListTasksRequest{Experiment: e.Status.ExperimentID, PageSize: 100})
	k.must(err)
	for _, task := range tasks.Tasks {
		if task.Completions != 1 {
			k.t.Errorf("task %s was completed %d times, in %d attempts", task.Name, task.Completions, task.Attempts)
		}
	}
}

// store is the folder of the cluster's store.
func (k *kit) store() string {
	k.t.Helper()
	var c corev1.PersistentVolumeClaim
	k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: "store"}, &c))
	return kubelet.ClaimFolder(k.root, c.UID)
}

// weights are the hashes of what is done in a store, by the tasks' keys.
func (k *kit) weights(store string) map[string]string {
	k.t.Helper()
	var tasks []struct {
		Key, WeightsSHA256 string
		Final              bool
	}
	k.must(json.Unmarshal([]byte(k.run("ckpt", "ls", store, "--json")), &tasks))
	out := map[string]string{}
	for _, t := range tasks {
		if t.Final {
			out[t.Key] = t.WeightsSHA256
		}
	}
	return out
}
