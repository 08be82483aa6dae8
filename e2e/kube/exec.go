//go:build linux

package kube

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// Exec runs a command in a container, and returns what it wrote to both of its outputs.
func (p *Pod) Exec(container string, command ...string) (string, error) {
	request := p.s.Typed.CoreV1().RESTClient().Post().Resource("pods").Namespace(p.Namespace).Name(p.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewSPDYExecutor(p.s.Config, "POST", request.URL())
	if err != nil {
		return "", fmt.Errorf("exec in %s/%s: %w", p.Name, container, err)
	}
	ctx, cancel := context.WithTimeout(p.s.t.Context(), time.Minute)
	defer cancel()
	// Each is written to by a goroutine of its own: in one buffer the end of one would cut the other off.
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	out := stdout.String() + stderr.String()
	if err != nil {
		return out, fmt.Errorf("exec %s in %s/%s: %w: %s", strings.Join(command, " "), p.Name, container, err, out)
	}
	return out, nil
}

// Logs are those of a container, of its run before the last if previous.
func (p *Pod) Logs(container string, previous bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return p.logs(ctx, container, previous)
}

func (p *Pod) logs(ctx context.Context, container string, previous bool) (string, error) {
	b, err := p.s.Typed.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: container, Previous: previous}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("logs of %s/%s: %w", p.Name, container, err)
	}
	return string(b), nil
}

// WaitLog waits until a container has written text to its log.
func (p *Pod) WaitLog(container, text string, within time.Duration) {
	p.s.t.Helper()
	p.s.Eventually(fmt.Sprintf("log of %s/%s with %q", p.Name, container, text), within, func(ctx context.Context) (bool, string) {
		log, err := p.logs(ctx, container, false)
		if err != nil {
			return false, err.Error()
		}
		return strings.Contains(log, text), tail(log, 3)
	})
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
