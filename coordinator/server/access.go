package server

import (
	"context"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
	"g2c/internal/pki"
)

// access is apiv1.AccessServiceServer.
type access struct {
	apiv1.UnimplementedAccessServiceServer
	*records
}

// SetUser implements apiv1.AccessServiceServer.
func (s *access) SetUser(ctx context.Context, req *apiv1.SetUserRequest) (*apiv1.SetUserResponse, error) {
	u := req.GetUser()
	role := roleName(u.GetRole())
	switch {
	case roles[role] == nothing:
		return nil, rpcerr.New(rpcerr.BadRequest, "a user has %s", oneOfRoles())
	case u.Name == "" || len(u.Name) > maxNameBytes || len(u.Project) > maxNameBytes:
		return nil, rpcerr.New(rpcerr.BadRequest, "a user %.100q of project %.100q: want a name of 1 to %d bytes", u.Name, u.Project, maxNameBytes)
	}
	if _, err := s.write(ctx, req, command.PutUser{User: command.User{Name: u.Name, Role: role, Project: u.Project}}); err != nil {
		return nil, err
	}
	return &apiv1.SetUserResponse{User: &apiv1.User{Name: u.Name, Role: u.Role, Project: u.Project}}, nil
}

// RemoveUser implements apiv1.AccessServiceServer.
func (s *access) RemoveUser(ctx context.Context, req *apiv1.RemoveUserRequest) (*apiv1.RemoveUserResponse, error) {
	if req.Name == "" {
		return nil, rpcerr.New(rpcerr.BadRequest, "no user is named")
	}
	_, err := s.write(ctx, req, command.DropUser{Name: req.Name})
	return &apiv1.RemoveUserResponse{}, err
}

// ListUsers implements apiv1.AccessServiceServer.
func (s *access) ListUsers(ctx context.Context, req *apiv1.ListUsersRequest) (*apiv1.ListUsersResponse, error) {
	v, from, err := s.pageBegins(ctx, req.PageToken)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(v.Users(from), req.PageSize, func(u *state.User) string { return u.Name }, user)
	return &apiv1.ListUsersResponse{Users: page, NextPageToken: next}, nil
}

// RevokeCertificate implements apiv1.AccessServiceServer.
func (s *access) RevokeCertificate(ctx context.Context, req *apiv1.RevokeCertificateRequest) (*apiv1.RevokeCertificateResponse, error) {
	if err := pki.CheckSerial(req.Serial); err != nil {
		return nil, rpcerr.New(rpcerr.BadRequest, "%w", err)
	}
	if w := whoOf(ctx); w.caller.Serial == req.Serial {
		return nil, rpcerr.New(rpcerr.Conflict, "%s would revoke its own certificate, and could not take that back", w.principal).
			WithHint("revoke it with another one")
	}
	if _, err := s.write(ctx, req, command.RevokeCertificate{Serial: req.Serial, Note: clip(req.Note, maxNameBytes)}); err != nil {
		return nil, err
	}
	v, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	return &apiv1.RevokeCertificateResponse{Revocation: revocation(v.Certificate(req.Serial))}, nil
}

// ListRevocations implements apiv1.AccessServiceServer.
func (s *access) ListRevocations(ctx context.Context, req *apiv1.ListRevocationsRequest) (*apiv1.ListRevocationsResponse, error) {
	v, from, err := s.pageBegins(ctx, req.PageToken)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(v.Certificates(from), req.PageSize, func(r *state.Certificate) string { return r.Serial }, revocation)
	return &apiv1.ListRevocationsResponse{Revocations: page, NextPageToken: next}, nil
}

func user(u *state.User) *apiv1.User {
	return &apiv1.User{Name: u.Name, Role: roleNumber(u.Role), Project: u.Project}
}

func revocation(r *state.Certificate) *apiv1.Revocation {
	if r == nil {
		return nil
	}
	return &apiv1.Revocation{Serial: r.Serial, Note: r.Note, RevokedMs: r.Revoked}
}
