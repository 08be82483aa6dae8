package main

import "fmt"

// limits are what may happen in a search. They keep it finite.
type limits struct {
	gates, nonces, beats  int // nonces: acquisitions in all; beats: renewals of each
	ttl                   int // in ticks
	losses, late          int // 1: calls without an answer; requests that arrive after they were given up
	crashes, deaths       int // gates that are killed and come back; and that do not
	revokes, asks, pauses int // what an operator does
	preference            int // 1: gate 0 is preferred
}

// flags are the limits as definitions for the model.
func (l limits) flags() []string {
	return []string{
		fmt.Sprintf("-DGATES=%d", l.gates), fmt.Sprintf("-DNONCES=%d", l.nonces), fmt.Sprintf("-DBEATS=%d", l.beats), fmt.Sprintf("-DTTL=%d", l.ttl),
		fmt.Sprintf("-DLOSSES=%d", l.losses), fmt.Sprintf("-DLATE=%d", l.late), fmt.Sprintf("-DCRASHES=%d", l.crashes), fmt.Sprintf("-DDEATHS=%d", l.deaths),
		fmt.Sprintf("-DREVOKES=%d", l.revokes), fmt.Sprintf("-DASKS=%d", l.asks), fmt.Sprintf("-DPAUSES=%d", l.pauses), fmt.Sprintf("-DPREFERENCE=%d", l.preference),
	}
}

// A part is one complete search with all rules, and the rules that are left out of it in turn.
type part struct {
	name, what string
	limits
	// ends: no run of it goes on forever, which is searched for too. Where a call may have no answer, a network that loses every call goes on forever.
	ends  bool
	rules []rule
}

// A rule is one of those in lock.pml, and the property that fails without it.
type rule struct{ name, breaks string }

// parts are what is searched.
var parts = []part{
	{
		name: "faults", what: "two gates, three acquisitions; calls that are lost or late, a crash",
		limits: limits{gates: 2, nonces: 3, beats: 1, ttl: 3, losses: 1, late: 1, crashes: 1},
		rules: []rule{
			{"WATCH", "two_at_once"},
			{"BEAT", "two_at_once"},
			{"COMPARE", "two_at_once"},
			{"NONCE_IN_RENEWAL", "two_at_once"},
			{"NONCE_IN_RELEASE", "two_at_once"},
			{"LAST_NONCE", "took_after_its_release"},
			{"REPEAT_IS_RENEWED", "two_at_once"},
			{"KILL_BUDGET", "two_at_once"},
			{"DRIFT", "two_at_once"},
			{"EVIDENCE", "released_beside_its_work"},
			{"FILE_LOCK", "released_beside_its_work"},
			{"NONCE_IN_ADOPTION", "two_at_once"},
			{"TOKEN_KEPT", "token_went_back"},
		},
	},
	{
		name: "challengers", what: "three gates, three acquisitions; calls that are lost",
		limits: limits{gates: 3, nonces: 3, beats: 1, ttl: 3, losses: 1},
	},
	{
		name: "times", what: "two gates, three acquisitions, a longer lease, two renewals; calls that are lost or late",
		limits: limits{gates: 2, nonces: 3, beats: 2, ttl: 4, losses: 1, late: 1},
		rules: []rule{
			{"FROM_SENDING", "two_at_once"},
			{"UNKNOWN_IS_NO_SUCCESS", "two_at_once"},
		},
	},
	{
		name: "revoke", what: "two gates, two acquisitions; a holder that has to give up; calls that are lost or late, a crash",
		limits: limits{gates: 2, nonces: 2, beats: 1, ttl: 3, losses: 1, late: 1, crashes: 1, revokes: 1},
		rules: []rule{
			{"REVOKED_IS_NOT_ADOPTED", "adopted_what_was_revoked"},
			{"REVOKE_NAMES_NONCE", "wrong_holder_revoked"},
		},
	},
	{
		name: "handover", what: "two gates, three acquisitions, two requests to hand over; a crash", ends: true,
		limits: limits{gates: 2, nonces: 3, beats: 1, ttl: 3, crashes: 1, asks: 2},
		rules: []rule{
			{"ASK_NAMES_NONCE", "wrong_holder_asked"},
			{"ASK_SURVIVES_ADOPTION", "request_forgotten"},
			{"ASK_HEARD_IS_KEPT", "stopped_for_nothing"},
			{"RESERVATION_COMPARED", "reservation_broken"},
			{"STANDS_BACK", "old_holder_came_back"},
			{"FROM_IN_DOCUMENT", "old_holder_came_back"},
		},
	},
	{
		name: "handover, faults", what: "two gates, two acquisitions, a request to hand over; calls that are lost or late, a crash",
		limits: limits{gates: 2, nonces: 2, beats: 1, ttl: 3, losses: 1, late: 1, crashes: 1, asks: 1},
	},
	{
		name: "standbys", what: "three gates, one preferred, two acquisitions, a request to hand over; a gate that dies", ends: true,
		limits: limits{gates: 3, nonces: 2, beats: 1, ttl: 3, deaths: 1, asks: 1, preference: 1},
		rules: []rule{
			{"RESERVATION", "old_holder_came_back"},
			{"RESERVATION_LAPSES", "nobody_takes_it"},
			{"PREFERENCE_WAITS_FOR_FREE", "two_at_once"},
		},
	},
	{
		name: "pause", what: "two gates, two acquisitions, a pause and its resume, a request to hand over; a crash and a gate that dies", ends: true,
		limits: limits{gates: 2, nonces: 2, beats: 1, ttl: 3, crashes: 1, deaths: 1, asks: 1, pauses: 1},
		rules: []rule{
			{"MARK_SURVIVES_ADOPTION", "pause_forgotten"},
			{"MARK_STOPS_TAKEOVER", "took_while_paused"},
			{"MARK_DECIDES", "pause_forgotten"},
			{"PAUSE_IS_NUMBERED", "paused_after_resume"},
			{"PAUSE_KEEPS_TOKEN", "token_went_back"},
			{"NO_ASK_WHILE_MARKED", "stopped_by_pause"},
			{"PAUSE_WITHDRAWS_ASK", "stopped_by_pause"},
		},
	},
	{
		name: "pause, faults", what: "two gates, two acquisitions, a pause and its resume, a request to hand over; calls that are lost, a crash",
		limits: limits{gates: 2, nonces: 2, beats: 1, ttl: 3, losses: 1, crashes: 1, asks: 1, pauses: 1},
	},
}
