package state

import (
	"fmt"

	"g2c/api"
	"g2c/coordinator/command"
)

func (s *State) setProject(c command.SetProject) error {
	switch {
	case !s.apart() || s.projects.Has(c.Project):
	case len(c.Project) > maxName:
		return fmt.Errorf("a project's name of %d bytes, at most %d: %w", len(c.Project), maxName, ErrLimit)
	case s.projects.Len() >= MaxProjects:
		return fmt.Errorf("%d projects, at most so many: %w", s.projects.Len(), ErrLimit)
	}
	s.putProject(&Project{Name: c.Project, Weight: c.Weight, Quota: c.Quota})
	return nil
}

// makeProject makes a project that is not there, with the weight and the quota of another.
func (s *State) makeProject(name string, like Project) {
	if !s.projects.Has(name) {
		s.putProject(&Project{Name: name, Weight: like.Weight, Quota: like.Quota})
	}
}

func (s *State) putUser(c command.PutUser) error {
	if !s.users.Has(c.User.Name) && s.users.Len() >= MaxUsers {
		return fmt.Errorf("%d users, at most so many: %w", s.users.Len(), ErrLimit)
	}
	put(s, s.users, c.User.Name, &User{User: c.User, Set: s.at})
	return nil
}

func (s *State) dropUser(c command.DropUser) error {
	if !s.users.Has(c.Name) {
		return fmt.Errorf("user %s: %w", clip(c.Name, maxName), ErrUnknownUser)
	}
	drop(s, s.users, c.Name)
	return nil
}

// revokeCertificate is for ever: a certificate that is over opens nothing anyway.
func (s *State) revokeCertificate(c command.RevokeCertificate) error {
	switch {
	case s.revoked.Has(c.Serial):
		return nil
	case s.revoked.Len() >= MaxCertificates:
		return fmt.Errorf("%d revoked certificates, at most so many: %w: make a new authority", s.revoked.Len(), ErrLimit)
	}
	put(s, s.revoked, c.Serial, &Certificate{Serial: c.Serial, Note: s.clipped(c.Note, maxReason), Revoked: s.at})
	return nil
}

func (s *State) putToken(c command.PutToken) error {
	switch {
	case s.tokens.Has(c.Token.ID):
		return fmt.Errorf("token %s: %w", c.Token.ID, ErrExists)
	case s.tokens.Len() >= MaxTokens:
		return fmt.Errorf("%d tokens: %w", s.tokens.Len(), ErrLimit)
	}
	put(s, s.tokens, c.Token.ID, &Token{Token: c.Token})
	return nil
}

func (s *State) revoke(c command.Revoke) error {
	old, ok := s.tokens.Get(c.Token)
	if !ok {
		return fmt.Errorf("token %s: %w", c.Token, ErrUnknownToken)
	}
	if old.Revoked == 0 {
		t := *old
		t.Revoked = s.at
		put(s, s.tokens, t.ID, &t)
	}
	return nil
}

// raise never lowers: a replica that joins late must read what is written.
func (s *State) raise(c command.Raise) error {
	if !s.apart() && c.Level >= api.LevelWishes {
		s.migrate(c.Level)
	}
	s.level = max(s.level, c.Level)
	return nil
}

// audit is recorded by audited, as every command of a principal is.
func (s *State) audit(command.Audit) error { return nil }

// audited records what a principal asked for.
func (s *State) audited(e command.Entry, r Result) {
	if e.Principal == "" {
		return
	}
	s.lastAudit++
	a := &Audit{Number: s.lastAudit, Index: r.Index, At: e.At, Principal: e.Principal, Outcome: "ok"}
	a.Verb, a.Subject = command.Describe(e.Command)
	if c, ok := e.Command.(command.Audit); ok {
		a.Outcome = c.Outcome
	}
	if r.Err != nil {
		a.Outcome = r.Err.Error()
	}
	a.Verb, a.Subject, a.Outcome = s.clipped(a.Verb, maxName), s.clipped(a.Subject, maxName), s.clipped(a.Outcome, maxReason)
	put(s, s.audits, a.Number, a)
	if s.audits.Len() > MaxAudit {
		drop(s, s.audits, a.Number-MaxAudit)
	}
}

// requestID keeps the requests of two principals apart.
func requestID(principal, request string) string { return principal + "\x00" + request }

// repeated answers a request that was applied before.
func (s *State) repeated(e command.Entry) (Result, bool) {
	if e.Request == "" {
		return Result{}, false
	}
	old, ok := s.requests.Get(requestID(e.Principal, e.Request))
	switch {
	case !ok:
		return Result{}, false
	case old.Number != e.Command.Number(), old.otherwise(e):
		return Result{Index: s.index, Err: fmt.Errorf("request %s: %w", e.Request, ErrRequestReused)}, true
	}
	return Result{Index: old.Index, Made: old.Made, Repeated: true}, true
}

// otherwise says whether a request asks for something else than an entry of the same id.
func (r *Request) otherwise(e command.Entry) bool {
	return r.Content != [32]byte{} && e.Content != [32]byte{} && r.Content != e.Content
}

// remember keeps what became of a request. A refusal is not kept: it changed
// nothing, so it may as well be decided again.
func (s *State) remember(e command.Entry, r Result) {
	if e.Request == "" {
		return
	}
	q := &Request{ID: requestID(e.Principal, e.Request), Index: r.Index, Number: e.Command.Number(), Made: r.Made, Content: e.Content}
	put(s, s.requests, q.ID, q)
	s.indexRequest(q)
	if s.apart() {
		s.forgetRequests(q.caller())
	} else {
		s.forgetRequests3()
	}
}

// forgetRequests keeps each principal within its table, so that nobody's flood has another's
// requests forgotten, and all tables within theirs at the cost of whoever has most.
func (s *State) forgetRequests(of string) {
	for s.requestsOf(of) > MaxRequestsEach {
		s.forgetOldest(of)
	}
	for s.requests.Len() > MaxRequests {
		most, _, _ := s.crowd.Last()
		s.forgetOldest(most.principal)
	}
}

func (s *State) forgetOldest(principal string) {
	_, id, _ := s.callers.After(call{principal: principal})
	s.forgetRequest(id)
}

func (s *State) forgetRequest(id string) {
	q, _ := s.requests.Get(id)
	s.recent.Delete(q.Index)
	s.crowded(q.caller(), -1)
	s.callers.Delete(call{q.caller(), q.Index})
	drop(s, s.requests, id)
}

// indexRequest makes what follows from a request's record.
func (d *data) indexRequest(q *Request) {
	d.recent.Set(q.Index, q.ID)
	d.crowded(q.caller(), 1)
	d.callers.Set(call{q.caller(), q.Index}, q.ID)
}

// crowded counts a principal's requests.
func (d *data) crowded(principal string, more int) {
	n := d.requestsOf(principal)
	d.crowd.Delete(caller{n, principal})
	if n += more; n == 0 {
		d.kept.Delete(principal)
		return
	}
	d.kept.Set(principal, n)
	d.crowd.Set(caller{n, principal}, struct{}{})
}

func (d *data) requestsOf(principal string) int {
	n, _ := d.kept.Get(principal)
	return n
}
