package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"google.golang.org/grpc/metadata"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// Role is what a certificate makes its holder.
type Role string

// The roles of certificates.
const (
	Coordinator Role = "coordinator"
	Worker      Role = "worker"
	Client      Role = "client"
	// Local is whoever connects without a certificate, over loopback alone.
	Local Role = "local"
)

// Caller is who is at the other end of a connection.
type Caller struct {
	Role Role
	Name string

	// What its certificate says of a client, if anything: a user's role, and the project
	// that it is confined to.
	Grant, Project string
	Serial         string // of its certificate: lower-case hex; empty without one
}

// String is how logs and audits name a caller.
func (c Caller) String() string { return string(c.Role) + "/" + c.Name }

// Headers of calls that a coordinator passes on: who made them.
const (
	forwardedRole    = "g2c-forwarded-role"
	forwardedName    = "g2c-forwarded-name"
	forwardedGrant   = "g2c-forwarded-grant"
	forwardedProject = "g2c-forwarded-project"
	forwardedSerial  = "g2c-forwarded-serial"
)

// authenticator finds out who callers are, and what they may do now.
type authenticator struct {
	*replicated
	identify      func(context.Context) (Caller, error) // who is at the other end of a connection
	requireTokens bool
}

// who is what a caller may do.
type who struct {
	caller    Caller
	principal string // in audits, and before request ids
	role      role
	project   string // that it is confined to; empty for none
	token     string // id of the one it showed; empty for none
}

type whoKey struct{}

func withWho(ctx context.Context, w *who) context.Context {
	return context.WithValue(ctx, whoKey{}, w)
}

// whoOf is who makes a call. The interceptors put it there.
func whoOf(ctx context.Context) *who {
	w, ok := ctx.Value(whoKey{}).(*who)
	if !ok {
		panic("server: a call came past the interceptors")
	}
	return w
}

// sees says whether what belongs to a project is there for a caller.
func (w *who) sees(project string) bool { return w.project == "" || w.project == project }

// callerOf is who makes a call, and whether another coordinator passed it on: only
// a coordinator is believed to speak for others.
func (a *authenticator) callerOf(ctx context.Context) (c Caller, forwarded bool, err error) {
	c, err = a.identify(ctx)
	if err != nil {
		return c, false, err
	}
	if err := a.believed(c); err != nil {
		return c, false, err
	}
	role, name := header(ctx, forwardedRole), header(ctx, forwardedName)
	if role == "" {
		return c, false, nil
	}
	if c.Role != Coordinator {
		return c, false, rpcerr.New(rpcerr.NotPermitted, "%s passes on a call of %s/%s: only coordinators do that", c, role, name)
	}
	return Caller{
		Role: Role(role), Name: name, Grant: header(ctx, forwardedGrant), Project: header(ctx, forwardedProject), Serial: header(ctx, forwardedSerial),
	}, true, nil
}

// headers are how a coordinator says for whom it passes on a call.
func (c Caller) headers() []string {
	return []string{
		forwardedRole, string(c.Role), forwardedName, c.Name, forwardedGrant, c.Grant, forwardedProject, c.Project, forwardedSerial, c.Serial,
	}
}

// believed refuses a caller whose certificate was revoked.
func (a *authenticator) believed(c Caller) error {
	if c.Serial != "" && a.Snapshot().CertificateRevoked(c.Serial) {
		return rpcerr.New(rpcerr.Unauthenticated, "the certificate of %s was revoked", c).WithHint("ask whoever cares for the cluster for another one")
	}
	return nil
}

// know says what a caller may do: by the token it shows, or by its certificate.
func (a *authenticator) know(ctx context.Context, c Caller) (*who, error) {
	if err := a.believed(c); err != nil {
		return nil, err
	}
	if secret := header(ctx, apiv1.AuthorizationHeader); secret != "" {
		return a.knowToken(c, secret)
	}
	w := &who{caller: c, principal: c.String()}
	switch c.Role {
	case Worker:
		w.role = worker
	case Coordinator:
		w.role = admin
	case Client:
		w.role, w.project = a.userOf(c)
	case Local:
		if !a.requireTokens {
			w.role = admin
		}
	}
	return w, nil
}

// userOf is what a client's certificate makes its holder: what the state has for the
// name, else what the certificate grants, else a viewer where tokens are asked for, and
// otherwise whoever runs this cluster.
func (a *authenticator) userOf(c Caller) (r role, project string) {
	u := a.Snapshot().User(c.Name)
	switch {
	case u != nil:
		return roles[u.Role], u.Project
	case c.Grant != "":
		return roles[c.Grant], c.Project
	case a.requireTokens:
		return viewer, ""
	}
	return admin, ""
}

func (a *authenticator) knowToken(c Caller, text string) (*who, error) {
	secret, err := hex.DecodeString(strings.TrimPrefix(strings.TrimPrefix(text, "Bearer "), apiv1.TokenPrefix))
	if err != nil {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "the token of %s is not one: want %s and 64 hex digits", c, apiv1.TokenPrefix).
			WithHint("check --token or G2C_TOKEN")
	}
	hash := sha256.Sum256(secret)
	t := a.Snapshot().Token(tokenID(hash))
	if t == nil || subtle.ConstantTimeCompare(t.Hash[:], hash[:]) != 1 {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "the token of %s is not known here", c).WithHint("make one with `g2c token create`")
	}
	if !t.Valid(a.nowMS()) {
		return nil, tokenOver(t.ID)
	}
	return &who{caller: c, principal: "token/" + t.ID, role: roles[t.Role], project: t.Project, token: t.ID}, nil
}

func tokenOver(id string) error {
	return rpcerr.New(rpcerr.Unauthenticated, "token %s has expired or was revoked", id).WithHint("make a new one with `g2c token create`")
}

// still refuses a caller whose token or certificate has ended since its call began: a
// stream may outlive what opened it. Of a user it refuses one who may do less than then.
func (a *authenticator) still(w *who) error {
	if err := a.believed(w.caller); err != nil {
		return err
	}
	if w.token == "" && w.caller.Role == Client {
		if r, project := a.userOf(w.caller); r < w.role || project != w.project {
			return rpcerr.New(rpcerr.NotPermitted, "what %s may do has changed", w.principal).WithHint("call again")
		}
	}
	if w.token == "" {
		return nil
	}
	if t := a.Snapshot().Token(w.token); t == nil || !t.Valid(a.nowMS()) {
		return tokenOver(w.token)
	}
	return nil
}

// tokenID is how a token is called in lists and audits.
func tokenID(hash [32]byte) string { return hex.EncodeToString(hash[:6]) }

// header is the first value of a header of a call.
func header(ctx context.Context, name string) string {
	if values := metadata.ValueFromIncomingContext(ctx, name); len(values) > 0 {
		return values[0]
	}
	return ""
}
