package pki

import (
	"math/big"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// Grant is what a client's certificate lets its holder do, if it states that: a user's
// role, for all projects or for one. A cluster may state something else for a name,
// which counts more.
type Grant struct {
	Role    string // one of GrantRoles; empty if the certificate does not say
	Project string // empty for all
}

// GrantRoles lists the roles of users, each with all before it.
func GrantRoles() []string { return []string{"viewer", "submitter", "operator", "admin"} }

// A grant stands in the organizational units of a certificate, behind its role.
const (
	grantUnit   = "may:"
	projectUnit = "project:"
)

func (g Grant) units() []string {
	var out []string
	if g.Role != "" {
		out = append(out, grantUnit+g.Role)
	}
	if g.Project != "" {
		out = append(out, projectUnit+g.Project)
	}
	return out
}

func (g Grant) check(r Role) error {
	switch {
	case g == Grant{}:
		return nil
	case r != Client:
		return fault.New(fault.ErrSpec, "a certificate of role %s grants nothing: it is what it is", r).WithHint("grant roles to clients")
	case !slices.Contains(GrantRoles(), g.Role):
		return fault.New(fault.ErrSpec, "a certificate that grants %q: want one of %s", g.Role, strings.Join(GrantRoles(), ", "))
	case g.Project != "" && !nameForm.MatchString(g.Project):
		return fault.New(fault.ErrSpec, "a certificate for project %q: want 1 to 63 letters, digits, dots, dashes or underlines", g.Project)
	}
	return nil
}

// grantIn reads a grant. A certificate that says it in a way that is not understood
// here is refused: who issued it meant to narrow something.
func grantIn(role Role, units []string) (g Grant, err error) {
	for _, u := range units {
		may, isRole := strings.CutPrefix(u, grantUnit)
		project, isProject := strings.CutPrefix(u, projectUnit)
		switch {
		case isRole && g.Role == "" && may != "":
			g.Role = may
		case isProject && g.Project == "" && project != "":
			g.Project = project
		case isRole, isProject:
			return Grant{}, fault.New(fault.ErrUnavailable, "%w: it states %q, which is twice there or empty", ErrNoIdentity, u)
		}
	}
	if err := g.check(role); err != nil {
		return Grant{}, fault.New(fault.ErrUnavailable, "%w: %w", ErrNoIdentity, err)
	}
	return g, nil
}

// serialText is how a serial number is written.
func serialText(n *big.Int) string {
	if n == nil {
		return ""
	}
	return n.Text(16)
}

// CheckSerial refuses what is not a serial number as Peer has it.
func CheckSerial(s string) error {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok || len(s) > 40 || n.Sign() <= 0 || n.Text(16) != s {
		return fault.New(fault.ErrSpec, "%.60q is no serial number of a certificate: want lower-case hex, as `g2c certs show` prints it", s)
	}
	return nil
}
