package kube

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

// What client-go has to say of files that it cannot read, and of warnings of the server, goes to nobody: it would be
// in a format of its own.
func TestClientGoIsSilent(t *testing.T) {
	said := must.Get(os.Create(filepath.Join(t.TempDir(), "stderr")))(t)
	was := os.Stderr
	os.Stderr = said
	defer func() { os.Stderr = was }()
	bubble.Test(t, func(t *testing.T) {
		w := wired(t, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Add("Warning", `299 - "this is deprecated"`)
			_, _ = rw.Write([]byte("{}"))
		})
		for _, file := range []string{"token", "ca.crt"} {
			w.remove(t, file)
		}
		for range 3 {
			time.Sleep(5 * time.Minute)
			must.Do(t, w.get(t))
		}
	})
	if b := must.Get(os.ReadFile(said.Name()))(t); len(b) > 0 {
		t.Errorf("%s", b)
	}
}
