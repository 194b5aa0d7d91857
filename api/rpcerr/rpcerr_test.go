package rpcerr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"g2c/api/rpcerr"
	"g2c/internal/fault"
)

var classes = []error{fault.ErrTraining, fault.ErrSpec, fault.ErrData, fault.ErrNotFound, fault.ErrUnavailable, fault.ErrInterrupted}

// Every kind crosses the wire and comes back as itself, with its class, its exit
// code, its text and its hint.
func TestEveryKindComesBack(t *testing.T) {
	for reason, k := range rpcerr.Kinds() {
		sent := fmt.Errorf("over there: %w", rpcerr.New(k, "task %d is odd: %w", 7, io.ErrUnexpectedEOF).WithHint("try %d", 8))
		s := rpcerr.Status(sent)
		if s.Code() != k.Code {
			t.Errorf("%s has code %v, want %v", reason, s.Code(), k.Code)
		}
		got := rpcerr.FromStatus(s.Err())
		if !errors.Is(got, k) || !errors.Is(got, k.Class) || rpcerr.KindOf(got) != k {
			t.Errorf("%s comes back as %v", reason, rpcerr.KindOf(got).Reason)
		}
		if fault.ExitCode(got) != fault.ExitCode(k.Class) {
			t.Errorf("%s has exit code %d", reason, fault.ExitCode(got))
		}
		if want := sent.Error(); k != rpcerr.Internal && got.Error() != want {
			t.Errorf("%s says %q, want %q", reason, got, want)
		}
		if rpcerr.Retriable(got) != k.Again {
			t.Errorf("%s: retriable is %v", reason, rpcerr.Retriable(got))
		}
		if again := rpcerr.Status(s.Err()); again.Message() != s.Message() || len(again.Details()) != len(s.Details()) {
			t.Errorf("%s changes when it is passed on", reason)
		}
	}
}

// Each kind has exactly one of the classes.
func TestEveryKindHasAClass(t *testing.T) {
	for reason, k := range rpcerr.Kinds() {
		n := 0
		for _, c := range classes {
			if errors.Is(k, c) {
				n++
			}
		}
		if n != 1 || k.Error() == "" || strings.ToUpper(reason) != reason {
			t.Errorf("%s: %d classes, text %q", reason, n, k.Error())
		}
	}
}

// A status of somebody else's gets the kind of its code, and errors without kind
// that of their class.
func TestErrorsWithoutAKind(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		err := rpcerr.FromStatus(status.Error(code, "hm"))
		if k := rpcerr.KindOf(err); !errors.Is(err, k) || err.Error() != "hm" {
			t.Errorf("%v: %v, %v", code, k.Reason, err)
		}
	}
	refused := status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`)
	if err := rpcerr.FromStatus(refused); err.Error() != "dial tcp 127.0.0.1:1: connect: connection refused" {
		t.Errorf("it speaks of gRPC's inside: %v", err)
	}
	for _, c := range []struct {
		err  error
		want *rpcerr.Kind
	}{
		{context.Canceled, rpcerr.Interrupted},
		{context.DeadlineExceeded, rpcerr.TooSlow},
		{fault.New(fault.ErrData, "torn"), rpcerr.BadData},
		{fault.New(fault.ErrSpec, "no"), rpcerr.BadRequest},
		{fault.New(fault.ErrNotFound, "gone"), rpcerr.NotFound},
		{io.EOF, rpcerr.Internal},
	} {
		if got := rpcerr.KindOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got.Reason, c.want.Reason)
		}
	}
	if rpcerr.Status(nil).Code() != codes.OK || rpcerr.FromStatus(nil) != nil || rpcerr.Retriable(nil) {
		t.Error("no error became one")
	}
}

// What went wrong inside the coordinator stays there, and long texts are cut.
func TestWhatIsNotSaid(t *testing.T) {
	if s := rpcerr.Status(errors.New("password is 123")); strings.Contains(s.Message(), "123") {
		t.Errorf("said %q", s.Message())
	}
	s := rpcerr.Status(rpcerr.New(rpcerr.NotFound, "no task %s", strings.Repeat("ä", 5000)))
	if n := len(s.Message()); n > 4100 {
		t.Errorf("a message of %d bytes", n)
	}
}
