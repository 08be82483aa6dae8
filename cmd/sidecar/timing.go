//go:build linux

package main

import (
	"errors"
	"strings"

	"github.com/mongogate/mongogate/internal/config"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// timing is the lease's arithmetic, with every default filled in.
func timing(s *config.Settings) mongolock.Timing {
	return mongolock.Timing{
		TTL: s.TTL, Heartbeat: s.Heartbeat, Operation: s.OperationTimeout,
		KillBudget: s.KillBudget, Grace: s.Grace, AllowShort: s.AllowShortTTL,
	}.WithDefaults()
}

// budget is what is kept back for stopping the workload.
func budget(s *config.Settings) gate.Budget {
	kill := timing(s).KillBudget
	b := gate.Budget{Kill: kill, KillAfter: s.KillAfter}
	if b.KillAfter == 0 {
		b.KillAfter = kill * 3 / 4
	}
	return b
}

func checkTiming(s *config.Settings) error {
	return errors.Join(timing(s).Validate(), budget(s).Validate())
}

// checkURI leaves out of each error what the name of the setting says already.
func checkURI(uri string) error {
	var errs []error
	all := mongolock.CheckURI(uri)
	if all == nil {
		return nil
	}
	for line := range strings.SplitSeq(all.Error(), "\n") {
		errs = append(errs, errors.New(strings.TrimPrefix(line, mongolock.ErrConfig.Error()+": MongoDB URI: ")))
	}
	return errors.Join(errs...)
}
