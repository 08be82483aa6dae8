package settings

import (
	"syscall"
	"testing"
)

func TestSignal(t *testing.T) {
	for text, want := range map[string]syscall.Signal{
		"SIGTERM": 15, "term": 15, "USR1": 10, "SIGUSR2": 12, "WINCH": 28, "SIGRTMIN+3": 37, "RTMAX-1": 63, "RTMAX": 64, "3": 3, " SIGINT ": 2, "SIGPOLL": 29,
	} {
		if got, err := Signal(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "SIG", "KILL", "STOP", "9", "32", "34", "RTMIN", "RTMIN-1", "RTMAX+1", "65", "0", "-1", "USR3", "RTMIN+x"} {
		if got, err := Signal(text); err == nil {
			t.Errorf("%q is %d, want an error", text, got)
		}
	}
}
