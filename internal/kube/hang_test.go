package kube

import (
	"context"
	"testing"
	"time"
)

// A call that notices nothing of its end, for it reads a token from a file system that hangs, is not waited for.
func TestTheEndDoesNotWaitForAFile(t *testing.T) {
	var o owner
	hang := make(chan struct{})
	o.begin(func(context.Context) { <-hang })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.end(10 * time.Millisecond)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the end waits for the file")
	}
	close(hang)
	<-o.done
	<-ended
}
