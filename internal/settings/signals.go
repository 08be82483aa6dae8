package settings

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/mongogate/mongogate/pkg/problem"
)

// Any of --stop-signal is every signal that may be meant as a request to stop.
const Any = "any"

// The numbers are Linux's on every platform that we build for: x86 and ARM.
var signalNumbers = map[string]syscall.Signal{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "USR1": 10, "SEGV": 11, "USR2": 12,
	"ALRM": 14, "TERM": 15, "STKFLT": 16, "CONT": 18, "TSTP": 20, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27, "WINCH": 28,
	"IO": 29, "POLL": 29, "PWR": 30, "SYS": 31,
}

// The C library's real-time signals: the kernel's 32 and 33 are its own.
const (
	rtMin = 34
	rtMax = 64
)

// Signal is a signal by its name, with or without SIG, as in Kubernetes, an
// image or a unit (SIGTERM, USR1, SIGRTMIN+3), or by its number.
func Signal(text string) (syscall.Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "SIG")
	number, found := signalNumbers[name]
	if n, err := strconv.Atoi(name); err == nil {
		number, found = syscall.Signal(n), n > 0 && n <= rtMax
	}
	for prefix, base := range map[string]int{"RTMIN": rtMin, "RTMAX": rtMax} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		n := 0
		if rest != "" {
			var err error
			if n, err = strconv.Atoi(rest); err != nil {
				return 0, fmt.Errorf("%q is not a signal", text)
			}
		}
		number, found = syscall.Signal(base+n), base+n >= rtMin && base+n <= rtMax
	}
	switch {
	case !found:
		return 0, fmt.Errorf("%q is not a signal", text)
	case number == 9 || number == 19:
		return 0, fmt.Errorf("%q cannot be caught", text)
	case number >= 32 && number <= rtMin:
		return 0, fmt.Errorf("%q cannot be caught by a Go program", text)
	}
	return number, nil
}

func stopSignals(text string) *problem.Problem {
	if text == Any || text == None {
		return nil
	}
	for name := range strings.SplitSeq(text, ",") {
		if _, err := Signal(name); err != nil {
			return wrong(err.Error(), "give any, none, or names such as SIGUSR1,SIGRTMIN+3")
		}
	}
	return nil
}
