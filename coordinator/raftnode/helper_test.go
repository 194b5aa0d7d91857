package raftnode_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"g2c/coordinator/raftnode/journal"
	"g2c/internal/pki"
)

// disk has files of a test.
type disk struct {
	journal.OS
	wrap func(journal.File) journal.File
}

func (d disk) OpenFile(path string, flag int) (journal.File, error) {
	f, err := d.OS.OpenFile(path, flag)
	if err != nil {
		return nil, err
	}
	return d.wrap(f), nil
}

func setName(i int) string { return fmt.Sprint("p", i) }

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}

// client is an identity of another role.
func client(t *testing.T, c *cluster, role pki.Role, name string) *pki.Identity {
	t.Helper()
	dir := filepath.Join(c.certs, name)
	must(t, pki.Issue(c.certs, dir, pki.Request{Role: role, Name: name}))
	id, err := pki.Load(dir)
	must(t, err)
	return id
}

func handshake(raw net.Conn, id *pki.Identity, protocol string) *tls.Conn {
	return tls.Client(raw, id.ClientConfig(pki.Expect{Role: pki.Coordinator}, protocol))
}
