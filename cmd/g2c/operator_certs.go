package main

import (
	"errors"
	"os"
	"path/filepath"

	"g2c/internal/pki"
	"g2c/k8s/operator"
)

// authority makes the certificates of clusters that an operator runs. Its authorities are
// files in Secrets; pki's are folders, which last as long as a call.
type authority struct{}

// Found implements operator.Authority.
func (authority) Found() (files map[string][]byte, err error) {
	err = inFolder(func(dir string) error {
		if err := pki.InitCA(dir); err != nil {
			return err
		}
		files, err = readFiles(dir)
		return err
	})
	return files, err
}

// Issue implements operator.Authority.
func (authority) Issue(by map[string][]byte, to operator.Holder) (files map[string][]byte, err error) {
	err = inFolder(func(dir string) error {
		if err := writeFiles(dir, by); err != nil {
			return err
		}
		files, err = issueFiles(dir, pki.Request{Role: pki.Role(to.Role), Name: to.Name, Grant: pki.Grant{Role: to.Grant}, Valid: to.Valid})
		return err
	})
	return files, err
}

// issueFiles makes a certificate, as the files that a Secret holds.
func issueFiles(authority string, r pki.Request) (files map[string][]byte, err error) {
	err = inFolder(func(dir string) error {
		if err := pki.Issue(authority, dir, r); err != nil {
			return err
		}
		files, err = readFiles(dir)
		return err
	})
	return files, err
}

// loadFiles is the identity of a certificate's files.
func loadFiles(files map[string][]byte) (id *pki.Identity, err error) {
	err = inFolder(func(dir string) error {
		if err := writeFiles(dir, files); err != nil {
			return err
		}
		id, err = pki.Load(dir)
		return err
	})
	return id, err
}

// furnished says whether a folder was named that has something in it. That of a pod whose Secret
// is optional is empty where there is no Secret; what else is wrong with one is for whoever
// reads it to say.
func furnished(dir string) bool {
	if dir == "" {
		return false
	}
	entries, err := os.ReadDir(dir)
	return err != nil || len(entries) > 0
}

// inFolder does something with a folder that is gone afterwards.
func inFolder(do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "g2c-certs-*")
	if err != nil {
		return err
	}
	return errors.Join(do(dir), os.RemoveAll(dir))
}

func readFiles(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
