package netfault_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"g2c/internal/netfault"
)

// echo serves lines back on loopback.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

type talk struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, l *netfault.Link) talk {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return talk{c, bufio.NewReader(c)}
}

// refused wants a dial that fails, at once or with the first read.
func refused(t *testing.T, l *netfault.Link) {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		return
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("somebody answers")
	}
}

func (c talk) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (c talk) hear(t *testing.T, want string) {
	t.Helper()
	if got, err := c.in.ReadString('\n'); err != nil || got != want+"\n" {
		t.Fatalf("heard %q, %v", got, err)
	}
}

func TestALinkIsCutStalledAndHealed(t *testing.T) {
	l, err := netfault.Listen(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, l)
	c.say(t, "one")
	c.hear(t, "one")

	l.Stall()
	c.say(t, "two")
	late := dial(t, l)
	late.say(t, "three")
	l.Heal()
	c.hear(t, "two")
	late.hear(t, "three")

	l.Cut()
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("a cut link speaks")
	}
	refused(t, l)
	l.Heal()
	c = dial(t, l)
	c.say(t, "four")
	c.hear(t, "four")
}

func TestTheEndOfAStreamIsForwarded(t *testing.T) {
	l, err := netfault.Listen(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, l)
	c.say(t, "last")
	c.Conn.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(c); err != nil || string(b) != "last\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := ln.Addr().String()
	ln.Close()
	l, err := netfault.Listen(target)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused(t, l)
}

// A link that is to be cut after some bytes breaks what is under way, once.
func TestALinkIsCutInTheMiddle(t *testing.T) {
	l, err := netfault.Listen(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, l)
	l.CutAfter(10)
	c.say(t, "ten bytes")
	c.hear(t, "ten bytes")
	if _, err := io.WriteString(c, "more\n"); err == nil {
		if got, err := c.in.ReadString('\n'); err == nil {
			t.Errorf("heard %q over a connection that was cut", got)
		}
	}
	c = dial(t, l)
	l.Slow(time.Microsecond)
	c.say(t, "and again")
	c.hear(t, "and again")
}

// A link that is stalled one way carries what comes from its target, and what was held back
// once it is whole.
func TestALinkIsStalledOneWay(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l, err := netfault.Listen(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	here := dial(t, l)
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	there := talk{conn, bufio.NewReader(conn)}
	l.StallOneWay()
	here.say(t, "one")
	there.say(t, "two")
	here.hear(t, "two")
	l.Heal()
	there.hear(t, "one")
}

// A link that is late keeps the order of bytes, and breaks in the middle as any other.
func TestALinkIsLate(t *testing.T) {
	l, err := netfault.Listen(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, l)
	l.Delay(time.Millisecond)
	for i := range 20 {
		c.say(t, fmt.Sprint("line ", i))
	}
	for i := range 20 {
		c.hear(t, fmt.Sprint("line ", i))
	}
	c.say(t, "and another")
	l.Cut()
	if _, err := io.ReadAll(c.in); err == nil {
		t.Error("a cut link ends in good order")
	}
}
