package kube

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

// The kubelet replaces the token when a fifth of its time is left, which is two minutes at least.
func TestTheTokenIsReadAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		accepted := map[string]bool{"Bearer one": true}
		w := wired(t, func(rw http.ResponseWriter, r *http.Request) {
			if !accepted[r.Header.Get("Authorization")] {
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = rw.Write([]byte("{}"))
		})
		must.Do(t, w.get(t))
		w.write(t, "token", "two\n")
		accepted["Bearer two"] = true
		time.Sleep(time.Minute)
		must.Do(t, w.get(t))
		delete(accepted, "Bearer one")
		if err := w.get(t); err != nil {
			t.Errorf("a minute after the token was replaced, the old one is sent: %v", err)
		}
		w.write(t, "token", "three")
		time.Sleep(time.Minute)
		if err := w.get(t); codeOf(err) != http.StatusUnauthorized || remedy(err, "") == "" {
			t.Errorf("with a token that is not accepted: %v", err)
		}
		// A file that is away for a moment costs no call.
		accepted["Bearer three"] = true
		w.remove(t, "token")
		time.Sleep(time.Minute)
		if err := w.get(t); err != nil {
			t.Errorf("without the token's file: %v", err)
		}
	})
}

func TestTheAuthoritiesAreReadAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := wired(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("{}")) })
		first := w.cert
		second := w.reissue(t)
		untrusted := func(what string) {
			t.Helper()
			w.client.Close() // a connection that was trusted stays so
			if err := w.get(t); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("%s: %v", what, err)
			}
		}
		untrusted("a server of another authority")
		w.write(t, "ca.crt", "no certificate")
		time.Sleep(5 * time.Minute)
		untrusted("authorities that are none")
		w.remove(t, "ca.crt")
		time.Sleep(5 * time.Minute)
		untrusted("no authorities")
		w.write(t, "ca.crt", second)
		time.Sleep(5 * time.Minute)
		if err := w.get(t); err != nil {
			t.Errorf("five minutes after the authorities were replaced: %v", err)
		}
		w.mu.Lock()
		w.cert = first
		w.mu.Unlock()
		untrusted("a server of the authority before")
	})
}
