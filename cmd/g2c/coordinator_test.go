package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/internal/fault"
)

// Flags that do not fit each other are refused, with what to do.
func TestCoordinatorFlags(t *testing.T) {
	good := coordinatorFlags{id: "c1", listen: "127.0.0.1:0", single: true}
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(*coordinatorFlags){
		"no id":                       func(f *coordinatorFlags) { f.id = "" },
		"no port":                     func(f *coordinatorFlags) { f.listen = "" },
		"alone and with others":       func(f *coordinatorFlags) { f.join = "h:1" },
		"no peers":                    func(f *coordinatorFlags) { f.single, f.bootstrap, f.dataDir = false, true, "d" },
		"peers of nobody":             func(f *coordinatorFlags) { f.peers = "c1@h:1" },
		"others and no folder":        func(f *coordinatorFlags) { f.single, f.join = false, "h:1" },
		"plain text to the world":     func(f *coordinatorFlags) { f.listen = "0.0.0.0:7001" },
		"plain text between replicas": func(f *coordinatorFlags) { f.dataDir = "d" },
		"a route to nowhere":          func(f *coordinatorFlags) { f.route = []string{"h:1=x"} },
	} {
		f := good
		spoil(&f)
		if err := f.validate(); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The page for watchers has metrics, health and, on loopback, profiles.
func TestWeb(t *testing.T) {
	m := replica.NewMemory("c1", time.Now)
	cfg := server.DefaultConfig()
	cfg.Replica, cfg.Identify, cfg.Log = m, identify(nil), slog.New(slog.DiscardHandler)
	registry := prometheus.NewRegistry()
	cfg.Metrics = registry
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w, err := listenWeb("127.0.0.1:0", registry, s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.serve(ctx) }()
	get := func(path string) (int, string) {
		t.Helper()
		r, err := http.Get("http://" + w.listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, _ := get(path); code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
	}
	if _, text := get("/metrics"); !strings.Contains(text, `g2c_tasks{state="pending"} 0`) {
		t.Errorf("metrics:\n%s", text)
	}
	if code, _ := get("/debug/pprof/"); code != http.StatusOK {
		t.Errorf("profiles %d", code)
	}
	m.Depose()
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, text := get(path); code != http.StatusServiceUnavailable || !strings.Contains(text, "leader") {
			t.Errorf("%s without a leader: %d %s", path, code, text)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}
