package server_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/internal/clock"
	"g2c/internal/dataset"
	"g2c/internal/netfault"
)

// several is a pack of about so many chunks.
func several(chunks int) *dataset.Set {
	var images []dataset.Image
	var pixels [][]uint8
	for i := range chunks * 85 { // of 12 KiB
		p := make([]uint8, 64*64*3)
		for j := range p {
			p[j] = uint8(i*j + i>>8)
		}
		images = append(images, dataset.Image{Name: fmt.Sprintf("%04d.png", i), Label: "l"})
		pixels = append(pixels, p)
	}
	return dataset.New(64, images, pixels)
}

// sender counts the bytes of data that a client sends.
type sender struct {
	grpc.ClientStream
	sent *atomic.Int64
}

func (s *sender) SendMsg(m any) error {
	if r, ok := m.(*apiv1.UploadDataRequest); ok {
		s.sent.Add(int64(len(r.GetChunk())))
	}
	return s.ClientStream.SendMsg(m)
}

func counting(sent *atomic.Int64) []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainStreamInterceptor(
		func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			s, err := open(ctx, desc, cc, method, opts...)
			return &sender{s, sent}, err
		})}
}

// begun sends the first bytes of an upload under a request id, waits until they have
// come, and leaves the stream open.
func begun(t *testing.T, c *client.Client, set *dataset.Set, request string, n int64) (cut func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := c.Data().UploadData(ctx)
	if err == nil {
		h := &apiv1.UploadHeader{RequestId: request, Fingerprint: set.Fingerprint(), SizeBytes: dataset.PackBytes(set)}
		err = s.Send(&apiv1.UploadDataRequest{Part: &apiv1.UploadDataRequest_Header{Header: h}})
	}
	if err != nil {
		t.Fatal(err)
	}
	first := &prefix{left: n}
	if err := dataset.WritePack(first, set); err == nil {
		t.Fatalf("the pack has no %d bytes", n)
	}
	if err := s.Send(&apiv1.UploadDataRequest{Part: &apiv1.UploadDataRequest_Chunk{Chunk: first.b}}); err != nil {
		t.Fatal(err)
	}
	stands(t, c, set, request, n)
	return cancel
}

// prefix is the first bytes that are written to it.
type prefix struct {
	left int64
	b    []byte
}

func (p *prefix) Write(b []byte) (int, error) {
	n := min(p.left, int64(len(b)))
	p.b, p.left = append(p.b, b[:n]...), p.left-n
	if p.left == 0 {
		return int(n), io.ErrShortWrite
	}
	return len(b), nil
}

// stands waits until a request would go on with an upload at some byte.
func stands(t *testing.T, c *client.Client, set *dataset.Set, request string, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		r, err := c.Data().StatData(ctx, &apiv1.StatDataRequest{Fingerprints: []string{set.Fingerprint()}, RequestId: request})
		if err != nil {
			t.Fatalf("wait until an upload stands at %d: %v", n, err)
		}
		if r.Data[0].ReceivedBytes == n {
			return
		}
	}
}

func upload(t *testing.T, c *client.Client, set *dataset.Set) {
	t.Helper()
	err := c.Upload(t.Context(), set.Fingerprint(), dataset.PackBytes(set), func(w io.Writer) error { return dataset.WritePack(w, set) })
	if err != nil {
		t.Fatal(err)
	}
}

// An upload that was cut off goes on where it stood, for its caller alone, also by another
// request; and one whose stream is still open goes on by its own request alone.
func TestAnUploadGoesOnWhereItStood(t *testing.T) {
	spool := t.TempDir()
	n := single(t, func(c *server.Config) { c.Store, c.Spool = emptyStore(t), spool })
	var sent atomic.Int64
	c := call(t, counting(&sent), n)
	set := several(3)
	const first = 1 << 20
	cut := begun(t, c, set, "r", first)
	stands(t, c, set, "another", 0)
	cut()
	stands(t, c, set, "another", first)
	stands(t, call(t, as(server.Client, "bob"), n), set, "another", 0)
	upload(t, c, set)
	if got := sent.Load(); got != dataset.PackBytes(set) {
		t.Errorf("%d bytes were sent of a pack of %d", got, dataset.PackBytes(set))
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("%d uploads are left, %v", len(left), err)
	}
}

