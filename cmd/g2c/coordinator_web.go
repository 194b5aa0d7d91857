package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"g2c/api/client"
	"g2c/coordinator/server"
)

// web is a coordinator's page for those who watch over it.
type web struct {
	listener net.Listener
	server   *http.Server
}

// listenWeb opens it. It has nothing secret and changes nothing; profiles, which cost
// time and show memory, are on loopback alone.
func listenWeb(address string, registry *prometheus.Registry, s *server.Server) (*web, error) {
	l, err := listen(address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", says(s.Healthy))
	mux.HandleFunc("GET /readyz", says(s.Ready))
	if client.Loopback(l.Addr().String()) {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	}
	return &web{l, &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}}, nil
}

// says answers with why something is not so, or that it is.
func says(so func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := so(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n"))
	}
}

// serve answers until the context ends.
func (w *web) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { w.server.Close() })
	defer stop()
	if err := w.server.Serve(w.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
