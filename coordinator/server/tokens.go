package server

import (
	"context"
	"strings"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// tokens is apiv1.TokenServiceServer.
type tokens struct {
	apiv1.UnimplementedTokenServiceServer
	*records
}

// roleName is a role as it stands in the state.
func roleName(r apiv1.Role) string { return strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_")) }

func roleNumber(name string) apiv1.Role {
	return apiv1.Role(apiv1.Role_value["ROLE_"+strings.ToUpper(name)])
}

func token(t *state.Token) *apiv1.Token {
	return &apiv1.Token{
		Id: t.ID, Project: t.Project, Role: roleNumber(t.Role), Note: t.Note,
		CreatedMs: t.Created, ExpiresMs: t.Expires, RevokedMs: t.Revoked,
	}
}

// CreateToken implements apiv1.TokenServiceServer.
func (s *tokens) CreateToken(ctx context.Context, req *apiv1.CreateTokenRequest) (*apiv1.CreateTokenResponse, error) {
	role := roleName(req.Role)
	switch {
	case roles[role] == nothing:
		return nil, rpcerr.New(rpcerr.BadRequest, "a token has %s", oneOfRoles())
	case len(req.Hash) != 32:
		return nil, rpcerr.New(rpcerr.BadRequest, "a token has a hash of 32 bytes, not of %d", len(req.Hash))
	case req.ValidMs < 0 || len(req.Project) > maxNameBytes:
		return nil, rpcerr.New(rpcerr.BadRequest, "a token for project %.100q, valid for %d ms", req.Project, req.ValidMs)
	}
	t := command.Token{
		Hash: [32]byte(req.Hash), Project: req.Project, Role: role, Created: s.nowMS(), Note: clip(req.Note, maxNameBytes),
	}
	t.ID = tokenID(t.Hash)
	if req.ValidMs > 0 {
		t.Expires = t.Created + req.ValidMs
	}
	if _, err := s.write(ctx, req, command.PutToken{Token: t}); err != nil {
		return nil, err
	}
	m, err := s.token(ctx, t.ID)
	return &apiv1.CreateTokenResponse{Token: m}, err
}

// token is a token's record, after a write.
func (s *tokens) token(ctx context.Context, id string) (*apiv1.Token, error) {
	v, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	t := v.Token(id)
	if t == nil {
		return nil, rpcerr.New(rpcerr.NotFound, "there is no token %.100q", id)
	}
	return token(t), nil
}

// ListTokens implements apiv1.TokenServiceServer.
func (s *tokens) ListTokens(ctx context.Context, req *apiv1.ListTokensRequest) (*apiv1.ListTokensResponse, error) {
	v, from, err := s.pageBegins(ctx, req.PageToken)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(v.Tokens(from), req.PageSize, func(t *state.Token) string { return t.ID }, token)
	return &apiv1.ListTokensResponse{Tokens: page, NextPageToken: next}, nil
}

// RevokeToken implements apiv1.TokenServiceServer.
func (s *tokens) RevokeToken(ctx context.Context, req *apiv1.RevokeTokenRequest) (*apiv1.RevokeTokenResponse, error) {
	if req.Id == "" {
		return nil, rpcerr.New(rpcerr.BadRequest, "no token is named")
	}
	if _, err := s.write(ctx, req, command.Revoke{Token: req.Id}); err != nil {
		return nil, err
	}
	m, err := s.token(ctx, req.Id)
	return &apiv1.RevokeTokenResponse{Token: m}, err
}
