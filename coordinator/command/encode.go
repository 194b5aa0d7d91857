package command

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of an entry beside its command, which stands behind them under its own
// number. They are for ever too.
const (
	fieldLevel     protowire.Number = 1001 // the lowest that reads the entry
	fieldAt        protowire.Number = 1002
	fieldRequest   protowire.Number = 1003
	fieldPrincipal protowire.Number = 1004
	fieldContent   protowire.Number = 1005 // left out for none
)

// Encode writes an entry for the log. It refuses what Decode would refuse.
func Encode(e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 256)
	b = appendUint(b, fieldLevel, uint64(e.Level()))
	b = appendInt(b, fieldAt, e.At)
	b = appendText(b, fieldRequest, e.Request)
	b = appendText(b, fieldPrincipal, e.Principal)
	if e.Content != [32]byte{} {
		b = appendKey(b, fieldContent, &e.Content)
	}
	b, from := begin(b, protowire.Number(e.Command.Number()))
	b = end(e.Command.append(b), from)
	if len(b) > MaxEntryBytes {
		return nil, fmt.Errorf("%w: an entry of %d bytes, at most %d", ErrMalformed, len(b), MaxEntryBytes)
	}
	return b, nil
}
