package operator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"g2c/k8s/api/v1alpha1"
)

// Labels and annotations.
const (
	appLabel       = "app.kubernetes.io/name"
	ownerLabel     = "g2c.dev/workers-of"   // name of the WorkerPool or Experiment
	kindLabel      = "g2c.dev/workers-kind" // its kind
	queueLabel     = "kueue.x-k8s.io/queue-name"
	hashAnnotation = "g2c.dev/template" // hash of what a pod was made of
)

// Ports and times of a worker's pod.
const (
	gangPort = 7447
	// graceSeconds is what a worker has to say that it leaves, finish its step and hand over:
	// clouds that take machines away leave a pod 15 s.
	graceSeconds = 30
	// lostSeconds is how long a pod stays on a node that does not answer. The coordinator has
	// long given its work to others.
	lostSeconds = 30
)

// template is the pod of a worker of a fleet, without a name.
func (f *fleet) template() *corev1.Pod {
	var pod corev1.Pod
	if t := f.workers.Template; t != nil {
		pod.ObjectMeta, pod.Spec = *t.ObjectMeta.DeepCopy(), *t.Spec.DeepCopy()
	}
	c := containerNamed(&pod.Spec, "worker")
	c.Image = f.cluster.Spec.Image
	c.Command = []string{"g2c"}
	c.Args = []string{"worker", "--id", "$(POD_NAME)", "--server", strings.Join(serversOf(f.cluster), ","),
		"--slots", f.workers.Device + ":" + strconv.Itoa(int(f.workers.Slots)), "--store", f.cluster.Spec.Store,
		"--listen", "$(POD_IP):" + strconv.Itoa(gangPort)}
	c.Env = append(c.Env, fieldEnv("POD_NAME", "metadata.name"), fieldEnv("POD_IP", "status.podIP"))
	c.Ports = append(c.Ports, corev1.ContainerPort{Name: "gang", ContainerPort: gangPort, Protocol: corev1.ProtocolTCP})
	if c.ReadinessProbe == nil {
		c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(gangPort)}}}
	}
	if f.workers.Device == "cuda" {
		if c.Resources.Limits == nil {
			c.Resources.Limits = corev1.ResourceList{}
		}
		if _, given := c.Resources.Limits["nvidia.com/gpu"]; !given && len(c.Resources.Claims) == 0 {
			c.Resources.Limits["nvidia.com/gpu"] = *resource.NewQuantity(int64(f.workers.Slots), resource.DecimalSI)
		}
	}
	if pod.Spec.TerminationGracePeriodSeconds == nil {
		pod.Spec.TerminationGracePeriodSeconds = new(int64(graceSeconds))
	}
	// A second before the kubelet kills, it has said that it goes.
	c.Args = append(c.Args, "--notice", fmt.Sprintf("%ds", max(*pod.Spec.TerminationGracePeriodSeconds-1, 1)))
	if pod.Spec.RestartPolicy == "" { // one that ended is replaced by another name
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	}
	for _, taint := range []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
			Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(lostSeconds)),
		})
	}
	scratch(&pod.Spec, c)
	restrict(&pod.Spec)
	pod.Labels = merged(pod.Labels, f.selector())
	pod.Labels = merged(pod.Labels, map[string]string{appLabel: "g2c", "app.kubernetes.io/component": "worker"})
	if f.queue != "" {
		pod.Labels[queueLabel] = f.queue
	}
	return &pod
}

// hash names what a pod is made of: pods of another one are replaced.
func hash(pod *corev1.Pod) string {
	text, err := json.Marshal([]any{pod.Labels, pod.Annotations, pod.Spec})
	if err != nil {
		panic("operator: a pod has no JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// restrict fills in what the restricted Pod Security standard asks for, where the template
// says nothing else.
func restrict(s *corev1.PodSpec) {
	if s.SecurityContext == nil {
		s.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	}
	if s.AutomountServiceAccountToken == nil {
		s.AutomountServiceAccountToken = new(false)
	}
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			if list[i].SecurityContext == nil {
				list[i].SecurityContext = &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				}
			}
		}
	}
}

// scratch gives a container, whose root is read-only, a folder for temporary files, unless its
// template has one.
func scratch(s *corev1.PodSpec, c *corev1.Container) {
	const volume, folder = "g2c-tmp", "/tmp"
	if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == folder }) {
		return
	}
	s.Volumes = append(s.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: folder})
}

// containerNamed finds a container of a pod, or adds it as the first.
func containerNamed(s *corev1.PodSpec, name string) *corev1.Container {
	for i := range s.Containers {
		if s.Containers[i].Name == name {
			return &s.Containers[i]
		}
	}
	s.Containers = append([]corev1.Container{{Name: name}}, s.Containers...)
	return &s.Containers[0]
}

// mountSecret shows a container a Secret as a folder.
func mountSecret(s *corev1.PodSpec, c *corev1.Container, volume, secret, folder string) {
	s.Volumes = append(s.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}})
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: filepath.ToSlash(folder), ReadOnly: true})
}

func fieldEnv(name, field string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: field}}}
}

// merged is two sets of labels, of which the second wins.
func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}

// fleet is the workers of a pool, or those of an experiment's own.
type fleet struct {
	namespace, name, kind string // of the owner
	cluster               *v1alpha1.Cluster
	workers               *v1alpha1.Workers
	queue                 string
	// issue makes the files of a worker's certificate; nil where workers have none.
	issue func(worker string, valid time.Duration) (map[string][]byte, error)
}

// selector is the labels by which a fleet's pods are found.
func (f *fleet) selector() map[string]string {
	return map[string]string{ownerLabel: f.name, kindLabel: f.kind}
}
