package server_test

import (
	"errors"
	"testing"

	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/server"
)

// What the holder of a client's certificate may do is what the cluster states, else what
// the certificate grants, else everything, or what a viewer may beside --require-tokens;
// the same through a coordinator that passes the call on.
func TestUsers(t *testing.T) {
	for _, require := range []bool{false, true} {
		leader := single(t, func(c *server.Config) { c.RequireTokens = require })
		nodes := map[string]*node{"the leader": leader, "a follower": behind(t, leader)}
		admin := call(t, as(server.Coordinator, "c1"), leader)
		set := func(name string, role apiv1.Role, project string) {
			t.Helper()
			_, err := admin.Access().SetUser(t.Context(), &apiv1.SetUserRequest{
				RequestId: client.RequestID(), User: &apiv1.User{Name: name, Role: role, Project: project},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		set("stated", apiv1.Role_ROLE_OPERATOR, "")
		set("confined", apiv1.Role_ROLE_OPERATOR, "kidney")
		const lowest, highest = apiv1.Role_ROLE_VIEWER, apiv1.Role_ROLE_ADMIN
		bare := highest
		if require {
			bare = lowest
		}
		for name, c := range map[string]struct {
			caller   server.Caller
			want     apiv1.Role
			confined bool
		}{
			"nothing is said":           {server.Caller{Role: server.Client, Name: "ann"}, bare, false},
			"the certificate grants":    {server.Caller{Role: server.Client, Name: "ann", Grant: "submitter"}, apiv1.Role_ROLE_SUBMITTER, false},
			"for a project":             {server.Caller{Role: server.Client, Name: "ann", Grant: "admin", Project: "kidney"}, highest, true},
			"the cluster states more":   {server.Caller{Role: server.Client, Name: "stated", Grant: "viewer"}, apiv1.Role_ROLE_OPERATOR, false},
			"the cluster states less":   {server.Caller{Role: server.Client, Name: "stated", Grant: "admin"}, apiv1.Role_ROLE_OPERATOR, false},
			"the cluster confines":      {server.Caller{Role: server.Client, Name: "confined", Grant: "admin"}, apiv1.Role_ROLE_OPERATOR, true},
			"it grants what is no role": {server.Caller{Role: server.Client, Name: "ann", Grant: "owner"}, apiv1.Role_ROLE_UNSPECIFIED, false},
			"a coordinator is one":      {server.Caller{Role: server.Coordinator, Name: "stated", Grant: "viewer"}, highest, false},
			"a worker of a user's name": {server.Caller{Role: server.Worker, Name: "stated"}, apiv1.Role_ROLE_UNSPECIFIED, false},
		} {
			for at, n := range nodes {
				u := call(t, with(c.caller), n)
				// One call that takes each role, and is about all projects where it can be.
				calls := []struct {
					least  apiv1.Role
					global bool
					do     func() error
				}{
					{apiv1.Role_ROLE_VIEWER, false, func() error {
						_, err := u.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{})
						return err
					}},
					{apiv1.Role_ROLE_SUBMITTER, false, func() error {
						_, err := u.Experiments().CancelExperiment(t.Context(), &apiv1.CancelExperimentRequest{RequestId: client.RequestID(), Id: "none"})
						return err
					}},
					{apiv1.Role_ROLE_OPERATOR, true, func() error {
						_, err := u.Cluster().ListAudits(t.Context(), &apiv1.ListAuditsRequest{})
						return err
					}},
					{apiv1.Role_ROLE_ADMIN, true, func() error {
						_, err := u.Access().ListUsers(t.Context(), &apiv1.ListUsersRequest{})
						return err
					}},
				}
				for _, do := range calls {
					want := do.least <= c.want && !(c.confined && do.global)
					err := do.do()
					refused := errors.Is(err, rpcerr.NotPermitted) || errors.Is(err, rpcerr.Unauthenticated)
					if refused == want {
						t.Errorf("tokens required %v, %s, at %s: what takes a %v: %v", require, name, at, do.least, err)
					}
				}
			}
		}
	}
}

// A certificate that was revoked opens nothing any more, and what it had opened ends at
// once; another one of the same holder does.
func TestRevokedCertificates(t *testing.T) {
	n := single(t, nil)
	admin := call(t, with(server.Caller{Role: server.Client, Name: "root", Serial: "1"}), n)
	ann := server.Caller{Role: server.Client, Name: "ann", Serial: "a1"}
	watching, began := make(chan error, 1), make(chan struct{})
	go func() {
		c := call(t, with(ann), n)
		watching <- c.Watch(t.Context(), &apiv1.WatchRequest{}, func(*apiv1.WatchResponse) error {
			select {
			case <-began:
			default:
				close(began)
			}
			return nil
		})
	}()
	<-began
	w := mustConnect(t, call(t, with(server.Caller{Role: server.Worker, Name: "w1", Serial: "b2"}), n), hello("w1", 1))
	for _, serial := range []string{"a1", "b2"} {
		if _, err := admin.Access().RevokeCertificate(t.Context(), &apiv1.RevokeCertificateRequest{RequestId: client.RequestID(), Serial: serial, Note: "lost"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-watching; !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("a watch of hers ends with %v", err)
	}
	if err := w.ended(); !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("the worker's session ends with %v", err)
	}
	list := func(c server.Caller) error {
		_, err := call(t, with(c), n).Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{})
		return err
	}
	if err := list(ann); !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("her call: %v", err)
	}
	ann.Serial = "a3"
	if err := list(ann); err != nil {
		t.Errorf("with another certificate: %v", err)
	}
	var said []string
	for r, err := range admin.AllRevocations(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, r.Serial+" "+r.Note)
	}
	if len(said) != 2 || said[0] != "a1 lost" || said[1] != "b2 lost" {
		t.Errorf("revoked are %q", said)
	}
	for _, serial := range []string{"1", "", "x", "0a"} { // her own, and what is none
		_, err := admin.Access().RevokeCertificate(t.Context(), &apiv1.RevokeCertificateRequest{RequestId: client.RequestID(), Serial: serial})
		if err == nil {
			t.Errorf("certificate %q can be revoked", serial)
		}
	}
}
