package devdb

import (
	"fmt"
	"slices"
	"strings"
)

// Need is a set of things that a suite wants of a server. A plain server that
// reads and writes is the empty set.
type Need uint

// What a suite may need.
const (
	ChangeStreams Need = 1 << iota // change streams
	Auth                           // access control: users, roles, sign-in
	TLS                            // encrypted connections only
	FailPoints                     // configureFailPoint
	StepDown                       // replSetStepDown
	Restart                        // kill -9, and reopen with nothing acknowledged lost
	Elections                      // three members: a majority that can be lost, a new primary
)

const everything = Elections<<1 - 1

var needNames = []string{"change streams", "sign-in", "TLS", "fail points", "step-down", "restart", "elections"}

// Names lists what is in the set, in a fixed order.
func (n Need) Names() []string {
	var names []string
	for bit, name := range needNames {
		if n&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String lists what is in the set.
func (n Need) String() string { return strings.Join(n.Names(), ", ") }

// ParseNeed reads a list of names with commas between them; case does not
// matter, and a hyphen is as good as a space.
func ParseNeed(list string) (Need, error) {
	same := strings.NewReplacer("-", " ")
	var need Need
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		bit := slices.IndexFunc(needNames, func(known string) bool {
			return strings.EqualFold(same.Replace(known), same.Replace(name))
		})
		if bit < 0 {
			return 0, fmt.Errorf("%q is none of: %s", name, everything)
		}
		need |= 1 << bit
	}
	return need, nil
}

// lacks is what is needed and not in the set.
func (n Need) lacks(need Need) Need { return need &^ n }

// offers is what a kind can do when it is asked for. What an external server
// does is found out from itself (look.go).
func offers(kind Kind) Need {
	switch kind {
	case Mongod, Docker:
		return ChangeStreams | Auth | TLS | FailPoints | StepDown | Restart | Elections
	case Engine:
		return Restart
	case Secantus:
		return ChangeStreams | Auth | TLS | FailPoints | StepDown | Restart
	default:
		return 0
	}
}
