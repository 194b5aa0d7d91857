package s3test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// The one user of a server.
const (
	AccessKey = "g2c-test-user"
	SecretKey = "g2c-test-secret"
)

// Server is a server that a test has started.
type Server struct {
	Address string // HOST:PORT
	Secure  bool
	CA      string // file with the certificate that it serves with, in PEM
	Data    string // folder in which it keeps what it is given

	kind   Kind
	dir    string
	client *minio.Client
}

// Name is what program it is.
func (s *Server) Name() string { return s.kind.Name }

// Lists tells whether the server lists the uploads below a prefix; minio lists those to one
// object alone.
func (s *Server) Lists() bool { return s.kind.Name != Minio.Name }

// startTimeout is far more than a server needs on a machine under load.
const startTimeout = 2 * time.Minute

// Start starts a server that speaks TLS.
func Start(t testing.TB, k Kind) *Server { return start(t, k, true) }

// StartPlain starts one that does not.
func StartPlain(t testing.TB, k Kind) *Server { return start(t, k, false) }

func start(t testing.TB, k Kind, secure bool) *Server {
	t.Helper()
	program := k.path(t)
	s := &Server{Secure: secure, kind: k, dir: t.TempDir()}
	s.Data, s.CA = filepath.Join(s.dir, "data"), filepath.Join(s.dir, "public.crt")
	if err := os.Mkdir(s.Data, 0o755); err != nil {
		t.Fatal(err)
	}
	s.certify(t)
	for attempt := 1; ; attempt++ {
		s.Address = freeAddress(t)
		ended, said := s.launch(t, k, program)
		if s.answers(t, ended) {
			break
		}
		if attempt == 3 { // another process may have taken its port
			t.Fatalf("%s does not answer:\n%s", k.Name, said)
		}
	}
	s.connect(t)
	return s
}

// launch starts the program; ended is closed when it is gone.
func (s *Server) launch(t testing.TB, k Kind, program string) (ended chan struct{}, said *log) {
	t.Helper()
	said, ended = &log{}, make(chan struct{})
	c := exec.Command(program, k.command(s)...)
	c.Dir = s.dir
	c.Env = append(os.Environ(), "HOME="+s.dir,
		"ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey,
		"MINIO_ROOT_USER="+AccessKey, "MINIO_ROOT_PASSWORD="+SecretKey, "MINIO_BROWSER=off", "MINIO_UPDATE=off",
		"MINIO_KMS_SECRET_KEY=g2c-test-key:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	c.Stdout, c.Stderr = said, said
	c.SysProcAttr = dieWithParent()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGKILL)
		<-ended
	})
	return ended, said
}

func (s *Server) scheme() string {
	if s.Secure {
		return "https"
	}
	return "http"
}

// Endpoint is the server as a URL.
func (s *Server) Endpoint() string { return s.scheme() + "://" + s.Address }

// answers waits for the server.
func (s *Server) answers(t testing.TB, ended chan struct{}) bool {
	t.Helper()
	client := &http.Client{Transport: s.transport(t), Timeout: 5 * time.Second}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode < 500 {
				return true
			}
		}
		select {
		case <-ended:
			return false
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func (s *Server) transport(t testing.TB) *http.Transport {
	t.Helper()
	text, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
}

func (s *Server) connect(t testing.TB) {
	t.Helper()
	var err error
	s.client, err = minio.New(s.Address, &minio.Options{
		Creds: credentials.NewStaticV4(AccessKey, SecretKey, ""), Secure: s.Secure, Transport: s.transport(t), Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Client speaks to the server without this program's store.
func (s *Server) Client() *minio.Client { return s.client }

// Bucket makes a new bucket and returns its name.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	name := "b-" + strings.ToLower(rand.Text())
	// A server that has just begun may not yet take what changes it.
	for ctx := t.Context(); ; {
		err := s.client.MakeBucket(ctx, name, minio.MakeBucketOptions{})
		if err == nil {
			return name
		}
		if code := minio.ToErrorResponse(err).Code; ctx.Err() != nil || code != "XMinioServerNotInitialized" {
			t.Fatalf("make a bucket: %v", err)
		}
	}
}

// Put stores an object.
func (s *Server) Put(t testing.TB, bucket, key, content string) {
	t.Helper()
	_, err := s.client.PutObject(t.Context(), bucket, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

// Env is the environment in which a program of AWS finds the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_SESSION_TOKEN=", "AWS_REGION=us-east-1",
		"AWS_ENDPOINT_URL_S3=" + s.Endpoint(), "AWS_CA_BUNDLE=" + s.CA, "AWS_EC2_METADATA_DISABLED=true",
	}
}

// certify makes a certificate for loopback.
func (s *Server) certify(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "s3 of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost", "*.localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		s.CA: {Type: "CERTIFICATE", Bytes: der}, filepath.Join(s.dir, "private.key"): {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func versityArgs(s *Server) []string {
	args := []string{"--port", s.Address, "--region", "us-east-1", "--quiet"}
	if s.Secure {
		args = append(args, "--cert", s.CA, "--key", filepath.Join(s.dir, "private.key"))
	}
	return append(args, "posix", s.Data)
}

func minioArgs(s *Server) []string {
	args := []string{"server", "--quiet", "--address", s.Address}
	if s.Secure {
		args = append(args, "--certs-dir", s.dir)
	} else {
		args = append(args, "--certs-dir", filepath.Join(s.dir, "none"))
	}
	return append(args, s.Data)
}

// freeAddress is a port of loopback that nobody has.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// log keeps what a server says.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is what was said so far.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
