package v1alpha1

import (
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
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.spec.store`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52",message="the name of a Cluster has at most 52 characters: its pods' names are longer"
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
	// ca.crt and identity.pem; those of workers the operator issues.
	//
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Certificates string `json:"certificates,omitempty"`
	// Image of g2c that workers, and Jobs that submit, run.
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
	Storage Storage `json:"storage"`
}

// Storage is a volume that each coordinator claims.
type Storage struct {
	Size resource.Quantity `json:"size"`
	// +optional
	ClassName *string `json:"className,omitempty"`
}

// ClusterStatus is what the operator knows of a cluster.
type ClusterStatus struct {
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ClusterList is a list of clusters.
//
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Cluster `json:"items"`
}
