package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Cluster is coordinators that experiments are handed to, and the store that their workers
// share.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=g2ccluster,categories=g2c
// +kubebuilder:printcolumn:name="Coordinators",type=integer,JSONPath=`.spec.coordinators.replicas`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.ready`
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`
// +kubebuilder:printcolumn:name="Leader",type=string,JSONPath=`.status.leader`
// +kubebuilder:printcolumn:name="Store",type=string,priority=1,JSONPath=`.spec.store`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52",message="the name of a Cluster has at most 52 characters: its pods' names are longer"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.coordinators) || self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="a Cluster whose coordinators run here is a Service, too: its name begins with a letter, and has letters, digits and hyphens"
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterSpec   `json:"spec"`
	Status ClusterStatus `json:"status,omitempty"`
}

// ClusterSpec says which coordinators: those that run in this namespace, or others.
//
// +kubebuilder:validation:XValidation:rule="has(self.coordinators) != has(self.servers)",message="give either coordinators or servers"
// +kubebuilder:validation:XValidation:rule="has(self.coordinators) == has(oldSelf.coordinators)",message="a Cluster does not change between coordinators and servers"
type ClusterSpec struct {
	// Coordinators that run in this namespace.
	//
	// +optional
	Coordinators *Coordinators `json:"coordinators,omitempty"`
	// Servers are host:port of coordinators that run elsewhere.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=261
	// +kubebuilder:validation:items:Pattern=`^.+:[0-9]{1,5}$`
	// +listType=atomic
	// +optional
	Servers []string `json:"servers,omitempty"`
	// Store is where workers keep checkpoints: s3://BUCKET/PREFIX, or a path that their
	// template mounts.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Store string `json:"store"`
	// Certificates is a Secret with the certificate that Jobs which submit show, as files
	// ca.crt and identity.pem. Those of workers the operator issues; and these, too, where
	// coordinators run here.
	//
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Certificates string `json:"certificates,omitempty"`
	// Image of g2c that coordinators, workers, and Jobs that submit, run.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image"`
}

// Coordinators run in the Cluster's namespace.
type Coordinators struct {
	// Replicas is 1, 3 or 5: an even number survives no more than one less.
	//
	// +kubebuilder:validation:Enum=1;3;5
	Replicas int32 `json:"replicas"`
	// Storage of each, which keeps the log.
	//
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="storage cannot be changed: volumes are claimed once"
	Storage Storage `json:"storage"`
	// Authority is a Secret with files ca.crt and ca.key, as `g2c certs init` makes them, or of
	// type kubernetes.io/tls with an ECDSA key in PKCS #8, by which all certificates of the
	// cluster are issued. Without a name the operator makes one,
	// called after the Cluster: NAME-authority.
	//
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Authority string `json:"authority,omitempty"`
	// Template adds to the pods what they need: resources, volumes, node selectors. Its
	// container called coordinator is the coordinator's; the command is the operator's.
	//
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +optional
	Template *corev1.PodTemplateSpec `json:"template,omitempty"`
}

// Storage is a volume that each coordinator claims.
type Storage struct {
	Size resource.Quantity `json:"size"`
	// +optional
	ClassName *string `json:"className,omitempty"`
}

// Conditions of a Cluster.
const (
	// Available is whether a coordinator leads.
	Available = "Available"
	// Progressing is whether coordinators are still to become what is stated: it says the
	// next step, or what it waits for.
	Progressing = "Progressing"
	// Founded is whether coordinators ever made up a cluster: from then on an empty volume is
	// one that was lost.
	Founded = "Founded"
)

// ClusterStatus is what the operator knows of a cluster.
type ClusterStatus struct {
	// Conditions: Available, Progressing, Founded.
	//
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Leader is the coordinator that leads.
	//
	// +optional
	Leader string `json:"leader,omitempty"`
	// Level of the commands that are written to the log.
	//
	// +optional
	Level int32 `json:"level,omitempty"`
	// Image that all coordinators run; empty while they run several.
	//
	// +optional
	Image string `json:"image,omitempty"`
	// Ready is how many vote, and have caught up.
	//
	// +optional
	Ready int32 `json:"ready,omitempty"`
	// Members are the coordinators.
	//
	// +listType=map
	// +listMapKey=name
	// +optional
	Members []ClusterMember `json:"members,omitempty"`
}

// ClusterMember is a coordinator.
type ClusterMember struct {
	Name string `json:"name"`
	// Role is voter or learner; empty for a pod that is not a member.
	//
	// +optional
	Role string `json:"role,omitempty"`
	// Ready is whether its pod is.
	Ready bool `json:"ready"`
	// Updated is whether its pod is of the newest template.
	Updated bool `json:"updated"`
}

// ClusterList is a list of clusters.
//
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Cluster `json:"items"`
}
