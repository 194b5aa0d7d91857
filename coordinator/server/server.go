package server

import (
	"context"
	"errors"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	apiv1 "g2c/api/v1"
)

// Server is one coordinator's service: it puts its parts together. The handlers of calls and a
// leadership have what they need of them, and do not know it.
type Server struct {
	*replicated
	cfg       Config
	auth      *authenticator
	artifacts *artifacts
	terms     *terms
	peers     *peers
	limiter   *limiter
	refused   *refusals
	journal   *journals
	health    *health.Server
	metrics   *metrics
	host      *hosting

	inFlight *share // calls
	streams  *share
	bulk     *share // bytes of memory for messages of submissions and uploads
	spools   *spools
}

// New makes a server. Register has it answer, Run has it lead.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cleanSpool(cfg.Spool); err != nil {
		return nil, err
	}
	state := &replicated{cfg.Replica, cfg.Clock}
	s := &Server{
		replicated: state, cfg: cfg, auth: &authenticator{state, cfg.Identify, cfg.RequireTokens}, artifacts: newArtifacts(cfg.Store, cfg.Log),
		peers: &peers{dial: cfg.Dial}, limiter: newLimiter(cfg.Limits, cfg.Clock), refused: newRefusals(cfg.Clock),
		journal: newJournals(cfg.Limits.JournalBytes, cfg.Clock), health: health.NewServer(),
		inFlight: newShare("calls to answer", int64(cfg.Limits.InFlight), int64(cfg.Limits.CallerInFlight)),
		streams:  newShare("streams", int64(cfg.Limits.Streams), int64(cfg.Limits.CallerStreams)),
		bulk:     newShare("bytes of submissions and uploads in memory", cfg.Limits.BulkBytes, cfg.Limits.CallerBulkBytes),
		spools:   newSpools(cfg.Spool, cfg.Clock, cfg.Limits.Uploads, cfg.Limits.CallerUploads),
	}
	s.terms = newTerms(s.health)
	s.metrics = newMetrics(cfg.Metrics, state, s.terms)
	s.host = &hosting{
		replicated: state, id: cfg.Replica.ID(), auth: s.auth, artifacts: s.artifacts, journal: s.journal, metrics: s.metrics, log: cfg.Log,
		lease: cfg.Lease, heartbeat: cfg.Heartbeat, graceMS: cfg.Policy.GraceMS,
	}
	return s, nil
}

// Options are what a gRPC server needs to serve s: everything but credentials.
func (s *Server) Options() []grpc.ServerOption {
	return append(transportLimits(), grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream))
}

// Register has a gRPC server, made with Options, answer for s.
func (s *Server) Register(r *grpc.Server) {
	limits, records := s.cfg.Limits, &records{s.replicated, s.terms, s.cfg.Log}
	apiv1.RegisterExperimentServiceServer(r, &experiments{records: records, auth: s.auth, artifacts: s.artifacts, bulk: s.bulk})
	apiv1.RegisterTaskServiceServer(r, &tasks{records: records, auth: s.auth, journal: s.journal})
	apiv1.RegisterWorkerServiceServer(r, &workers{records: records, host: s.host})
	apiv1.RegisterDataServiceServer(r, &data{
		records: records, artifacts: s.artifacts, limits: limits, spoolRoom: s.cfg.SpoolRoom, spools: s.spools,
		uploads: newShare("uploads under way", int64(limits.Uploads), int64(limits.CallerUploads)),
		spooled: newShare("bytes of uploads on its disk", math.MaxInt64, math.MaxInt64),
	})
	apiv1.RegisterClusterServiceServer(r, &cluster{records: records, change: s.cfg.Members})
	apiv1.RegisterTokenServiceServer(r, &tokens{records: records})
	apiv1.RegisterAccessServiceServer(r, &access{records: records})
	grpc_health_v1.RegisterHealthServer(r, s.health)
	reflection.Register(r)
}

// Run leads whenever the replica does, until ctx or the replica ends.
func (s *Server) Run(ctx context.Context) error {
	for {
		during, err := s.Leadership(ctx)
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
	s.host.group.Wait()
	return errors.Join(s.spools.close(), s.peers.close())
}
