//go:build linux

package unread

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/mongogate/mongogate/test/kubetest"
)

// neverRead asks for a page again and again on one connection, and reads nothing of it.
func (b *Blocked) neverRead(socket, path string) error {
	c, err := new(net.Dialer).DialContext(context.Background(), "unix", socket)
	if err != nil {
		return err
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		w := bufio.NewWriter(c)
		for range 1000 {
			if _, err := fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: gate\r\n\r\n", path); err != nil {
				return
			}
			if err := w.Flush(); err != nil {
				return
			}
		}
	})
	b.close = append(b.close, func() error {
		_ = c.Close() // the gate may have ended it
		asking.Wait()
		return nil
	})
	return nil
}

// silentAPI takes every call, and answers none.
func silentAPI(b *Blocked) error {
	api, err := kubetest.Open("pod", "uid")
	if err != nil {
		return err
	}
	b.close = append(b.close, api.Close)
	api.Fault(func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	})
	b.Env = append(
		b.Env, "KUBERNETES_SERVICE_HOST="+api.Host, "KUBERNETES_SERVICE_PORT="+api.Port, "POD_NAME=pod", "POD_NAMESPACE="+kubetest.Namespace, "POD_UID=uid",
		"MONGOGATE_KUBE_EVENTS=true", "MONGOGATE_KUBE_LABEL=mongogate.test/holder",
	)
	return nil
}
