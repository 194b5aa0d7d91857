package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Submission is how a Job sees the data of a spec, to say what its tasks are: the operator
// has no images.
type Submission struct {
	// SharedPaths says that workers see the data at the same paths; without it the Job
	// uploads them, unless the cluster has them.
	//
	// +optional
	SharedPaths bool `json:"sharedPaths,omitempty"`
	// Template adds to the Job's pod what it needs: volumes, and their mounts in the
	// container called submit; the command is the operator's.
	//
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +optional
	Template *corev1.PodTemplateSpec `json:"template,omitempty"`
}
