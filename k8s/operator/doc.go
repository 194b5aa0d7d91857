// Package operator keeps experiments and pools of workers, which people state as resources
// of Kubernetes, as they are stated: it hands experiments to a cluster's coordinators, says
// in their status how they go on, and runs as many workers, a pod each, as there is work.
//
// It remembers nothing: whatever it does next follows from resources and from what the
// coordinators answer, so it may be killed between any two writes. DESIGN.md says why each
// write may be repeated.
//
// What a spec means is the caller's to say (Config.Read): this package does not know specs.
package operator
