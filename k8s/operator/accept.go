package operator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/k8s/api/v1alpha1"
)

// refusal is why an Experiment is not accepted: a reason in one word, and a sentence.
type refusal struct {
	reason, message string
}

// Error implements error.
func (r *refusal) Error() string { return r.message }

func refuse(reason, format string, a ...any) error {
	return &refusal{reason, fmt.Sprintf(format, a...)}
}

// accepted is a spec that can be submitted.
type accepted struct {
	*Spec
	text    string
	class   string
	request string // id of the submission
}

// accept reads an experiment's spec, or says why it is not accepted.
func (p *pass) accept(ctx context.Context) (*accepted, error) {
	name, text, err := p.text(ctx)
	if err != nil {
		return nil, err
	}
	s, err := p.Config.Read(name, []byte(text))
	if errors.Is(err, fault.ErrSpec) {
		return nil, refuse("SpecInvalid", "%v", err)
	}
	if err != nil {
		return nil, err
	}
	if s.Project != "" && s.Project != p.e.Namespace {
		return nil, refuse("OtherProject", "metadata.project is %s, and the project of an Experiment is its namespace, %s: leave it out", s.Project, p.e.Namespace)
	}
	a := &accepted{Spec: s, text: text, class: p.e.Spec.Numerics, request: requestID(p.e, text)}
	if a.class == "" {
		if s.Device == "cuda" || s.Device == "ref" {
			return nil, refuse("NumericsUnknown", "the spec asks for the device %s: say in spec.numerics in which class its tasks are to be computed, such as cuda-sm90a-1", s.Device)
		}
		a.class = api.ClassCPU
	}
	if err := api.CheckNumerics(a.class); err != nil {
		return nil, refuse("NumericsInvalid", "spec.numerics: %v", err)
	}
	if s.Files && p.e.Spec.Submission == nil {
		return nil, refuse("DataNotMounted", "its data lie in files: spec.submission says how a Job mounts them")
	}
	if p.status.RequestID != "" && p.status.RequestID != a.request {
		return nil, refuse("SpecChanged", "the spec is another than the one that was accepted: make another Experiment of it")
	}
	return a, nil
}

// text is the text of an experiment's spec, and what messages call it.
func (p *pass) text(ctx context.Context) (name, text string, err error) {
	if p.e.Spec.SpecFrom == nil {
		return "spec.experiment", p.e.Spec.Experiment, nil
	}
	ref := p.e.Spec.SpecFrom.ConfigMapKeyRef
	var m corev1.ConfigMap
	err = p.Live.Get(ctx, client.ObjectKey{Namespace: p.e.Namespace, Name: ref.Name}, &m)
	if client.IgnoreNotFound(err) != nil {
		return "", "", err
	}
	if err != nil {
		return "", "", refuse("SpecNotFound", "there is no ConfigMap %s in namespace %s", ref.Name, p.e.Namespace)
	}
	text, ok := m.Data[ref.Key]
	if !ok {
		return "", "", refuse("SpecNotFound", "ConfigMap %s has no key %s", ref.Name, ref.Key)
	}
	return "configmap/" + ref.Name + "/" + ref.Key, text, nil
}

// requestID names an experiment's submission: the same for its repeats, another for every
// resource and every spec.
func requestID(e *v1alpha1.Experiment, text string) string {
	h := sha256.New()
	h.Write([]byte(e.UID))
	h.Write([]byte{0})
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
