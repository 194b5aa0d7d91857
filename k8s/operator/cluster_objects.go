package operator

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

var (
	clusterKind     = v1alpha1.GroupVersion.WithKind("Cluster")
	statefulSetKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "StatefulSet"}
	serviceKind     = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	budgetKind      = schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}
)

// What a coordinator's pod has.
const (
	clusterLabel = "g2c.dev/cluster"
	dataVolume   = "data"
	dataFolder   = "/var/lib/g2c"
	configFolder = "/etc/g2c/config"
	configFile   = "coordinator.conf"
	watchPort    = 7480 // of /metrics, /healthz and /readyz
	// volumeGroup is the group that a volume is given to: the container's user, whoever it is,
	// is in it.
	volumeGroup = 65532
)

// stating is an object that is to be as it says.
type stating struct {
	object client.Object
	kind   schema.GroupVersionKind
}

func memberName(c *v1alpha1.Cluster, n int) string { return c.Name + "-" + strconv.Itoa(n) }

// coordinatorsName is the Secret and the ConfigMap that all coordinators see.
func coordinatorsName(c *v1alpha1.Cluster) string { return c.Name + "-coordinators" }

// addressOf is where a coordinator is reached: its name in the headless Service.
func addressOf(c *v1alpha1.Cluster, n int) string {
	return fmt.Sprintf("%s.%s.%s.svc:%d", memberName(c, n), c.Name, c.Namespace, coordinatorPort)
}

func clusterLabels(c *v1alpha1.Cluster) map[string]string {
	return map[string]string{appLabel: "g2c", "app.kubernetes.io/component": "coordinator", clusterLabel: c.Name}
}

// adopt names an object and makes it go with the Cluster.
func (k *keeper) adopt(o client.Object, name string) {
	o.SetName(name)
	o.SetNamespace(k.c.Namespace)
	o.SetLabels(clusterLabels(k.c))
	o.SetOwnerReferences([]metav1.OwnerReference{owned(clusterKind, k.c)})
}

// peers is the Service in which coordinators find each other, before they are ready.
func (k *keeper) peers() stating {
	s := &corev1.Service{Spec: corev1.ServiceSpec{
		ClusterIP: corev1.ClusterIPNone, PublishNotReadyAddresses: true, Selector: clusterLabels(k.c),
		Ports: []corev1.ServicePort{apiPort(), {Name: "metrics", Port: watchPort, TargetPort: intstr.FromString("metrics"), Protocol: corev1.ProtocolTCP}},
	}}
	k.adopt(s, k.c.Name)
	return stating{s, serviceKind}
}

// front is the Service by which people reach those that are ready.
func (k *keeper) front() stating {
	s := &corev1.Service{Spec: corev1.ServiceSpec{Selector: clusterLabels(k.c), Ports: []corev1.ServicePort{apiPort()}}}
	k.adopt(s, k.c.Name+"-client")
	return stating{s, serviceKind}
}

func apiPort() corev1.ServicePort {
	return corev1.ServicePort{Name: "api", Port: coordinatorPort, TargetPort: intstr.FromString("api"), Protocol: corev1.ProtocolTCP}
}

// budget keeps evictions from taking the majority away.
func (k *keeper) budget(replicas int) stating {
	most := intstr.FromInt32(int32(replicas-1) / 2)
	b := &policyv1.PodDisruptionBudget{Spec: policyv1.PodDisruptionBudgetSpec{
		MaxUnavailable: &most, Selector: &metav1.LabelSelector{MatchLabels: clusterLabels(k.c)},
	}}
	k.adopt(b, k.c.Name)
	return stating{b, budgetKind}
}

// statefulSet is the coordinators. Their pods come up side by side, since founders wait for
// each other, and are replaced by the operator alone.
func (k *keeper) statefulSet(replicas int) stating {
	s := &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{
		Replicas: new(int32(replicas)), ServiceName: k.c.Name, PodManagementPolicy: appsv1.ParallelPodManagement,
		UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}, RevisionHistoryLimit: new(int32(3)),
		PersistentVolumeClaimRetentionPolicy: &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenDeleted: appsv1.RetainPersistentVolumeClaimRetentionPolicyType, WhenScaled: appsv1.RetainPersistentVolumeClaimRetentionPolicyType,
		},
		Selector: &metav1.LabelSelector{MatchLabels: clusterLabels(k.c)}, Template: k.template(),
	}}
	claim := corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: k.c.Spec.Coordinators.Storage.ClassName,
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: k.c.Spec.Coordinators.Storage.Size}},
	}}
	claim.Name, claim.APIVersion, claim.Kind = dataVolume, "v1", "PersistentVolumeClaim"
	s.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{claim}
	k.adopt(s, k.c.Name)
	return stating{s, statefulSetKind}
}

