package operator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/internal/fault"
	"g2c/k8s/api/v1alpha1"
)

// Files of certificates, as pki has them.
const (
	bundleFile   = "ca.crt"
	keyFile      = "ca.key"
	identityFile = "identity.pem"
)

// issuedAnnotation says by which authority a Secret's certificates were issued.
const issuedAnnotation = "g2c.dev/issued-by"

func authorityName(c *v1alpha1.Cluster) string {
	if c.Spec.Coordinators.Authority != "" {
		return c.Spec.Coordinators.Authority
	}
	return c.Name + "-authority"
}

// submitterName is the Secret of the certificate that Jobs of a Cluster show; empty if they
// show none.
func (c *clusters) submitterName(cluster *v1alpha1.Cluster) string {
	if cluster.Spec.Certificates == "" && c.issues(cluster) {
		return cluster.Name + "-submitter"
	}
	return cluster.Spec.Certificates
}

// issues says whether a Cluster's certificates are the operator's to issue.
func (c *clusters) issues(cluster *v1alpha1.Cluster) bool {
	return cluster.Spec.Coordinators != nil && c.cfg.Authority != nil
}

// authority is the files of a Cluster's authority; nil if the operator issues none for it.
func (c *clusters) authority(ctx context.Context, cluster *v1alpha1.Cluster) (map[string][]byte, error) {
	if !c.issues(cluster) {
		return nil, nil
	}
	var s corev1.Secret
	err := c.live.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: authorityName(cluster)}, &s)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "the Secret %s of the authority of Cluster %s is not there", authorityName(cluster), cluster.Name)
	}
	bundle, key := bundleFile, keyFile
	if s.Type == corev1.SecretTypeTLS { // of cert-manager: its ca.crt is who issued the authority
		bundle, key = corev1.TLSCertKey, corev1.TLSPrivateKeyKey
	}
	for _, name := range []string{bundle, key} {
		if len(s.Data[name]) == 0 {
			return nil, fault.New(fault.ErrUnavailable, "the Secret %s has no file %s: an authority is ca.crt and ca.key, as `g2c certs init` makes them, or one of type kubernetes.io/tls", s.Name, name)
		}
	}
	return map[string][]byte{bundleFile: s.Data[bundle], keyFile: s.Data[key]}, nil
}

// found makes a Cluster's authority if it has none and none is named. It is made once and
// never written again; it stays when the Cluster is deleted, as the volumes do.
func (c *clusters) found(ctx context.Context, w client.Client, cluster *v1alpha1.Cluster) error {
	if !c.issues(cluster) || cluster.Spec.Coordinators.Authority != "" {
		return nil
	}
	s := &corev1.Secret{}
	s.Name, s.Namespace, s.Labels = authorityName(cluster), cluster.Namespace, clusterLabels(cluster)
	err := c.live.Get(ctx, client.ObjectKeyFromObject(s), &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	if s.Data, err = c.cfg.Authority.Found(); err != nil {
		return err
	}
	if err := w.Create(ctx, s, manager); !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// issuer issues certificates of a Cluster's workers; nil where they have none.
func (c *clusters) issuer(ctx context.Context, cluster *v1alpha1.Cluster) (func(worker string, valid time.Duration) (map[string][]byte, error), error) {
	if cluster.Spec.Coordinators == nil {
		return c.cfg.Issue, nil
	}
	authority, err := c.authority(ctx, cluster)
	if err != nil || authority == nil {
		return nil, err
	}
	return func(worker string, valid time.Duration) (map[string][]byte, error) {
		return c.cfg.Authority.Issue(authority, Holder{Role: "worker", Name: worker, Valid: valid})
	}, nil
}

// certify keeps the Secrets with the certificates of a Cluster's coordinators and of Jobs
// that submit. The coordinators' has those of all that there may be, so that a pod's volume
// is the same whatever their number.
func (k *keeper) certify(ctx context.Context) error {
	authority, err := k.clusters.authority(ctx, k.c)
	if err != nil || authority == nil {
		return err
	}
	err = k.keepSecret(ctx, coordinatorsName(k.c), authority, func(data map[string][]byte) error {
		for i := range mostCoordinators {
			name := memberName(k.c, i)
			files, err := k.clusters.cfg.Authority.Issue(authority, Holder{Role: "coordinator", Name: name, Valid: coordinatorValid})
			if err != nil {
				return err
			}
			data[bundleFile], data[name+".pem"] = files[bundleFile], files[identityFile]
		}
		return nil
	})
	if err != nil || k.c.Spec.Certificates != "" {
		return err
	}
	return k.keepSecret(ctx, k.clusters.submitterName(k.c), authority, func(data map[string][]byte) error {
		files, err := k.clusters.cfg.Authority.Issue(authority, Holder{Role: "client", Name: "g2c-submitter", Grant: "submitter", Valid: coordinatorValid})
		for name, file := range files {
			data[name] = file
		}
		return err
	})
}

// keepSecret makes a Secret of certificates, and again at half of their time or by another
// authority.
func (k *keeper) keepSecret(ctx context.Context, name string, authority map[string][]byte, issue func(data map[string][]byte) error) error {
	var s corev1.Secret
	err := k.live.Get(ctx, client.ObjectKey{Namespace: k.c.Namespace, Name: name}, &s)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err == nil && !metav1.IsControlledBy(&s, k.c) {
		return fmt.Errorf("%w: Secret %s", errTaken, name)
	}
	now := k.now.Time
	by := fingerprint(authority)
	if renew, perr := time.Parse(time.RFC3339, s.Annotations[renewAnnotation]); perr == nil && now.Before(renew) && s.Annotations[issuedAnnotation] == by {
		return nil
	}
	s = corev1.Secret{Data: map[string][]byte{}}
	if err := issue(s.Data); err != nil {
		return err
	}
	k.adopt(&s, name)
	s.Annotations = map[string]string{renewAnnotation: now.Add(coordinatorValid / 2).UTC().Format(time.RFC3339), issuedAnnotation: by}
	return apply(ctx, k.client, &s, secretKind, manager)
}

// fingerprint names an authority; empty for none.
func fingerprint(authority map[string][]byte) string {
	if authority == nil {
		return ""
	}
	sum := sha256.Sum256(authority[bundleFile])
	return hex.EncodeToString(sum[:8])
}
