package main

import (
	"net/http"
	"sync/atomic"
	"time"
)

// serve answers probes, and lets itself be told what to answer.
func serve(o options, say func(string, ...any)) {
	mux := http.NewServeMux()
	yes := time.Now().Add(o.readyAfter)
	for _, path := range []string{"/healthz", "/readyz"} {
		var bad atomic.Bool
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				bad.Store(r.URL.Query().Get("ok") == "false")
				say("%s is now %v", path, !bad.Load())
				w.WriteHeader(http.StatusNoContent)
				return
			}
			if bad.Load() || time.Now().Before(yes) {
				http.Error(w, "no", http.StatusServiceUnavailable)
			}
		})
	}
	server := &http.Server{Addr: o.http, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { say("http: %v", server.ListenAndServe()) }()
}
