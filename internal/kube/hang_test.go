package kube

import (
	"context"
	"testing"
	"time"
)

// A call that notices nothing of its end, for it reads a token from a file system that hangs, is not waited for.
func TestTheEndDoesNotWaitForAFile(t *testing.T) {
	var w worker
	hang := make(chan struct{})
	w.begin(func(context.Context) { <-hang })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.end(10 * time.Millisecond)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the end waits for the file")
	}
	close(hang)
	<-w.done
	<-ended
}
