package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"

	"g2c/api/client"
	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/internal/clock"
	"g2c/internal/fault"
	"g2c/internal/pki"
)

// stopTimeout is how long calls that are being answered may take when the process
// ends.
const stopTimeout = 2 * time.Second

// runCoordinator serves until the context ends or the replica fails.
func runCoordinator(ctx context.Context, f *coordinatorFlags) (err error) {
	if err := f.validate(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("coordinator", f.id)
	var id *pki.Identity
	if f.certs != "" {
		if id, err = pki.Load(f.certs); err != nil {
			return err
		}
	}
	node, err := openNode(ctx, f, id, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.close()) }()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg, err := f.config(ctx, node, id, log)
	if err != nil {
		return err
	}
	cfg.Metrics = registry
	s, err := server.New(cfg)
	if err != nil {
		return err
	}
	asked := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var work sync.WaitGroup
	if f.metrics != "" {
		web, err := listenWeb(f.metrics, registry, s)
		if err != nil {
			return err
		}
		work.Go(func() { cancel(web.serve(ctx)) })
	}
	if id != nil {
		work.Go(func() { reloadCertificates(ctx, id, log) })
	}
	work.Go(func() {
		select {
		case <-ctx.Done():
		case <-node.failed:
			cancel(node.failure())
		}
	})
	err = serveNode(ctx, cancel, s, node, log)
	work.Wait()
	if why := context.Cause(ctx); asked.Err() == nil && !errors.Is(why, context.Canceled) {
		err = errors.Join(why, err)
	}
	return err
}

// serveNode answers and leads until the context ends.
func serveNode(ctx context.Context, cancel context.CancelCauseFunc, s *server.Server, node *openedNode, log *slog.Logger) error {
	g := grpc.NewServer(append(s.Options(), grpc.Creds(node.credentials))...)
	s.Register(g)
	var work sync.WaitGroup
	work.Go(func() { cancel(g.Serve(node.listener)) })
	work.Go(func() { cancel(s.Run(ctx)) })
	log.Info("serving", "listen", node.listener.Addr(), "encrypted", node.encrypted)
	<-ctx.Done()
	log.Info("stopping", "why", context.Cause(ctx))
	if node.members != nil {
		hand, done := context.WithTimeout(context.Background(), stopTimeout)
		switch err, not := node.members.Transfer(hand), new(*replica.NotLeader); {
		case err == nil:
			log.Info("leadership was handed on")
		case !errors.As(err, not):
			log.Info("leadership was not handed on", "why", err)
		}
		done()
	}
	stopped := time.AfterFunc(stopTimeout, g.Stop)
	g.GracefulStop()
	stopped.Stop()
	work.Wait()
	return s.Close()
}

// validate refuses flags that do not fit each other.
func (f *coordinatorFlags) validate() (err error) {
	if f.routes, err = parseRoutes(f.route); err != nil {
		return err
	}
	chosen := 0
	for _, is := range []bool{f.single, f.bootstrap, f.join != ""} {
		if is {
			chosen++
		}
	}
	switch {
	case f.id == "" || f.listen == "":
		return fault.New(fault.ErrSpec, "a coordinator needs --id and --listen").WithHint("see `g2c coordinator --help`")
	case chosen > 1:
		return fault.New(fault.ErrSpec, "--single, --bootstrap and --join exclude each other")
	case f.bootstrap != (f.peers != ""):
		return fault.New(fault.ErrSpec, "--bootstrap and --peers go together: the coordinators that found the cluster")
	case f.dataDir == "" && !f.single:
		return fault.New(fault.ErrSpec, "a coordinator needs --data-dir").WithHint("only --single can do without, in memory")
	case f.certs == "" && !client.Loopback(f.listen):
		return fault.New(fault.ErrSpec, "--listen %s is not on loopback, and without --certs nothing would be encrypted", f.listen).
			WithHint("`g2c certs init` and `g2c certs issue` make certificates")
	case f.certs == "" && f.dataDir != "":
		return fault.New(fault.ErrSpec, "coordinators with a --data-dir speak to each other by --certs").
			WithHint("`g2c certs init` and `g2c certs issue` make certificates")
	}
	return nil
}

// config is the service's configuration.
func (f *coordinatorFlags) config(ctx context.Context, node *openedNode, id *pki.Identity, log *slog.Logger) (server.Config, error) {
	cfg := server.DefaultConfig()
	cfg.Replica, cfg.Members, cfg.Log, cfg.Clock = node.replica, node.members, log, clock.Real{}
	cfg.Identify, cfg.Dial = identify(id), dialPeer(id, f.routes)
	cfg.Lease, cfg.Heartbeat, cfg.Keep, cfg.RequireTokens = f.lease, f.heartbeat, f.keep, f.requireTokens
	cfg.Policy.GrowAfterMS, cfg.Policy.DwellMS = f.growAfter.Milliseconds(), f.dwell.Milliseconds()
	cfg.Policy.LateGain = f.lateGain
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = f.lease / 5
	}
	if f.dataDir != "" {
		cfg.Spool = filepath.Join(f.dataDir, "spool") // on a disk that somebody looks after
		cfg.SpoolRoom = func() (int64, error) { return raftnode.DefaultStorage().Free(f.dataDir) }
	}
	if f.store != "" {
		s, err := openStore(ctx, f.store)
		if err != nil {
			return cfg, err
		}
		cfg.Store = s
	}
	return cfg, nil
}

// certificateWatch is how often the folder of certificates is looked at.
const certificateWatch = 10 * time.Second

// reloadCertificates takes certificates up that are issued anew, at once on SIGHUP.
func reloadCertificates(ctx context.Context, id *pki.Identity, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	rereadCertificates(ctx, id, hup, log)
}

// rereadCertificates takes certificates up that are issued anew, at once when it is told to.
func rereadCertificates[T any](ctx context.Context, id *pki.Identity, now <-chan T, log *slog.Logger) {
	var work sync.WaitGroup
	tell := func(err error) {
		if err != nil {
			log.Error("certificates could not be read anew: those from before stay", "why", err)
			return
		}
		log.Info("certificates were read anew", "until", id.Self().NotAfter)
	}
	work.Go(func() { id.Watch(ctx, certificateWatch, tell) })
	for {
		select {
		case <-ctx.Done():
			work.Wait()
			return
		case <-now:
			tell(id.Reload())
		}
	}
}

// listen opens the port of a coordinator.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "listen on %s: %w", address, err).WithHint("is another process there already?")
	}
	return l, nil
}
