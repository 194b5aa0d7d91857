package kubelet

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Names keeps a hosts file with the names that headless Services give, in place of a server of
// names, until the context ends.
func Names(ctx context.Context, client kubernetes.Interface, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	written := 0
	var wrong error
	var store cache.Store
	write := func() {
		text := hosts(store.List())
		if pad := written - len(text); pad > 0 { // never shorter: whoever reads meanwhile finds whole lines
			text += strings.Repeat("\n", pad)
		}
		written = len(text)
		if _, err := f.WriteAt([]byte(text), 0); err != nil {
			wrong = err
		}
	}
	lister := cache.NewListWatchFromClient(client.DiscoveryV1().RESTClient(), "endpointslices", "", fields.Everything())
	store, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: lister, ObjectType: &discoveryv1.EndpointSlice{},
		Handler: cache.ResourceEventHandlerFuncs{AddFunc: func(any) { write() }, UpdateFunc: func(_, _ any) { write() }, DeleteFunc: func(any) { write() }},
	})
	if _, err := f.WriteAt([]byte(hosts(nil)), 0); err != nil {
		return err
	}
	informer.RunWithContext(ctx)
	return wrong
}

// hosts is the file of some slices.
func hosts(all []any) string {
	lines := []string{"127.0.0.1 localhost"}
	for _, o := range all {
		s, ok := o.(*discoveryv1.EndpointSlice)
		if _, headless := s.Labels[corev1.IsHeadlessService]; !ok || !headless {
			continue
		}
		service := s.Labels[discoveryv1.LabelServiceName] + "." + s.Namespace + ".svc"
		for _, e := range s.Endpoints {
			if ready := e.Conditions.Ready; e.Hostname == nil || ready != nil && !*ready {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s.%s", e.Addresses[0], *e.Hostname, service))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
