//go:build linux

package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/test/must"
)

// The workload's own probe is asked as the kubelet would ask it.
func TestWorkloadsOwnProbe(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch to := r.URL.Query().Get("to"); {
		case r.URL.Path == "/fine":
		case to != "":
			http.Redirect(w, r, to, http.StatusFound)
		default:
			http.Error(w, "no", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	shut := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	must.Do(t, shut.Close())
	const bad = -1
	address := server.Listener.Addr().String()
	for probe, want := range map[string]int{
		server.URL + "/fine":                          0,
		server.URL + "/fine?a=b%20c":                  0,
		server.URL + "/bad":                           agent.ExitFailed,
		server.URL + "/?to=/fine":                     0,
		server.URL + "/?to=/bad":                      agent.ExitFailed,
		server.URL + "/?to=https://login.invalid/":    0, // not followed
		server.URL + "/?to=/%3Fto%3D%252F%253Fto%3D/": agent.ExitFailed,
		"http://" + shut.Addr().String():              agent.ExitFailed,
		"http://":                                     bad,
		"tcp://" + address:                            0,
		"tcp://" + shut.Addr().String():               agent.ExitFailed,
		"tcp://127.0.0.1":                             bad,
		"tcp://" + address + "/path":                  bad,
	} {
		got := 0
		err := askMain(t.Context(), world{}, []string{probe})
		var ended *agent.Exit
		var input *settings.Error
		switch {
		case errors.As(err, &input):
			got = bad
		case errors.As(err, &ended):
			got = ended.Code
		case err != nil:
			t.Errorf("%s: %v", probe, err)
		}
		if got != want {
			t.Errorf("%s: %v, want %d", probe, err, want)
		}
	}
}
