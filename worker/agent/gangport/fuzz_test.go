package gangport

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"g2c/api"
)

// FuzzPreface reads whatever begins a connection: what is taken is what was written, and
// nothing is read past it.
func FuzzPreface(f *testing.F) {
	f.Add(appendPreface(nil, api.Key{1, 2, 3}))
	f.Add(append(appendPreface(nil, api.Key{0xff}), "and more"...))
	f.Add([]byte{0x16, 3, 1, 2, 0, 1, 0})
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n and more bytes than it has"))
	f.Add([]byte(magic + "\x02 of a later version, with as many bytes as it takes"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		task, err := readPreface(r)
		if err != nil {
			if !errors.Is(err, ErrPreface) {
				t.Error(err)
			}
			return
		}
		if got := appendPreface(nil, task); !bytes.HasPrefix(b, got) || r.Len() != len(b)-len(got) {
			t.Errorf("%x of %x, and %d bytes are left", got, b, r.Len())
		}
	})
}

// FuzzAnswers has a port say anything: whoever dialled is let in by waits and a go alone, and
// reads nothing of what comes then.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("g"))
	f.Add([]byte("wwwgrest"))
	f.Add([]byte("HTTP/1.1 400 Bad Request"))
	f.Add([]byte{0x15, 3, 1, 0, 2, 2, 40})
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		defer here.Close()
		waits := len(b) - len(bytes.TrimLeft(b, string(answerWait)))
		in := waits < len(b) && b[waits] == answerGo
		said, done := make(chan int, 1), make(chan struct{})
		go func() {
			defer there.Close()
			preface := make([]byte, prefaceBytes)
			if _, err := there.Read(preface); err != nil {
				t.Error(err)
			}
			n, _ := there.Write(b) // as far as it is read
			if in {
				<-done
			}
			said <- n
		}()
		err := greet(here, api.Key{1}, time.Minute)
		here.Close()
		close(done)
		if in != (err == nil) {
			t.Errorf("%q: %v", b, err)
		}
		if n := <-said; n > waits+1 {
			t.Errorf("%d bytes of %q were read", n, b)
		}
	})
}
