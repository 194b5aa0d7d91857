package state

import (
	"fmt"

	"g2c/coordinator/command"
)

func (s *State) setProject(c command.SetProject) error {
	s.putProject(&Project{Name: c.Project, Weight: c.Weight, Quota: c.Quota})
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
	put(s, s.audits, a.Number, a)
	if s.audits.Len() > MaxAudit {
		drop(s, s.audits, a.Number-MaxAudit)
	}
}

// requestID keeps the requests of two principals apart.
func requestID(e command.Entry) string { return e.Principal + "\x00" + e.Request }

// repeated answers a request that was applied before.
func (s *State) repeated(e command.Entry) (Result, bool) {
	if e.Request == "" {
		return Result{}, false
	}
	old, ok := s.requests.Get(requestID(e))
	switch {
	case !ok:
		return Result{}, false
	case old.Number != e.Command.Number():
		return Result{Index: s.index, Err: fmt.Errorf("request %s: %w", e.Request, ErrRequestReused)}, true
	}
	return Result{Index: old.Index, Made: old.Made, Repeated: true}, true
}

// remember keeps what became of a request. A refusal is not kept: it changed
// nothing, so it may as well be decided again.
func (s *State) remember(e command.Entry, r Result) {
	if e.Request == "" {
		return
	}
	q := &Request{ID: requestID(e), Index: r.Index, Number: e.Command.Number(), Made: r.Made}
	put(s, s.requests, q.ID, q)
	s.recent.Set(q.Index, q.ID)
	if s.requests.Len() > MaxRequests {
		index, oldest, _ := s.recent.First()
		s.recent.Delete(index)
		drop(s, s.requests, oldest)
	}
}
