package kubelet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// prepare makes a pod's volumes, and waits for the objects that they are made of.
func (d *pod) prepare(ctx context.Context) error {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for said := false; ; said = true {
		err := d.makeVolumes(ctx)
		if err == nil {
			return nil
		}
		if !said {
			d.node.Log.Info("a pod waits for its volumes", "pod", d.p.Name, "because", err)
		}
		select {
		case <-again.C:
		case <-d.asked.Done():
			return err
		}
	}
}

// volume is the folder of one of the pod's volumes.
func (d *pod) volume(name string) string { return filepath.Join(d.dir, "volumes", name) }

func (d *pod) makeVolumes(ctx context.Context) error {
	for i := range d.p.Spec.Volumes {
		v := &d.p.Spec.Volumes[i]
		if err := d.makeVolume(ctx, v); err != nil {
			return fmt.Errorf("volume %s: %w", v.Name, err)
		}
	}
	return nil
}

func (d *pod) makeVolume(ctx context.Context, v *corev1.Volume) error {
	core, dir := d.node.Client.CoreV1(), d.volume(v.Name)
	if v.PersistentVolumeClaim != nil {
		claim, err := core.PersistentVolumeClaims(d.p.Namespace).Get(ctx, v.PersistentVolumeClaim.ClaimName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return d.link(ClaimFolder(d.node.Root, claim.UID), dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	switch {
	case v.EmptyDir != nil:
		return nil
	case v.Secret != nil:
		s, err := core.Secrets(d.p.Namespace).Get(ctx, v.Secret.SecretName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return files(dir, s.Data, v.Secret.Items)
	case v.ConfigMap != nil:
		m, err := core.ConfigMaps(d.p.Namespace).Get(ctx, v.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		data := map[string][]byte{}
		for name, text := range m.Data {
			data[name] = []byte(text)
		}
		return files(dir, data, v.ConfigMap.Items)
	}
	return fmt.Errorf("its kind is not played")
}

// link shows the volume of a claim, which outlives the pod, among the pod's.
func (d *pod) link(claim, dir string) error {
	if err := os.MkdirAll(claim, 0o777); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	return os.Symlink(claim, dir)
}

// files writes what a Secret or ConfigMap has: all of it, or some in their places.
func files(dir string, data map[string][]byte, items []corev1.KeyToPath) error {
	if len(items) == 0 {
		for name := range data {
			items = append(items, corev1.KeyToPath{Key: name, Path: name})
		}
	}
	for _, i := range items {
		b, ok := data[i.Key]
		if !ok {
			return fmt.Errorf("there is no %s in it", i.Key)
		}
		path := filepath.Join(dir, i.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
