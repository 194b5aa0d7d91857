package operator_test

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/operator"
	"g2c/k8s/servers"
)

// The CustomResourceDefinitions are deleted under an operator that runs, and come back: it
// goes on with what is stated then, and what the coordinators had goes on, too.
func TestDefinitionsDeletedUnderTheOperator(t *testing.T) {
	env := &envtest.Environment{BinaryAssetsDirectory: servers.Need(t), CRDDirectoryPaths: []string{"../crds"}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := newWorldOn(t, config)
	stop := w.begin(w.installOn(config))
	e := w.experiment("e", tiny(t))
	e.Spec.DeletionPolicy = v1alpha1.Orphan
	w.create(e)
	w.until(e, submitted)
	if err := envtest.UninstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{"../crds"}}); err != nil {
		t.Fatal(err)
	}
	scheme, err := operator.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the end of the definitions", func() bool {
		var list apiextensionsv1.CustomResourceDefinitionList
		return admin.List(t.Context(), &list) == nil && len(list.Items) == 0
	})
	if _, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{"../crds"}}); err != nil {
		t.Fatal(err)
	}
	w.create(w.cluster("main", w.server))
	again := w.experiment("again", tiny(t))
	w.create(again)
	w.until(again, submitted)
	if n := len(w.experiments()); n != 2 {
		t.Errorf("%d experiments", n)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
