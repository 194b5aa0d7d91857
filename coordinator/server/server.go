package server

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	apiv1 "g2c/api/v1"
	"g2c/checkpoint"
)

// Server is one coordinator's service.
type Server struct {
	cfg     Config
	repo    *checkpoint.Repo // nil without a store
	peers   *peers
	limiter *limiter
	refused *refusals
	journal *journals
	health  *health.Server
	metrics *metrics

	inFlight *share // calls
	streams  *share
	bulk     *share // bytes of memory for messages of submissions and uploads
	uploads  *share
	spooled  *share // bytes of disk that uploads under way may still take
	spools   *spools

	leadership atomic.Pointer[leadership] // nil while this coordinator does not lead
	mu         sync.Mutex
	changed    chan struct{} // closed and made anew when leadership changes

	sessions sync.WaitGroup // goroutines of sessions
}

// New makes a server. Register has it answer, Run has it lead.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cleanSpool(cfg.Spool); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, limiter: newLimiter(cfg.Limits, cfg.Clock), refused: newRefusals(cfg.Clock), journal: newJournals(cfg.Limits.JournalBytes, cfg.Clock), health: health.NewServer(),
		inFlight: newShare("calls to answer", int64(cfg.Limits.InFlight), int64(cfg.Limits.CallerInFlight)),
		streams:  newShare("streams", int64(cfg.Limits.Streams), int64(cfg.Limits.CallerStreams)),
		bulk:     newShare("bytes of submissions and uploads in memory", cfg.Limits.BulkBytes, cfg.Limits.CallerBulkBytes),
		uploads:  newShare("uploads under way", int64(cfg.Limits.Uploads), int64(cfg.Limits.CallerUploads)),
		spooled:  newShare("bytes of uploads on its disk", math.MaxInt64, math.MaxInt64),
		spools:   newSpools(cfg.Spool, cfg.Clock, cfg.Limits.Uploads, cfg.Limits.CallerUploads),
		changed:  make(chan struct{}),
	}
	s.peers = &peers{dial: cfg.Dial}
	if cfg.Store != nil {
		s.repo = checkpoint.New(cfg.Store)
	}
	s.metrics = newMetrics(s)
	s.health.SetServingStatus(apiv1.LeaderService, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	return s, nil
}

// Options are what a gRPC server needs to serve s: everything but credentials.
func (s *Server) Options() []grpc.ServerOption {
	return append(transportLimits(), grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream))
}

// Register has a gRPC server, made with Options, answer for s.
func (s *Server) Register(r *grpc.Server) {
	apiv1.RegisterExperimentServiceServer(r, &experiments{Server: s})
	apiv1.RegisterTaskServiceServer(r, &tasks{Server: s})
	apiv1.RegisterWorkerServiceServer(r, &workers{Server: s})
	apiv1.RegisterDataServiceServer(r, &data{Server: s})
	apiv1.RegisterClusterServiceServer(r, &cluster{Server: s})
	apiv1.RegisterTokenServiceServer(r, &tokens{Server: s})
	apiv1.RegisterAccessServiceServer(r, &access{Server: s})
	grpc_health_v1.RegisterHealthServer(r, s.health)
	reflection.Register(r)
}

// Run leads whenever the replica does, until ctx or the replica ends.
func (s *Server) Run(ctx context.Context) error {
	for {
		during, err := s.cfg.Replica.Leadership(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.lead(during)
	}
}

// Close ends connections to other coordinators, drops uploads that were cut off, and waits for the goroutines of
// sessions. The gRPC server has to be stopped before.
func (s *Server) Close() error {
	s.health.Shutdown()
	s.sessions.Wait()
	return errors.Join(s.spools.close(), s.peers.close())
}

// setLeadership begins a leadership, or ends it with nil.
func (s *Server) setLeadership(r *leadership) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leadership.Store(r)
	close(s.changed)
	s.changed = make(chan struct{})
	serving := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if r != nil {
		serving = grpc_health_v1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(apiv1.LeaderService, serving)
}

// leading is the leadership, if there is one, and a channel that is closed when that
// changes.
func (s *Server) leading() (*leadership, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leadership.Load(), s.changed
}
