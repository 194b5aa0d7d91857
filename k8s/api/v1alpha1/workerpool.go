package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WorkerPool is workers that the experiments of a namespace share: as many pods as there
// is work for, within bounds.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.max,statuspath=.status.workers.desired,selectorpath=.status.selector
// +kubebuilder:resource:shortName=g2cpool,categories=g2c
// +kubebuilder:printcolumn:name="Min",type=integer,JSONPath=`.spec.min`
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.spec.max`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.workers.desired`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.workers.ready`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Waiting",type=string,priority=1,JSONPath=`.status.waiting`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="a name has at most 63 characters"
type WorkerPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   WorkerPoolSpec   `json:"spec"`
	Status WorkerPoolStatus `json:"status,omitempty"`
}

// WorkerPoolSpec says which workers, and how many.
//
// +kubebuilder:validation:XValidation:rule="self.clusterRef == oldSelf.clusterRef",message="clusterRef cannot be changed"
type WorkerPoolSpec struct {
	// ClusterRef is the Cluster, in the same namespace, that they serve.
	ClusterRef LocalReference `json:"clusterRef"`
	Workers    `json:",inline"`
	// QueueName is the queue of Kueue that admits the pods, one by one.
	//
	// +kubebuilder:validation:MaxLength=63
	// +optional
	QueueName string `json:"queueName,omitempty"`
}

// Workers are pods of one worker each.
//
// +kubebuilder:validation:XValidation:rule="self.min <= self.max",message="min is at most max"
type Workers struct {
	// Min is how many there are though nothing waits.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	// +kubebuilder:default=0
	Min int32 `json:"min"`
	// Max is how many there are at most.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Max int32 `json:"max"`
	// Device is what a slot is.
	//
	// +kubebuilder:validation:Enum=cpu;cuda
	// +kubebuilder:default=cpu
	Device string `json:"device,omitempty"`
	// Slots of each worker; of cuda, GPUs.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +kubebuilder:default=1
	Slots int32 `json:"slots,omitempty"`
	// Template adds to the pods what they need: resources, volumes, node selectors. Its
	// container called worker is the worker's; the command is the operator's.
	//
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +optional
	Template *corev1.PodTemplateSpec `json:"template,omitempty"`
}

// WorkerPoolStatus is what the operator knows of a pool.
type WorkerPoolStatus struct {
	// Conditions: WorkersReady.
	//
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// +optional
	Workers *WorkerCounts `json:"workers,omitempty"`
	// Selector of the pods, for the scale subresource.
	//
	// +optional
	Selector string `json:"selector,omitempty"`
	// Waiting is why a pod is not admitted, as Kueue says it.
	//
	// +optional
	Waiting string `json:"waiting,omitempty"`
	// Peak is the most that was needed lately: the pool shrinks late, since a task that failed
	// is tried again, and the readers of one begin when it ends.
	//
	// +optional
	Peak *Peak `json:"peak,omitempty"`
}

// Peak is slots that there was work for, and until when that counts.
type Peak struct {
	Slots int32       `json:"slots"`
	Until metav1.Time `json:"until"`
}

// WorkerCounts counts pods.
type WorkerCounts struct {
	Desired  int32 `json:"desired"`
	Admitted int32 `json:"admitted"` // not held back by a gate of scheduling
	Ready    int32 `json:"ready"`
}

// WorkerPoolList is a list of pools.
//
// +kubebuilder:object:root=true
type WorkerPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []WorkerPool `json:"items"`
}
