package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The protections: what stops a workload when its gate loses the lock.
const (
	Run      = "run"
	Follow   = "follow"
	Kill     = "kill"
	Restart  = "restart"
	Exit     = "exit"
	Sentinel = "sentinel"
)

// Protection is one way to stop a workload on loss. What log, doctor, help and documents say of it is from here.
type Protection struct {
	Name string
	// Does says what is done, Open what that does not cover.
	Does, Open string
	// Needs says what has to be there; empty where that is nothing but the gate.
	Needs string
	// Also is true where it can be added to another one with --also.
	Also bool
	// Pods is true where the charts and the components offer it.
	Pods bool
}

// Protections are all there are, the strongest first. [Run] is that of the command run; the others are a sidecar's.
var Protections = []Protection{
	{
		Name: Run, Pods: true,
		Does: "the command runs only while the lock is held",
		Open: "what it hands to other daemons, and a machine that is frozen as a whole",
	},
	{
		Name: Follow, Pods: true, Needs: "mongogate run --follow in the workload's container, with the same state directory",
		Does: "mongogate run --follow stops the workload in time, even if this gate is frozen or dead",
		Open: "what run --follow did not start",
	},
	{
		Name: Kill, Also: true, Pods: true, Needs: "a shared process namespace",
		Does: "every process of the shared process namespace that is not spared is killed, at each scan",
		Open: "what a restarted container does before the next scan",
	},
	{
		Name: Restart, Also: true, Pods: true, Needs: "a restart rule of the container, mongogate epoch as the first init container, and a kill budget of 7s",
		Does: "the kubelet is asked to restart all containers, by exit code 88",
		Open: "a kubelet that ignores the rule",
	},
	{
		Name: Exit, Also: true, // under which nothing of a pod restarts with the gate
		Does: "the gate exits with code 88",
		Open: "anything that does not restart with it",
	},
	{
		Name: Sentinel, Pods: true,
		Does: "the workload has to obey a file",
		Open: "a workload that does not",
	},
}

// protectionsOf are the names of those that a filter keeps.
func protectionsOf(keep func(Protection) bool) []string {
	var names []string
	for _, p := range Protections {
		if keep(p) {
			names = append(names, p.Name)
		}
	}
	return names
}

// sidecarProtections are the values of --protection, alsoProtections those of --also.
var (
	sidecarProtections = protectionsOf(func(p Protection) bool { return p.Name != Run })
	alsoProtections    = protectionsOf(func(p Protection) bool { return p.Also })
)

// protectionUsage is the help of --protection.
func protectionUsage() string {
	parts := []string{}
	for _, p := range Protections {
		if p.Name == Run {
			continue
		}
		part := p.Name + " (" + p.Does
		if p.Needs != "" {
			part += "; needs " + p.Needs
		}
		parts = append(parts, part+")")
	}
	return "what stops the workload when the lock is lost: " + strings.Join(parts, ", ") + "; the sentinel file is written in any case"
}

// Protects says whether a protection is in force: by --protection, by --also, or because the command is run.
func (s *Settings) Protects(name string) bool {
	if s.Command == "run" { // which has no --protection, but its default
		return name == Run
	}
	return s.Protection == name || slices.Contains(s.Also, name)
}

// InForce are the protections of a run or a sidecar, in the order in which they are described.
func (s *Settings) InForce() []Protection {
	return slices.DeleteFunc(slices.Clone(Protections), func(p Protection) bool { return !s.Protects(p.Name) })
}

// Followed is true where the workload runs under mongogate run --follow.
func (s *Settings) Followed() bool { return s.Protection == Follow }

// restartBudget is what a restart of all containers takes: the kubelet was
// measured to need two to five seconds from the gate's exit to the last SIGKILL.
const restartBudget = 7 * time.Second

// longestScan bounds what a process that is started after the loss runs without the lock.
const longestScan = time.Second

func (l *loader) checkProtection(s *Settings) {
	switch {
	case s.Followed() && len(s.Also) > 0:
		l.problem("also", "not used beside a follower, which stops its workload by itself", "leave it out, or set --protection to kill, restart, exit or sentinel")
	case slices.Contains(s.Also, s.Protection):
		l.problem("also", s.Protection+" is the protection already", "leave it out")
	case s.Protects(Restart) && s.Protects(Exit):
		l.problem("also", "restart and exit are both given", "leave exit out: restart ends the gate as well")
	}
	if s.Protects(Kill) && s.ScanInterval > longestScan {
		l.problem("scan-interval", fmt.Sprintf("a process that starts after the loss could run unlocked for this long (at most %v)", longestScan), "leave it out, or give 1s or less")
	}
	if s.Followed() && len(s.Spare) > 0 {
		l.problem("spare", "not used beside a follower: the report of the follower is the evidence", "leave it out")
	}
	if s.Command == "sidecar" && !s.Followed() && s.IdleRelease > 0 {
		l.problem("idle-release", "there is no follower that could be idle", "leave it out, or set --protection follow")
	}
	if !s.Protects(Restart) {
		return
	}
	if budget := cmp.Or(s.KillBudget, s.TTL/6); budget > 0 && budget < restartBudget {
		field := "protection"
		if s.Protection != Restart {
			field = "also"
		}
		l.problem(field, fmt.Sprintf("restart with a kill budget of %v: the kubelet takes up to 5s to restart the containers", budget),
			fmt.Sprintf("give --kill-budget at least %v, or --ttl at least %v", restartBudget, 6*restartBudget))
	}
}
