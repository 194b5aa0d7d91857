// Command generate writes the chart's templates of the CustomResourceDefinitions in k8s/crds:
// as they are, with a switch, and kept when the release is uninstalled, since with a
// definition go all its resources.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: generate CRDS TEMPLATES")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(from, to string) error {
	paths, err := filepath.Glob(filepath.Join(from, "g2c.dev_*.yaml"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no definitions in %s", from)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if text, err = templated(text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		name := "crd-" + strings.TrimPrefix(filepath.Base(path), "g2c.dev_")
		if err := os.WriteFile(filepath.Join(to, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// templated is the template of a definition.
func templated(text []byte) ([]byte, error) {
	const annotations = "  annotations:\n"
	if bytes.Contains(text, []byte("{{")) {
		return nil, fmt.Errorf("it has braces, which a template would read")
	}
	if bytes.Count(text, []byte("\n"+annotations)) != 1 {
		return nil, fmt.Errorf("want one list of annotations of the definition")
	}
	text = bytes.Replace(text, []byte("\n"+annotations), []byte("\n"+annotations+"    helm.sh/resource-policy: keep\n"), 1)
	return fmt.Appendf(nil, "{{- /* Written by go generate from k8s/crds. */ -}}\n{{- if .Values.crds.install }}\n%s{{- end }}\n", text), nil
}
