package rpcerr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"g2c/internal/fault"
)

// domain says that a reason is one of ours.
const domain = "g2c"

// maxMessage bounds the text of an error on the wire: it travels in a header.
const maxMessage = 4000

// New makes an error of a kind; a %w in the format keeps its argument in the chain.
// WithHint, of package fault, says what to do next.
func New(k *Kind, format string, a ...any) *fault.Error { return fault.New(k, format, a...) }

// KindOf is the kind of an error, Internal if it has none.
func KindOf(err error) *Kind {
	var k *Kind
	switch {
	case errors.As(err, &k):
		return k
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, context.DeadlineExceeded):
		return TooSlow
	}
	if s, ok := status.FromError(err); ok && err != nil {
		return ofStatus(s)
	}
	return ofClass(err)
}

// ofClass is the kind of an error that has a class and no kind.
func ofClass(err error) *Kind {
	switch {
	case errors.Is(err, fault.ErrSpec):
		return BadRequest
	case errors.Is(err, fault.ErrData):
		return BadData
	case errors.Is(err, fault.ErrNotFound):
		return NotFound
	}
	return Internal
}

// Retriable says whether the same call may succeed by itself a little later.
func Retriable(err error) bool { return err != nil && KindOf(err).Again }

// Status is an error as it goes over the wire. What is inside an error of the
// coordinator itself is not for callers: its text stays here.
func Status(err error) *status.Status {
	if err == nil {
		return status.New(codes.OK, "")
	}
	var f *fault.Error
	if s, ok := status.FromError(err); ok && !errors.As(err, &f) {
		return s // passed on from another coordinator
	}
	k := KindOf(err)
	message, hint := err.Error(), ""
	if errors.As(err, &f) {
		message, hint = withoutHint(err, f), f.Hint
	}
	if k == Internal {
		message = k.text
	}
	info := &errdetails.ErrorInfo{Reason: k.Reason, Domain: domain}
	if hint != "" {
		info.Metadata = map[string]string{"hint": clip(hint)}
	}
	s := status.New(k.Code, clip(message))
	if with, err := s.WithDetails(info); err == nil {
		return with
	}
	return s
}

// withoutHint is the text of an error without the hint of the fault in it, which
// travels apart.
func withoutHint(err error, f *fault.Error) string {
	if f.Hint == "" {
		return err.Error()
	}
	bare := *f
	bare.Hint = ""
	return strings.Replace(err.Error(), f.Error(), bare.Error(), 1)
}

// clip keeps a text short, and whole characters.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= maxMessage {
		return s
	}
	end := maxMessage
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + " …"
}

// FromStatus is the error that a status was made of, as far as it can be known: its
// kind, its class, its message and its hint.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	var k *Kind
	if errors.As(err, &k) {
		return err
	}
	s, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("%w: %w", KindOf(err), err)
	}
	e := fault.New(ofStatus(s), "%s", message(s))
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == domain && info.Metadata["hint"] != "" {
			e.Hint = info.Metadata["hint"]
		}
	}
	return e
}

func message(s *status.Status) string {
	if s.Message() == "" {
		return ofStatus(s).text
	}
	return plain(s.Message())
}

// transport is how gRPC wraps the words of the network.
var transport = regexp.MustCompile(`^connection error: desc = "(?:transport: )?(?:Error while dialing: )?(.*)"$`)

// plain is a message without the words that speak of gRPC's inside.
func plain(message string) string {
	if m := transport.FindStringSubmatch(message); m != nil {
		return strings.ReplaceAll(m[1], `\"`, `"`)
	}
	return message
}

// ofStatus is the kind that a status names, or the one that its code says.
func ofStatus(s *status.Status) *Kind {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == domain {
			if k := kinds[info.Reason]; k != nil {
				return k
			}
		}
	}
	return byCode(s.Code())
}
