package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"

	"g2c/checkpoint/retry"
	"g2c/checkpoint/s3store/s3test"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
	"g2c/internal/netfault"
)

// hurried is a policy whose pauses are over at once; paused hears of each.
type hurried struct{ paused func() }

func (h hurried) Now() time.Time { return time.Now() }

func (h hurried) After(time.Duration) <-chan time.Time {
	if h.paused != nil {
		h.paused()
	}
	c := make(chan time.Time, 1)
	c <- time.Now()
	return c
}

func policy(attempts int, paused func()) retry.Policy {
	return retry.Policy{Attempts: attempts, First: time.Second, Longest: time.Second, Clock: hurried{paused}}
}

func mustOpenWith(t *testing.T, c Config, p retry.Policy) *Store {
	t.Helper()
	s, err := open(t.Context(), c, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// linked is a server behind a link that can fail.
func linked(t *testing.T, server *s3test.Server) (Config, *netfault.Link) {
	t.Helper()
	l, err := netfault.Listen(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return configOf(t, server, server.Bucket(t), "AWS_ENDPOINT_URL_S3=https://"+l.Addr()), l
}

// A connection that breaks in the middle of an upload, or of a download, costs what was
// under way on it.
func TestCutInTheMiddle(t *testing.T) {
	eachServer(t, func(t *testing.T, server *s3test.Server) {
		c, link := linked(t, server)
		s := mustOpenWith(t, c, policy(10, nil))
		content := noise(3*smallParts+1, 5)
		link.CutAfter(smallParts + smallParts/2)
		if err := s.Put(t.Context(), "objects/large", strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		link.CutAfter(100)
		if read(t, s, "objects/large") != content {
			t.Error("other bytes came back")
		}
		for i := range 20 { // at whatever byte of a small one
			link.CutAfter(int64(100 * i))
			key := fmt.Sprint("manifests/", i)
			won, err := s.PutIfAbsent(t.Context(), key, strings.NewReader(content[:1000+i]))
			if err != nil || !won {
				t.Errorf("cut after %d bytes: won %v, %v", 100*i, won, err)
			}
			if read(t, s, key) != content[:1000+i] {
				t.Error("other bytes came back")
			}
		}
		if n := uploads(t, s); n > 0 {
			t.Errorf("%d uploads were left", n)
		}
	})
}

// A server that stands still is left, and asked again; one that is slow is waited for.
func TestStalledAndSlow(t *testing.T) {
	server := s3test.Start(t, s3test.Versity)
	c, link := linked(t, server)
	b, err := newBucket(c, policy(5, link.Heal), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{bucket: b}
	link.Stall()
	content := noise(2*smallParts, 6)
	if err := s.Put(t.Context(), "o", strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	link.Slow(20 * time.Millisecond)
	if read(t, s, "o") != content {
		t.Error("other bytes came back")
	}
	if err := s.Put(t.Context(), "p", strings.NewReader(content)); err != nil {
		t.Error(err)
	}
	link.Stall()
	b.retry = policy(2, nil)
	if _, err := s.Stat(t.Context(), "o"); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "2 attempts") {
		t.Errorf("a server that is gone: %v", err)
	}
	link.Heal()
}

// tokenHeader says by which session a request is signed.
const tokenHeader = "X-Amz-Security-Token"

// front stands before a server and answers itself where it has something to say.
type front struct {
	Config
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request) bool // whether it has answered
	pass   *httputil.ReverseProxy
}

func newFront(t *testing.T, k s3test.Kind) *front {
	t.Helper()
	server := s3test.StartPlain(t, k)
	to, err := url.Parse(server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	f := &front{pass: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
		if r.In.Header.Get(tokenHeader) != "" { // the server knows no sessions
			r.Out.Host = to.Host
			r.Out.Header.Del(tokenHeader)
			r.Out.Header.Del("X-Forwarded-For")
			r.Out = signer.SignV4(*r.Out, s3test.AccessKey, s3test.SecretKey, "", anyRegion)
		}
	}}}
	web := httptest.NewServer(f)
	t.Cleanup(web.Close)
	f.Config = configOf(t, server, server.Bucket(t), "AWS_ENDPOINT_URL_S3="+web.URL)
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer == nil || !answer(w, r) {
		f.pass.ServeHTTP(w, r)
	}
}

func (f *front) on(answer func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// refuse answers with an error of S3.
func refuse(w http.ResponseWriter, status int, code string) bool {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>told by a test</Message></Error>`, code)
	return true
}

// A server that asks for time gets it; what it says at last is said.
func TestSlowDown(t *testing.T) {
	f := newFront(t, s3test.Versity)
	s := mustOpenWith(t, f.Config, policy(4, nil))
	var mu sync.Mutex
	times := map[string]int{}
	f.on(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		times[r.Method+r.URL.String()]++
		return times[r.Method+r.URL.String()] <= 3 && refuse(w, http.StatusServiceUnavailable, "SlowDown")
	})
	content := noise(3*smallParts, 8)
	if err := s.Put(t.Context(), "o", strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if read(t, s, "o") != content {
		t.Error("other bytes came back")
	}
	infos, err := s.List(t.Context(), "")
	if err != nil || len(infos) != 1 {
		t.Errorf("%v, %v", infos, err)
	}
	f.on(func(w http.ResponseWriter, r *http.Request) bool {
		return refuse(w, http.StatusServiceUnavailable, "SlowDown")
	})
	if _, err := s.List(t.Context(), ""); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "told by a test") {
		t.Errorf("%v", err)
	}
}

// A writer whose answer is lost knows that it won: the next attempt finds its own object.
func TestLostAnswers(t *testing.T) {
	for _, size := range []int{100, smallParts + 1} {
		f := newFront(t, s3test.Versity)
		s := mustOpenWith(t, f.Config, policy(4, nil))
		lost := 0
		f.on(func(w http.ResponseWriter, r *http.Request) bool {
			commits := r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "" || r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
			if !commits || lost > 0 {
				return false
			}
			lost++
			f.pass.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // the connection breaks
		})
		won, err := s.PutIfAbsent(t.Context(), "k", strings.NewReader(noise(size, 1)))
		if !won || err != nil || lost != 1 {
			t.Errorf("%d bytes: won %v, %v", size, won, err)
		}
		if won, err = s.PutIfAbsent(t.Context(), "k", strings.NewReader(noise(size, 2))); won || err != nil {
			t.Errorf("%d bytes, another: won %v, %v", size, won, err)
		}
		if read(t, s, "k") != noise(size, 1) {
			t.Error("not the winner's bytes")
		}
	}
}

// Credentials that are too old in the middle of an upload are looked for anew, and the
// upload goes on; where there are none it is said.
func TestCredentialsThatExpire(t *testing.T) {
	f := newFront(t, s3test.Versity)
	file := filepath.Join(t.TempDir(), "credentials")
	sign := func(token string) {
		text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n", s3test.AccessKey, s3test.SecretKey, token)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sign("the-first")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	s := mustOpenWith(t, f.Config, policy(4, nil))
	parts, refused := 0, 0
	var mu sync.Mutex
	f.on(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Query().Has("partNumber") {
			parts++
		}
		if parts < 2 || r.Header.Get(tokenHeader) != "the-first" {
			return false
		}
		if refused++; refused == 1 {
			sign("the-second")
		}
		return refuse(w, http.StatusBadRequest, "ExpiredToken")
	})
	content := noise(4*smallParts, 4)
	if err := s.Put(t.Context(), "o", strings.NewReader(content)); err != nil || refused == 0 {
		t.Fatalf("%d refused, %v", refused, err)
	}
	if read(t, s, "o") != content {
		t.Error("other bytes came back")
	}
	sign("the-first")
	f.on(func(w http.ResponseWriter, r *http.Request) bool {
		old := r.Method == http.MethodHead && r.Header.Get(tokenHeader) == "the-first"
		if old {
			sign("the-second")
			w.WriteHeader(http.StatusBadRequest) // without a word
		}
		return old
	})
	if _, err := s.Stat(t.Context(), "o"); err != nil {
		t.Errorf("a look with old ones: %v", err)
	}
	sign("the-first")
	f.on(func(w http.ResponseWriter, r *http.Request) bool {
		return r.Header.Get(tokenHeader) == "the-first" && refuse(w, http.StatusBadRequest, "ExpiredToken")
	})
	err := s.Put(t.Context(), "o", strings.NewReader(content))
	if !errors.Is(err, store.ErrDenied) || !errors.Is(err, errExpired) || !strings.Contains(err.Error(), "renew them") {
		t.Errorf("without new ones: %v", err)
	}
}

// What is wrong is said in words, of the right class, and what to do.
func TestErrorsInWords(t *testing.T) {
	server := s3test.Start(t, s3test.Minio)
	bucket := server.Bucket(t)
	open := func(name string, more ...string) error {
		t.Helper()
		c, err := Parse(name, environ(t, server, more...))
		if err == nil {
			_, err = open(t.Context(), c, policy(3, nil))
		}
		return err
	}
	for what, c := range map[string]struct {
		err   error
		is    error
		words []string
	}{
		"no bucket":       {open("s3://none-of-that-name/x"), fault.ErrUnavailable, []string{"there is no bucket none-of-that-name"}},
		"wrong secret":    {open(Scheme+bucket, "AWS_SECRET_ACCESS_KEY=wrong"), store.ErrDenied, []string{"s3:PutObject"}},
		"wrong key":       {open(Scheme+bucket, "AWS_ACCESS_KEY_ID=nobody"), store.ErrDenied, []string{"credentials"}},
		"unknown CA":      {open(Scheme+bucket, "AWS_CA_BUNDLE="), fault.ErrUnavailable, []string{"certificate"}},
		"nobody there":    {open(Scheme+bucket+"?endpoint=http://127.0.0.1:1", "AWS_CA_BUNDLE="), fault.ErrUnavailable, []string{"127.0.0.1:1", "3 attempts"}},
		"no credentials":  {open(Scheme+bucket, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "HOME="+t.TempDir()), fault.ErrUnavailable, []string{"no credentials", "AWS_ACCESS_KEY_ID"}},
		"a missing file":  {open(Scheme+bucket, "AWS_CA_BUNDLE=/none"), fault.ErrUnavailable, []string{"AWS_CA_BUNDLE"}},
		"anonymous":       {open(Scheme + bucket + "?anonymous=true"), store.ErrDenied, nil},
		"TLS where none":  {open(Scheme+bucket+"?endpoint=http://"+server.Address, "AWS_CA_BUNDLE="), fault.ErrUnavailable, nil},
		"a virtual style": {open(Scheme + bucket + "?style=virtual&endpoint=https://localhost.invalid"), fault.ErrUnavailable, []string{"localhost.invalid"}},
	} {
		if !errors.Is(c.err, c.is) || fault.ExitCode(c.err) != fault.ExitUnavailable {
			t.Errorf("%s: %v", what, c.err)
			continue
		}
		for _, w := range c.words {
			if !strings.Contains(c.err.Error(), w) {
				t.Errorf("%s: %q does not say %q", what, c.err, w)
			}
		}
	}
}

// What servers seldom say is said in words too.
func TestRareErrorsInWords(t *testing.T) {
	f := newFront(t, s3test.Versity)
	s := mustOpenWith(t, f.Config, policy(2, nil))
	for code, c := range map[string]struct {
		status int
		is     error
		says   string
	}{
		"RequestTimeTooSkewed": {403, fault.ErrUnavailable, "clock"},
		"QuotaExceeded":        {403, store.ErrFull, "quota"},
		"XMinioStorageFull":    {507, store.ErrFull, "free some space"},
		"PermanentRedirect":    {301, fault.ErrUnavailable, "AWS_REGION"},
		"NotImplemented":       {501, fault.ErrUnavailable, "told by a test"},
		"InternalError":        {500, fault.ErrUnavailable, "2 attempts"},
	} {
		f.on(func(w http.ResponseWriter, r *http.Request) bool { return refuse(w, c.status, code) })
		err := s.Put(t.Context(), "k", strings.NewReader("x"))
		if !errors.Is(err, c.is) || fault.ExitCode(err) != fault.ExitUnavailable || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// A server that replaces what a conditional put finds is refused when it is opened.
func TestAServerWithoutConditionalPuts(t *testing.T) {
	f := newFront(t, s3test.Versity)
	f.on(func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodPut }) // "stored", whatever it says
	for _, try := range []func() error{
		func() error { _, err := open(t.Context(), f.Config, policy(2, nil)); return err },
		func() error { return Probe(t.Context(), f.Config) },
	} {
		if err := try(); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "conditional puts") {
			t.Errorf("%v", err)
		}
	}
	f.on(nil)
	if err := Probe(t.Context(), f.Config); err != nil {
		t.Error(err)
	}
	if s, err := OpenRead(t.Context(), f.Config); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("the probe left something: %v, %v", s, err)
	}
}

// Uploads that were begun long ago are aborted, ours alone.
func TestSweep(t *testing.T) {
	eachServer(t, func(t *testing.T, server *s3test.Server) {
		s := openNew(t, server)
		begin := func(object string) {
			t.Helper()
			if _, err := s.core.NewMultipartUpload(t.Context(), s.cfg.Bucket, object, minio.PutObjectOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		begin(s.object("objects/a"))
		begin("elsewhere/b")
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{time.Hour, 0}, {25 * time.Hour, 1}, {25 * time.Hour, 0}} {
			n, err := s.Sweep(t.Context(), 24*time.Hour, time.Now().Add(c.after))
			// minio lists the uploads to one object alone, and none below a prefix.
			if err != nil || n != c.want && server.Lists() {
				t.Errorf("%d aborted after %s, %v", n, c.after, err)
			}
		}
		other := &Store{bucket: s.bucket}
		whole := *s.bucket
		whole.cfg.Prefix = ""
		other.bucket = &whole
		if n := uploads(t, other); n != 1 && server.Lists() {
			t.Errorf("%d uploads are left, want that of another prefix", n)
		}
	})
}

func TestCancelledInAPause(t *testing.T) {
	f := newFront(t, s3test.Versity)
	ctx, cancel := context.WithCancel(t.Context())
	s := mustOpenWith(t, f.Config, policy(100, cancel))
	f.on(func(w http.ResponseWriter, r *http.Request) bool { return refuse(w, 503, "SlowDown") })
	if err := s.Put(ctx, "k", strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
