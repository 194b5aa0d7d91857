package server

import (
	"testing"
	"time"

	"google.golang.org/grpc"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/replica"
	"g2c/internal/pki"
)

// Every call that a coordinator answers has an ACL rule, and no ACL rule is for a call
// that there is not.
func TestEveryCallHasAnACLRule(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Replica = replica.NewMemory("c1", time.Now)
	cfg.Identify = byNobody
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(s.Options()...)
	s.Register(g)
	calls := map[string]bool{}
	for service, info := range g.GetServiceInfo() {
		for _, m := range info.Methods {
			calls["/"+service+"/"+m.Name] = true
			if _, ok := acl["/"+service+"/"+m.Name]; !ok {
				t.Errorf("/%s/%s has no ACL rule", service, m.Name)
			}
		}
	}
	for method := range acl {
		if !calls[method] {
			t.Errorf("%s has an ACL rule and is no call", method)
		}
	}
}

// The roles are those that certificates grant, in their order, and those of the API.
func TestRolesAreThoseOfCertificates(t *testing.T) {
	for i, r := range []role{viewer, submitter, operator, admin} {
		name := pki.GrantRoles()[i]
		if roles[name] != r || r.String() != name || roleName(roleNumber(name)) != name {
			t.Errorf("%s is role %d, called %s, and number %v on the wire", name, roles[name], r, roleNumber(name))
		}
	}
	if n := len(pki.GrantRoles()); n != len(roles) || n != len(apiv1.Role_name)-1 {
		t.Errorf("certificates grant %d roles, there are %d, and %d on the wire", n, len(roles), len(apiv1.Role_name)-1)
	}
}

// Who may do what, in a table: one call for each degree.
func TestAllow(t *testing.T) {
	everybody := map[string]*who{
		"nobody":    {role: nothing},
		"viewer":    {role: viewer},
		"submitter": {role: submitter},
		"operator":  {role: operator},
		"admin":     {role: admin},
		"worker":    {role: worker},
		"confined":  {role: admin, project: "p"},
	}
	for method, allowed := range map[string][]string{
		"/g2c.v1.TaskService/ListTasks":                             {"viewer", "submitter", "operator", "admin", "confined"},
		"/g2c.v1.ExperimentService/Submit":                          {"submitter", "operator", "admin", "confined"},
		"/g2c.v1.WorkerService/SetWorkerMode":                       {"operator", "admin"},
		"/g2c.v1.TokenService/CreateToken":                          {"admin"},
		"/g2c.v1.WorkerService/Connect":                             {"admin", "worker"},
		"/g2c.v1.DataService/StatData":                              {"viewer", "submitter", "operator", "admin", "worker", "confined"},
		"/g2c.v1.ClusterService/Status":                             {"viewer", "submitter", "operator", "admin", "worker", "confined"},
		"/grpc.health.v1.Health/Check":                              {"nobody", "viewer", "submitter", "operator", "admin", "worker", "confined"},
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": {"nobody", "viewer", "submitter", "operator", "admin", "worker", "confined"},
	} {
		got := map[string]bool{}
		for name, w := range everybody {
			err := acl[method].allow(method, w)
			got[name] = err == nil
			if k := rpcerr.KindOf(err); err != nil && k != rpcerr.NotPermitted && k != rpcerr.Unauthenticated {
				t.Errorf("%s by %s: %v", method, name, err)
			}
		}
		for _, name := range allowed {
			if !got[name] {
				t.Errorf("%s is refused to %s", method, name)
			}
			delete(got, name)
		}
		for name, ok := range got {
			if ok {
				t.Errorf("%s is allowed to %s", method, name)
			}
		}
	}
}