// A stream that nobody has seen end makes way for the next one of its request.
func TestAnUploadLeavesADeadStream(t *testing.T) {
	n := single(t, func(c *server.Config) { c.Store = emptyStore(t) })
	c := call(t, nil, n)
	set := several(2)
	const first = 1 << 20
	defer begun(t, c, set, "r", first)()
	s, err := c.Data().UploadData(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := &apiv1.UploadHeader{RequestId: "r", Fingerprint: set.Fingerprint(), SizeBytes: dataset.PackBytes(set), Offset: first - 7}
	all := &prefix{left: dataset.PackBytes(set) + 1}
	if err := dataset.WritePack(all, set); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*apiv1.UploadDataRequest{
		{Part: &apiv1.UploadDataRequest_Header{Header: h}},
		{Part: &apiv1.UploadDataRequest_Chunk{Chunk: all.b[first-7:]}},
	} {
		if err := s.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CloseAndRecv(); err != nil {
		t.Error(err)
	}
}

// An upload comes through a network that breaks now and then.
func TestAnUploadOutlivesItsConnections(t *testing.T) {
	n := single(t, func(c *server.Config) { c.Store = emptyStore(t) })
	link, err := netfault.Listen(n.address)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	cfg := client.DefaultConfig()
	cfg.Servers = []string{link.Addr()}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	set := several(6)
	begins := 0
	link.CutAfter(2 << 20)
	err = c.Upload(t.Context(), set.Fingerprint(), dataset.PackBytes(set), func(w io.Writer) error {
		if begins++; begins == 2 {
			link.CutAfter(2 << 20)
		}
		return dataset.WritePack(w, set)
	})
	if err != nil || begins < 3 {
		t.Errorf("begun %d times: %v", begins, err)
	}
	stat, err := c.Data().StatData(t.Context(), &apiv1.StatDataRequest{Fingerprints: []string{set.Fingerprint()}})
	if err != nil || !stat.Data[0].Stored || stat.Data[0].ReceivedBytes != 0 {
		t.Errorf("%v, %v", stat, err)
	}
}

// What came of an upload is kept for its time, and makes way for others before that: for
// more of its caller, and where the disk has no room.
func TestWhatIsKeptOfUploadsEnds(t *testing.T) {
	fake := clock.NewFake(time.UnixMilli(1_000_000))
	cfg := config(replica.NewMemory("c1", fake.Now))
	spool := t.TempDir()
	var full atomic.Bool
	cfg.Clock, cfg.Store, cfg.Spool, cfg.Limits.CallerUploads, cfg.Limits.SpoolFree = fake, emptyStore(t), spool, 2, 1000
	cfg.SpoolRoom = func() (int64, error) {
		if left, err := os.ReadDir(spool); full.Load() && (err != nil || len(left) > 1) {
			return 0, err
		}
		return 1 << 40, nil
	}
	c := call(t, nil, serve(t, cfg))
	sets := []*dataset.Set{several(2), several(3), several(4), several(5)}
	for _, set := range sets[:3] {
		begun(t, c, set, "r", 1000)()
		stands(t, c, set, "another", 1000)
	}
	for i, n := range []int64{0, 1000, 1000} { // two of a caller
		stands(t, c, sets[i], "another", n)
	}
	full.Store(true)
	upload(t, c, sets[3])
	for i, n := range []int64{0, 0, 0} {
		stands(t, c, sets[i], "another", n)
	}
	full.Store(false)
	begun(t, c, sets[0], "r", 1000)()
	stands(t, c, sets[0], "another", 1000)
	passes(t, fake, time.Minute, func() bool {
		left, err := os.ReadDir(spool)
		return err == nil && len(left) == 0
	})
}
