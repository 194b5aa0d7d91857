package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Experiment is an experiment that a cluster is to run. Its namespace is its project.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=g2cexp,categories=g2c
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Complete",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].status`
// +kubebuilder:printcolumn:name="Failed",type=string,JSONPath=`.status.conditions[?(@.type=="Failed")].status`
// +kubebuilder:printcolumn:name="Done",type=integer,JSONPath=`.status.progress.done`
// +kubebuilder:printcolumn:name="Tasks",type=integer,JSONPath=`.status.progress.tasks`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Waiting",type=string,priority=1,JSONPath=`.status.waiting`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="a name has at most 63 characters"
type Experiment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ExperimentSpec   `json:"spec"`
	Status ExperimentStatus `json:"status,omitempty"`
}

// ExperimentSpec says what is to be run, and where. What decides the experiment itself is
// for ever; how it is run may change.
//
// +kubebuilder:validation:XValidation:rule="has(self.experiment) != has(self.specFrom)",message="give either experiment or specFrom"
// +kubebuilder:validation:XValidation:rule="has(self.experiment) == has(oldSelf.experiment) && (!has(self.experiment) || self.experiment == oldSelf.experiment)",message="experiment cannot be changed: another spec is another Experiment"
// +kubebuilder:validation:XValidation:rule="has(self.specFrom) == has(oldSelf.specFrom) && (!has(self.specFrom) || self.specFrom == oldSelf.specFrom)",message="specFrom cannot be changed: another spec is another Experiment"
// +kubebuilder:validation:XValidation:rule="self.clusterRef == oldSelf.clusterRef",message="clusterRef cannot be changed"
// +kubebuilder:validation:XValidation:rule="has(self.numerics) == has(oldSelf.numerics) && (!has(self.numerics) || self.numerics == oldSelf.numerics)",message="numerics cannot be changed: it is in the key of every task"
// +kubebuilder:validation:XValidation:rule="has(self.priority) == has(oldSelf.priority) && (!has(self.priority) || self.priority == oldSelf.priority)",message="priority cannot be changed"
type ExperimentSpec struct {
	// Experiment is the text of a g2c spec, as `g2c run` reads it.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1048576
	// +optional
	Experiment string `json:"experiment,omitempty"`
	// SpecFrom is where that text lies instead. It is read once, when it is accepted.
	//
	// +optional
	SpecFrom *SpecSource `json:"specFrom,omitempty"`
	// ClusterRef is the Cluster, in the same namespace, that runs it.
	ClusterRef LocalReference `json:"clusterRef"`
	// Numerics is the class that its tasks are computed in, as `g2c submit --class` has it;
	// without one that of the processor, where the spec does not ask for another device.
	//
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Numerics string `json:"numerics,omitempty"`
	// Submission mounts the data of a spec that names files. Without it such a spec is not
	// accepted; one of made-up data needs none.
	//
	// +optional
	Submission *Submission `json:"submission,omitempty"`
	// Workers are workers of its own, beside those of pools; they go when it has ended.
	//
	// +optional
	Workers *Workers `json:"workers,omitempty"`
	// QueueName is the queue of Kueue that admits those workers, one by one.
	//
	// +kubebuilder:validation:MaxLength=63
	// +optional
	QueueName string `json:"queueName,omitempty"`
	// Priority among the experiments of its project, higher first.
	//
	// +kubebuilder:validation:Minimum=-1000000
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Priority *int32 `json:"priority,omitempty"`
	// Suspend has it wait: it is not submitted, or takes no slots any more: what runs for it
	// saves its state. Its own workers are let go.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// DeletionPolicy says what becomes of the experiment when this resource is deleted.
	//
	// +kubebuilder:validation:Enum=Cancel;Orphan
	// +kubebuilder:default=Cancel
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// SpecSource is a key of a ConfigMap of the same namespace.
type SpecSource struct {
	ConfigMapKeyRef ConfigMapKey `json:"configMapKeyRef"`
}

// ConfigMapKey names one text of a ConfigMap.
type ConfigMapKey struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// LocalReference names a resource of the same namespace.
type LocalReference struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
}

// DeletionPolicy says what becomes of an experiment whose resource is deleted.
type DeletionPolicy string

// The policies.
const (
	// Cancel stops what no other experiment wants.
	Cancel DeletionPolicy = "Cancel"
	// Orphan leaves it running.
	Orphan DeletionPolicy = "Orphan"
)

// The conditions of an Experiment.
const (
	Accepted     = "Accepted"
	WorkersReady = "WorkersReady"
	Suspended    = "Suspended"
	Complete     = "Complete"
	Failed       = "Failed"
)

// ExperimentStatus is what the operator knows of an experiment.
type ExperimentStatus struct {
	// Conditions: Accepted, WorkersReady, Suspended, Complete, Failed.
	//
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// RequestID names the submission. It stands here before the submission is sent.
	//
	// +optional
	RequestID string `json:"requestID,omitempty"`
	// ExperimentID is the coordinator's name of the experiment.
	//
	// +optional
	ExperimentID string `json:"experimentID,omitempty"`
	// +optional
	Progress *Progress `json:"progress,omitempty"`
	// +optional
	Workers *WorkerCounts `json:"workers,omitempty"`
	// Waiting is why its next task is not placed, as the scheduler says it.
	//
	// +optional
	Waiting string `json:"waiting,omitempty"`
}

// Progress counts tasks.
type Progress struct {
	Tasks     int32 `json:"tasks"`
	Running   int32 `json:"running"`
	Done      int32 `json:"done"`
	Failed    int32 `json:"failed"`
	Cancelled int32 `json:"cancelled"`
}

// ExperimentList is a list of experiments.
//
// +kubebuilder:object:root=true
type ExperimentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Experiment `json:"items"`
}
