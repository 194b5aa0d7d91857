package gangport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"g2c/api"
)

// open is a port on loopback.
func open(t *testing.T, cfg Config) *Port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := Open(l, cfg)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// taken has a port hand a task's connections to a listener.
func taken(t *testing.T, p *Port, task api.Key) *Listener {
	t.Helper()
	l := NewListener()
	t.Cleanup(p.Take(task, l.HandTCP))
	t.Cleanup(func() { l.Close() })
	return l
}

const long = 30 * time.Second // more than anything takes

// talks sends words both ways between who dialled and who accepted.
func talks(t *testing.T, dialled net.Conn, l net.Listener) {
	t.Helper()
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	for _, way := range [][2]net.Conn{{dialled, accepted}, {accepted, dialled}, {dialled, accepted}} {
		if _, err := way[0].Write([]byte("word")); err != nil {
			t.Fatal(err)
		}
		var b [4]byte
		if _, err := io.ReadFull(way[1], b[:]); err != nil || string(b[:]) != "word" {
			t.Fatalf("%q: %v", b, err)
		}
	}
}

// Each connection comes to the run of its task, and no byte is lost to the port.
func TestAConnectionFindsItsRun(t *testing.T) {
	p := open(t, Config{})
	tasks := map[api.Key]*Listener{}
	for i := range 3 {
		k := api.Key{byte(i)}
		tasks[k] = taken(t, p, k)
	}
	for k, l := range tasks {
		for range 3 {
			c, err := Dial(t.Context(), p.Addr().String(), k, long)
			if err != nil {
				t.Fatal(err)
			}
			talks(t, c, l)
		}
	}
}

// Who comes before the run is told to wait, for longer than a word may take, and then let in.
func TestWhoComesEarlyWaits(t *testing.T) {
	p := open(t, Config{Deadline: 400 * time.Millisecond})
	came := make(chan net.Conn, 1)
	go func() {
		c, err := Dial(t.Context(), p.Addr().String(), api.Key{7}, 2*time.Second)
		if err != nil {
			t.Error(err)
		}
		came <- c
	}()
	raw, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Write(appendPreface(nil, api.Key{7})); err != nil {
		t.Fatal(err)
	}
	waits := make([]byte, 24) // six deadlines
	if _, err := io.ReadFull(raw, waits); err != nil || !bytes.Equal(waits, bytes.Repeat([]byte{answerWait}, len(waits))) {
		t.Fatalf("%q: %v", waits, err)
	}
	l := taken(t, p, api.Key{7})
	for { // the one before it comes first, or this
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.RemoteAddr().String() != raw.LocalAddr().String() {
			if _, err := c.Write([]byte("w")); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	dialled := <-came
	if dialled == nil {
		return
	}
	defer dialled.Close()
	if b, err := io.ReadAll(io.LimitReader(dialled, 1)); err != nil || string(b) != "w" {
		t.Errorf("%q: %v", b, err)
	}
}

// Whom nobody takes in time is hung up on; so is who comes to a port that closes, or to none.
func TestWhomNobodyTakes(t *testing.T) {
	p := open(t, Config{Patience: 100 * time.Millisecond, Deadline: long})
	if c, err := Dial(t.Context(), p.Addr().String(), api.Key{1}, long); !errors.Is(err, io.EOF) {
		t.Errorf("%v, %v", c, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closing := Open(l, Config{})
	failed := make(chan error, 1)
	go func() {
		_, err := Dial(t.Context(), closing.Addr().String(), api.Key{1}, long)
		failed <- err
	}()
	for closing.waits() == 0 {
		select {
		case err := <-failed:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	if err := closing.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("it was let in by a port that closed")
	}
	if _, err := Dial(t.Context(), closing.Addr().String(), api.Key{1}, long); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
}

// waits is how many do.
func (p *Port) waits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// A run that says nothing, a port that says nothing and a run that takes nothing are found out by who dials.
func TestSilenceIsFoundOut(t *testing.T) {
	p := open(t, Config{})
	taken(t, p, api.Key{1}) // and accepts nobody
	c, err := Dial(t.Context(), p.Addr().String(), api.Key{1}, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a run that says nothing: %v", err)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if _, err := Dial(t.Context(), mute.Addr().String(), api.Key{1}, 100*time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a port that says nothing: %v", err)
	}
	t.Cleanup(p.Take(api.Key{2}, func(*net.TCPConn) error { return errFull }))
	c, err = Dial(t.Context(), p.Addr().String(), api.Key{2}, long)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("a run that takes nothing: %v", err)
	}
}

// A host that opens more connections than any has is refused, and again let in when they
// are gone; noise is hung up on, and others do not notice.
func TestStrangersTakeNoRoom(t *testing.T) {
	p := open(t, Config{Deadline: long})
	l := taken(t, p, api.Key{1})
	var all []net.Conn
	for range maxWaitingHost {
		c, err := net.Dial("tcp", p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, c)
	}
	if c, err := Dial(t.Context(), p.Addr().String(), api.Key{1}, long); err == nil {
		c.Close()
		t.Error("one more was let in")
	}
	for i, c := range all {
		if i%2 == 0 {
			c.Write(bytes.Repeat([]byte{0x16, 3, 1, byte(i)}, 20)) // it may be hung up on
			continue
		}
		c.Close()
	}
	for p.waits() > 0 {
		<-time.After(time.Millisecond)
	}
	c, err := Dial(t.Context(), p.Addr().String(), api.Key{1}, long)
	if err != nil {
		t.Fatal(err)
	}
	talks(t, c, l)
}

// What nobody accepts is closed with the listener, and none is handed to it afterwards.
func TestAListenerThatCloses(t *testing.T) {
	l := NewListener()
	for range maxTaken {
		a, b := net.Pipe()
		defer b.Close()
		if err := l.Hand(a); err != nil {
			t.Fatal(err)
		}
	}
	a, b := net.Pipe()
	defer a.Close()
	if err := l.Hand(a); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	l.Close()
	l.Close()
	if err := l.Hand(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
