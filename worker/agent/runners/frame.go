package runners

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// A frame, both ways:
//
//	0        4      5
//	| length | kind | body: JSON, of length bytes |
//
// The length is little-endian. A frame of kind connection has a descriptor with its first
// byte. Both ends are the same binary, so there are no versions.
const (
	frameHead = 5
	maxBody   = 32 << 20 // a thousand lines of a log, of which JSON may make six times as much
)

// kind is what a frame says.
type kind byte

// The kinds of frame.
const (
	// To a runner.
	kindTask       kind = 1 + iota // job: what to run
	kindProbe                      // job: say what devices there are
	kindChange                     // assignment: the newest
	kindEnd                        // end: save and end
	kindSlots                      // slots: the answer to kindWant
	kindConnection                 // of another worker, with its descriptor
	kindAlive                      // the worker lives
	kindReload                     // read certificates anew
	// To a worker.
	kindSaid    // said
	kindWant    // want: more slots
	kindGive    // slots: given back
	kindFound   // found: the answer to kindProbe
	kindOutcome // outcome: the last frame
	kinds
)

// ErrFrame is what an end sends that no end of this release would.
var ErrFrame = errors.New("runners: not a frame")

// readFrame reads one.
func readFrame(r io.Reader) (kind, []byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n, k := binary.LittleEndian.Uint32(head[:]), kind(head[4])
	if n > maxBody || k == 0 || k >= kinds {
		return 0, nil, fmt.Errorf("%w: kind %d, of %d bytes", ErrFrame, k, n)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n))) // which grows with what comes
	if err != nil {
		return 0, nil, err
	}
	if len(body) < int(n) {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return k, body, nil
}

// appendFrame appends one, whose body is nil for none.
func appendFrame(b []byte, k kind, body any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("frame of kind %d: %w", k, err)
		}
	}
	if len(text) > maxBody {
		return nil, fmt.Errorf("%w: kind %d, of %d bytes", ErrFrame, k, len(text))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(append(b, byte(k)), text...), nil
}

// conn is one end of the connection between a worker and a runner. One goroutine receives,
// any may send.
type conn struct {
	socket      *net.UnixConn
	in          *bufio.Reader
	descriptors []int // that came, and whose frames have still to be read

	sending sync.Mutex
}

// maxDescriptors bounds those that come before their frames.
const maxDescriptors = 256

// pair is a connection: one end for this process, and the file of the other for a child.
func pair() (*conn, *os.File, error) {
	syscall.ForkLock.RLock() // no child of another goroutine inherits them
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	c, err := newConn(os.NewFile(uintptr(ends[0]), "runner"))
	if err != nil {
		return nil, nil, errors.Join(err, syscall.Close(ends[1]))
	}
	return c, os.NewFile(uintptr(ends[1]), "worker"), nil
}

// newConn is the end that a file is. The file is closed.
func newConn(f *os.File) (*conn, error) {
	defer f.Close() // the connection has a descriptor of its own
	socket, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	unix, ok := socket.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is %T, not a socket of this machine", f.Name(), socket), socket.Close())
	}
	c := &conn{socket: unix}
	c.in = bufio.NewReader(reader{c})
	return c, nil
}

// reader reads bytes of a connection, and keeps the descriptors that come with them.
type reader struct{ *conn }

// Read implements io.Reader.
func (r reader) Read(b []byte) (int, error) {
	oob := make([]byte, syscall.CmsgSpace(4*4))
	n, m, flags, _, err := r.socket.ReadMsgUnix(b, oob)
	if err != nil {
		return 0, err
	}
	if err := r.keep(oob[:m]); err != nil {
		return n, err
	}
	if flags&syscall.MSG_CTRUNC != 0 || len(r.descriptors) > maxDescriptors {
		return n, fmt.Errorf("%w: more descriptors than frames", ErrFrame)
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r reader) keep(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.Header.Level != syscall.SOL_SOCKET || m.Header.Type != syscall.SCM_RIGHTS {
			continue
		}
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return err
		}
		r.descriptors = append(r.descriptors, fds...)
	}
	return nil
}

// receive waits for a frame. With one of kind connection comes the connection.
func (c *conn) receive() (k kind, body []byte, handed net.Conn, err error) {
	if k, body, err = readFrame(c.in); err != nil || k != kindConnection {
		return k, body, nil, err
	}
	if len(c.descriptors) == 0 {
		return 0, nil, nil, fmt.Errorf("%w: a connection without its descriptor", ErrFrame)
	}
	f := os.NewFile(uintptr(c.descriptors[0]), "gang")
	c.descriptors = c.descriptors[1:]
	defer f.Close() // the connection has a descriptor of its own
	handed, err = net.FileConn(f)
	return k, body, handed, err
}

// send sends a frame, and waits until there is room for it.
func (c *conn) send(k kind, body any) error {
	b, err := appendFrame(nil, k, body)
	if err != nil {
		return err
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	_, err = c.socket.Write(b)
	return err
}

// pass sends a connection, which stays its caller's to close.
func (c *conn) pass(of *net.TCPConn) error {
	b, err := appendFrame(nil, kindConnection, nil)
	if err != nil {
		return err
	}
	raw, err := of.SyscallConn()
	if err != nil {
		return err
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	var sent int
	var failed error
	err = raw.Control(func(fd uintptr) {
		sent, _, failed = c.socket.WriteMsgUnix(b, syscall.UnixRights(int(fd)), nil)
	})
	if err == nil && failed == nil && sent < len(b) {
		_, failed = c.socket.Write(b[sent:])
	}
	return errors.Join(err, failed)
}

// close hangs up. Descriptors that came and were not received are closed with it; nobody
// may be receiving.
func (c *conn) close() error {
	err := c.socket.Close()
	for _, fd := range c.descriptors {
		err = errors.Join(err, syscall.Close(fd))
	}
	c.descriptors = nil
	return err
}