// template is a coordinator's pod.
func (k *keeper) template() corev1.PodTemplateSpec {
	var pod corev1.PodTemplateSpec
	if t := k.c.Spec.Coordinators.Template; t != nil {
		pod = *t.DeepCopy()
	}
	c := containerNamed(&pod.Spec, "coordinator")
	c.Image, c.Command = k.c.Spec.Image, []string{"g2c"}
	c.Args = []string{"coordinator", "--id", "$(POD_NAME)", "--listen", fmt.Sprintf("$(POD_IP):%d", coordinatorPort),
		"--advertise", fmt.Sprintf("$(POD_NAME).%s.%s.svc:%d", k.c.Name, k.c.Namespace, coordinatorPort),
		"--data-dir", dataFolder + "/log", "--store", k.c.Spec.Store, "--metrics", fmt.Sprintf("$(POD_IP):%d", watchPort),
		"--config", configFolder + "/" + configFile}
	c.Env = append(c.Env, fieldEnv("POD_NAME", "metadata.name"), fieldEnv("POD_IP", "status.podIP"))
	c.Ports = append(c.Ports, corev1.ContainerPort{Name: "api", ContainerPort: coordinatorPort, Protocol: corev1.ProtocolTCP},
		corev1.ContainerPort{Name: "metrics", ContainerPort: watchPort, Protocol: corev1.ProtocolTCP})
	if c.ReadinessProbe == nil { // it ends by itself when it hangs, so there is none of life
		c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("metrics")}}, PeriodSeconds: 2}
	}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: dataVolume, MountPath: dataFolder},
		corev1.VolumeMount{Name: "g2c-config", MountPath: configFolder, ReadOnly: true})
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "g2c-config", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: coordinatorsName(k.c)}},
	}})
	scratch(&pod.Spec, c)
	if k.clusters.issues(k.c) {
		c.Args = append(c.Args, "--certs", certFolder+"/$(POD_NAME)")
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: certVolume, MountPath: certFolder, ReadOnly: true})
		pod.Spec.Volumes = append(pod.Spec.Volumes, k.certificates())
	}
	k.place(&pod.Spec)
	pod.Labels = merged(pod.Labels, clusterLabels(k.c))
	return pod
}

// place fills in how pods are spread and who they run as.
func (k *keeper) place(s *corev1.PodSpec) {
	if s.TerminationGracePeriodSeconds == nil {
		s.TerminationGracePeriodSeconds = new(int64(graceSeconds))
	}
	if s.Affinity == nil && len(s.TopologySpreadConstraints) == 0 {
		s.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{MatchLabels: clusterLabels(k.c)},
		}}
	}
	restrict(s)
	if s.SecurityContext.FSGroup == nil {
		s.SecurityContext.FSGroup = new(int64(volumeGroup))
	}
}

// certificates is the volume that has a folder for each coordinator. A pod is told of its own
// alone, and sees those of the others: they keep the same state, and a volume of its own
// would not be renewed in place.
func (k *keeper) certificates() corev1.Volume {
	secret := &corev1.SecretVolumeSource{SecretName: coordinatorsName(k.c)}
	for i := range mostCoordinators {
		name := memberName(k.c, i)
		secret.Items = append(secret.Items, corev1.KeyToPath{Key: bundleFile, Path: name + "/" + bundleFile},
			corev1.KeyToPath{Key: name + ".pem", Path: name + "/" + identityFile})
	}
	return corev1.Volume{Name: certVolume, VolumeSource: corev1.VolumeSource{Secret: secret}}
}

// configuration is the file that says how a coordinator whose folder is new gets into the
// cluster: founding it, and from then on joining it, so that one that lost its volume can
// found no second one.
func (k *keeper) configuration(founded bool, coordinators int) string {
	var peers, places []string
	for i := range coordinators {
		peers = append(peers, memberName(k.c, i)+"@"+addressOf(k.c, i))
		places = append(places, addressOf(k.c, i))
	}
	if founded {
		return "join: " + strings.Join(places, ",") + "\n"
	}
	return "bootstrap: true\npeers: " + strings.Join(peers, ",") + "\n"
}
