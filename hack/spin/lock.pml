/*
 * The protocol of the lock, small enough for spin to visit every state. `make spin` searches it part by part (parts.go has the limits) and sees
 * that a property fails without each rule; `go run ./hack/spin -n` prints the commands. docs/internals/model.md tells what this is and is not.
 *
 * One document, a few gates that want it, an operator. A step of the server is one atomic change of the document. Requests arrive at any time or
 * never, answers are lost, and one request at a time that its gate has given up may still arrive. Gates crash and come back, or do not. Time is
 * counted in ticks that all clocks see; a challenger's clock may gain one on a holder's within one silence, so that its watch is ripe one tick
 * early. A workload that has to stop takes as long as it may. A property is a variable that must stay false, looked at where it could become true.
 *
 * Handover, reservation, pause and preference are designed and not built yet.
 */
/* The rules; -DWITHOUT=NAME leaves one out. */
mtype:rule = {
  WATCH,                     /* a silent holder is replaced only by who has watched its silence, */
  BEAT,                      /* counted from its last renewal, */
  COMPARE,                   /* and only while the document still shows what was watched */
  NONCE_IN_RENEWAL, NONCE_IN_RELEASE, /* both change only what their nonce holds */
  LAST_NONCE,                /* the acquisition that was finished last takes nothing */
  FROM_SENDING,              /* a lease counts from the sending of the request, not from its answer */
  UNKNOWN_IS_NO_SUCCESS,     /* a renewal without an answer renews nothing */
  REPEAT_IS_RENEWED,         /* the answer to a repeated acquire opens nothing */
  KILL_BUDGET, DRIFT,        /* both are kept back from a lease */
  EVIDENCE,                  /* released when nothing of the workload is left */
  FILE_LOCK,                 /* adopted when nothing of it is left, */
  NONCE_IN_ADOPTION,         /* by who knows the nonce, */
  REVOKED_IS_NOT_ADOPTED,    /* and not where it was revoked */
  TOKEN_KEPT,                /* a release keeps the token */
  REVOKE_NAMES_NONCE, ASK_NAMES_NONCE, /* to give up, to hand over: they reach only the holder that the operator saw */
  ASK_SURVIVES_ADOPTION,     /* who adopts a lease is asked what its holder was asked */
  ASK_HEARD_IS_KEPT,         /* the holder reserves for whom it was asked, even if the request is over when it has stopped */
  RESERVATION,               /* others wait for its time, */
  RESERVATION_LAPSES,        /* and no longer; */
  RESERVATION_COMPARED,      /* the server compares which reservation they have watched */
  STANDS_BACK,               /* the gate that it came from waits twice as long, also where the reservation names it, */
  FROM_IN_DOCUMENT,          /* and also after a restart */
  MARK_SURVIVES_ADOPTION,    /* a key that is to be paused stays so when its lease is adopted; */
  MARK_STOPS_TAKEOVER,       /* nobody takes it over when its holder falls silent; */
  MARK_DECIDES,              /* a release pauses it where the document says so then */
  PAUSE_IS_NUMBERED,         /* a pause that arrives after its resume does nothing */
  PAUSE_KEEPS_TOKEN,
  NO_ASK_WHILE_MARKED, PAUSE_WITHDRAWS_ASK, /* the holder of a key that is to be paused is not asked to hand over, nor any longer */
  PREFERENCE_WAITS_FOR_FREE  /* who is preferred is the first to take what is free, and takes nothing else */
};
#ifndef WITHOUT
#define WITHOUT 0
#endif
#define has(rule) (WITHOUT != rule)

/* Times in ticks. Grace is zero: the proof does not need it. */
#define KILL 1                /* what a workload takes to stop */
#define DEADLINE (TTL - has(DRIFT) - KILL * has(KILL_BUDGET))
#define END (DEADLINE + KILL) /* nothing of the workload is left */
#define SILENCE ((TTL - 1) * has(WATCH)) /* by a clock that has gained a tick; without the rule, some wall clock says that the lease is over */
#define RESERVED 1            /* how long a reservation stands, and twice that */
#define PATIENCE 1            /* how long a less preferred gate leaves a free key alone */
#define OLDEST (TTL - 1)      /* watches are counted up to here */

#define NOBODY 7              /* to leave for nobody: pause --stop */
#define FREED 7               /* what is watched is a free document */
mtype:doc = { FREE, HELD, PAUSED };
mtype:phase = { IDLE, TRYING, OPENING, HOLDING, STOPPING, ENDING, DEAD };
mtype:request = { ACQUIRE, RENEW, RELEASE };
mtype:answer = { NONE, SENT, YES, NO };

/* The document. Gates are counted from 1 in it. */
mtype:doc state = FREE;
unsigned nonce : 3, beat : 2, last : 3;
bool highest = true;          /* it has the highest token that was given */
unsigned ask : 3;             /* for whom its holder is asked to leave */
unsigned to : 3, from : 3;    /* a reservation: for whom (0: any other gate), and from whom */
bool marked, revoked, resumed; /* to be paused when it is released; to be given up; how many resumes it has seen */

typedef Gate {
  mtype:phase at = IDLE;
  mtype:answer call = NONE;
  unsigned sent : 2;          /* ticks since the call was sent */
  unsigned age : 3;           /* ticks since its lease or its watch began */
  unsigned own : 3, beats : 2; /* its acquisition, and how many renewals it has sent */
  unsigned seen : 3, seenBeat : 3; /* what it watches */
  unsigned file : 3;          /* the nonce in its state directory */
  unsigned heard : 3;         /* what it was asked */
  bool works, repeated, left;
};
Gate gate[GATES];
#define me gate[_pid]
unsigned used : 3, crashes : 2, deaths : 2; /* of NONCES and so on */

/* For the properties alone. */
unsigned stood : 2;           /* the age of a reservation */
bool paused;
bool two_at_once, token_went_back, released_beside_its_work, took_after_its_release, adopted_what_was_revoked, wrong_holder_revoked, wrong_holder_asked, request_forgotten,
  stopped_for_nothing, reservation_broken, old_holder_came_back, took_while_paused, pause_forgotten, paused_after_resume, stopped_by_pause, nobody_takes_it;
#define never(property, when) property = (when); assert(!property)

/* --- the server: each is one command --- */

mtype:answer reply;
unsigned request : 3;         /* what the answer to a renewal asks of the holder */

#define same(s, b) (s == nonce && (b == beat || !has(BEAT)))
#define adopts(f) (state == HELD && (f == nonce || !has(NONCE_IN_ADOPTION)) && (!revoked || !has(REVOKED_IS_NOT_ADOPTED)))
#define takes(s, b) (state == HELD && (!marked || !has(MARK_STOPS_TAKEOVER)) && (same(s, b) || (s && !has(COMPARE))))
#define named(i) (!from || !has(RESERVATION) || ((to == 0 || to == i + 1) && (from != i + 1 || !has(STANDS_BACK) || !has(FROM_IN_DOCUMENT))))
#define waited(s, b) (s == FREED && (b == last || !has(RESERVATION_COMPARED)))

inline acquire(i, n, watched, number, known) {
  reply = NO;
  if
  :: state == HELD && nonce == n -> reply = YES /* a repeat: nothing is written */
  :: last == n && has(LAST_NONCE) && (state != HELD || nonce != n)
  :: else ->
    if
    :: adopts(known) -> take(i, n, true)
    :: !adopts(known) && (takes(watched, number) || (state == FREE && (named(i) || waited(watched, number)))) -> take(i, n, false)
    :: else
    fi
  fi
}

inline take(i, n, adopted) {
  never(took_after_its_release, n == last);
  never(adopted_what_was_revoked, adopted && revoked);
  never(reservation_broken, state == FREE && from && from != i + 1 && to && to != i + 1 && stood < RESERVED);
  never(old_holder_came_back, state == FREE && from == i + 1 && stood < 2 * RESERVED);
  never(took_while_paused, paused && !adopted);
  never(token_went_back, !highest);
  request = ask;
  if :: !adopted || !has(ASK_SURVIVES_ADOPTION) -> ask = 0 :: else fi;
  never(request_forgotten, adopted && request && !ask);
  if :: !adopted || !has(MARK_SURVIVES_ADOPTION) -> marked = false :: else fi;
  state = HELD; nonce = n; beat = 0; revoked = false; to = 0; from = 0; stood = 0;
  request = 0; reply = YES
}

inline renew(n, number) {
  if
  :: state == HELD && (nonce == n || !has(NONCE_IN_RENEWAL)) && !revoked ->
    if :: number > beat -> beat = number :: else fi;
    never(stopped_by_pause, marked && ask && ask != NOBODY);
    request = ask; reply = YES
  :: else -> reply = NO
  fi
}

inline release(i, n, asked) {
  if
  :: state == HELD && (nonce == n || !has(NONCE_IN_RELEASE)) ->
    never(released_beside_its_work, gate[i].works && nonce == n);
    if :: asked && has(ASK_HEARD_IS_KEPT) -> ask = asked :: else fi;
    never(stopped_for_nothing, asked && asked != NOBODY && !ask);
    if :: (has(MARK_DECIDES) -> marked : asked == NOBODY) -> state = PAUSED :: else -> state = FREE fi;
    never(pause_forgotten, paused && state == FREE);
    never(paused_after_resume, !paused && state == PAUSED);
    if :: state == FREE && ask != NOBODY && (ask || revoked) -> to = ask; from = i + 1 :: else fi;
    last = nonce; nonce = 0; beat = 0; ask = 0; marked = false; revoked = false; highest = has(TOKEN_KEPT)
  :: else
  fi;
  reply = YES
}

/* --- a request that its gate has given up, and that is still on its way --- */

mtype:request late;           /* 0: nothing */
unsigned lateGate : 2, lateNonce : 3, lateBeat : 3, lateSeen : 3, lateFile : 3, lateAsked : 3;

inline later() {
  lateGate = _pid; lateNonce = me.own;
  if
  :: me.at == TRYING -> late = ACQUIRE; lateSeen = me.seen; lateBeat = me.seenBeat; lateFile = me.file
  :: me.at == ENDING -> late = RELEASE; lateAsked = me.heard
  :: else -> late = RENEW; lateBeat = me.beats
  fi
}

/* --- a gate --- */

inline answered() { me.call = reply; reply = NONE; request = 0 }

inline unanswered() {
  if :: me.at == HOLDING && !has(UNKNOWN_IS_NO_SUCCESS) && me.age < DEADLINE -> me.age = me.sent :: else fi;
  if :: me.at == TRYING -> me.repeated = true :: me.at == OPENING || me.at == HOLDING -> me.heard = 0 :: else fi;
  me.call = NONE; me.sent = 0
}

inline tries(watched) {
  used++; me.own = used; me.at = TRYING; me.call = SENT;
  if :: !me.file -> me.file = used :: else fi;
  if :: !watched -> me.seen = 0; me.seenBeat = 0 :: else fi;
  if :: !me.works -> me.age = 0 :: else fi
}

inline opens() {
  never(two_at_once, gate[0].works || gate[1].works || gate[GATES - 1].works);
  me.at = HOLDING; me.works = true; me.age = me.sent
}

inline rests() { /* or has just been started */
  me.at = IDLE; me.call = NONE; me.sent = 0; me.own = 0; me.beats = 0; me.seen = 0; me.seenBeat = 0; me.heard = 0; me.repeated = false;
  if :: !me.works -> me.age = 0 :: else fi
}

#define wants (me.at == IDLE && used < NONCES && (!me.works || !has(FILE_LOCK)))
#define still(i) (state == HELD -> same(gate[i].seen, gate[i].seenBeat) : gate[i].seen == FREED && gate[i].seenBeat == last)
#define leased (me.at == OPENING || me.at == HOLDING || me.at == STOPPING)
#define comes_back (has(FROM_IN_DOCUMENT) -> from == _pid + 1 : me.left)
#define fresh(answer) (me.call == answer && (me.at == HOLDING || me.at == STOPPING))

active [GATES] proctype Gates() {
  do
  :: d_step { wants && adopts(me.file) -> tries(false) }
  :: d_step { wants && state == FREE && !from && (_pid == 0 || (!PREFERENCE && used) || (still(_pid) && me.age >= PATIENCE)) -> tries(false) }
  :: d_step { wants && state == FREE && from && named(_pid) && !me.left -> tries(false) }
  :: d_step { wants && state == FREE && from && still(_pid) && me.age >= (comes_back -> 2 * RESERVED : RESERVED) && has(RESERVATION_LAPSES) -> tries(true) }
  :: d_step { wants && takes(me.seen, me.seenBeat) && (me.age >= SILENCE || (PREFERENCE && _pid == 0 && !has(PREFERENCE_WAITS_FOR_FREE))) -> tries(true) }

  /* Its request arrives, or not, or late. */
  :: d_step { me.call == SENT && me.at == TRYING -> acquire(_pid, me.own, me.seen, me.seenBeat, me.file); answered() }
  :: d_step { me.call == SENT && leased -> renew(me.own, me.beats); me.heard = (me.at == STOPPING -> me.heard : request); answered() }
  :: d_step { me.call == SENT && me.at == ENDING -> release(_pid, me.own, me.heard); answered() }
  :: d_step { me.call != NONE && LOSSES -> unanswered() }
  :: d_step { me.call == SENT && !late && LATE -> later(); unanswered() }

  :: d_step { me.at == TRYING && me.call == NONE -> me.call = SENT }
  :: d_step { me.at == TRYING && me.call == YES ->
       me.file = me.own; me.left = false; me.call = NONE; me.seen = 0; me.seenBeat = 0;
       if
       :: me.repeated && has(REPEAT_IS_RENEWED) -> me.at = OPENING
       :: me.sent >= DEADLINE -> me.at = ENDING /* a lease that is over is given back */
       :: else -> opens()
       fi;
       me.repeated = false; me.sent = 0 }
  :: d_step { me.at == OPENING && me.call == YES ->
       if :: me.heard -> me.at = ENDING :: !me.heard && me.sent < DEADLINE -> opens() :: else fi;
       me.call = NONE; me.sent = 0 }
  :: d_step { (me.at == TRYING || me.at == OPENING) && me.call == NO -> me.file = 0; rests() }
  :: d_step { (me.at == TRYING || me.at == OPENING) && me.call == NONE -> me.repeated = false; me.at = ENDING } /* gives up */

  :: d_step { leased && me.call == NONE && me.beats < BEATS && (me.at == OPENING || me.age < DEADLINE) -> me.beats++; me.call = SENT }
  :: d_step { fresh(YES) ->
       if :: me.age < DEADLINE -> me.age = (has(FROM_SENDING) -> me.sent : 0) :: else fi; /* what is lost stays lost */
       if :: me.heard -> me.at = STOPPING :: else fi;
       me.call = NONE; me.sent = 0 }
  :: d_step { fresh(NO) -> me.at = STOPPING; me.call = NONE; me.sent = 0; if :: me.age < DEADLINE -> me.age = DEADLINE :: else fi }
  :: d_step { me.at == HOLDING && me.age >= DEADLINE -> me.at = STOPPING }
  :: d_step { me.at == HOLDING && me.age < DEADLINE && me.call == NONE -> me.works = false; me.age = 0; me.at = ENDING } /* its work is done */
  :: d_step { me.at == STOPPING && me.call == NONE -> if :: has(EVIDENCE) -> me.works = false; me.age = 0 :: else fi; me.at = ENDING }
  :: d_step { me.at == ENDING && me.call == NONE -> me.call = SENT; me.left = me.heard && !has(FROM_IN_DOCUMENT) }
  :: d_step { me.at == ENDING && (me.call == YES || (me.call == NONE && LOSSES)) -> me.file = 0; rests() } /* released, or left to its silence */

  /* It is killed. Its guard ends the workload, at the lease's end at the latest. Only who comes back adopts. */
  :: d_step { crashes < CRASHES && (me.at != IDLE || me.left) && me.at != DEAD -> crashes++; me.left = false; rests() }
  :: d_step { crashes < CRASHES && me.call == SENT && !late && LATE -> crashes++; later(); me.left = false; rests() }
  :: d_step { deaths < DEATHS && me.at != DEAD -> deaths++; me.file = 0; me.left = false; rests(); me.at = DEAD }
  :: d_step { (me.at == IDLE || me.at == DEAD) && me.works -> me.works = false; me.age = 0 }
  od
}

#define looks(i) (gate[i].at == IDLE && !gate[i].works && used < NONCES && state != PAUSED)
#define waits(i) (gate[i].call != NONE && gate[i].at != ENDING && gate[i].sent < DEADLINE)
#define counts(i) (gate[i].works || waits(i) || (looks(i) && (gate[i].age < OLDEST || !still(i))))

/* Who waits looks once in a tick, as late as it can: who looks more seldom only waits longer. */
inline tick(i) {
  if
  :: gate[i].works ->
    gate[i].age++;
    if :: gate[i].age >= END -> gate[i].works = false; if :: gate[i].at != HOLDING && gate[i].at != STOPPING -> gate[i].age = 0 :: else fi :: else fi
  :: looks(i) && still(i) && gate[i].age < OLDEST -> gate[i].age++
  :: looks(i) && !still(i) ->
    gate[i].age = 1;
    if :: state == HELD -> gate[i].seen = nonce; gate[i].seenBeat = beat :: else -> gate[i].seen = FREED; gate[i].seenBeat = last fi
  :: else
  fi;
  if :: waits(i) -> gate[i].sent++ :: else fi
}

/* --- what comes late, time, and an operator, whose requests are late too --- */

unsigned asked : 2, askFor : 3, askNonce : 3, revokes : 2, revokeNonce : 3, pausing : 2; /* pausing: 1 sent, 2 arrived */
bool stop;

active proctype World() {
  byte i;
  do
  :: d_step { late ->
       if
       :: late == ACQUIRE -> acquire(lateGate, lateNonce, lateSeen, lateBeat, lateFile)
       :: late == RENEW -> renew(lateNonce, lateBeat)
       :: late == RELEASE -> release(lateGate, lateNonce, lateAsked)
       fi;
       late = 0; lateGate = 0; lateNonce = 0; lateBeat = 0; lateSeen = 0; lateFile = 0; lateAsked = 0; reply = NONE; request = 0 }

  :: d_step { counts(0) || counts(1) || counts(GATES - 1) || (from && stood < 2 * RESERVED) ->
       for (i : 0 .. GATES - 1) { tick(i) }
       i = 0;
       if :: from && stood < 2 * RESERVED -> stood++ :: else fi }

  :: atomic { asked < ASKS && !askFor && state == HELD -> asked++; askNonce = nonce; if :: askFor = 1 :: askFor = 2 :: askFor = GATES fi }
  :: d_step { askFor ->
       if
       :: state == HELD && (nonce == askNonce || !has(ASK_NAMES_NONCE)) && (!marked || !has(NO_ASK_WHILE_MARKED)) && ask != NOBODY ->
         ask = askFor; never(wrong_holder_asked, nonce != askNonce)
       :: else
       fi;
       askFor = 0; askNonce = 0 }
  :: d_step { ask && ask != NOBODY -> ask = 0 } /* its time is over */

  :: d_step { revokes < REVOKES && !revokeNonce && state == HELD -> revokes++; revokeNonce = nonce }
  :: d_step { revokeNonce ->
       if :: state == HELD && (nonce == revokeNonce || !has(REVOKE_NAMES_NONCE)) -> revoked = true; never(wrong_holder_revoked, nonce != revokeNonce) :: else fi;
       revokeNonce = 0 }

  :: atomic { !pausing && PAUSES -> pausing = 1; if :: stop = true :: skip fi }
  :: d_step { pausing == 1 ->
       pausing = 2;
       if
       :: resumed && has(PAUSE_IS_NUMBERED)
       :: else ->
         if
         :: state == FREE -> state = PAUSED; highest = has(PAUSE_KEEPS_TOKEN)
         :: state == HELD -> marked = true; if :: stop -> ask = NOBODY :: !stop && has(PAUSE_WITHDRAWS_ASK) -> ask = 0 :: else fi
         fi
       fi;
       never(paused_after_resume, resumed && (marked || state == PAUSED));
       paused = !resumed; stop = false }
  :: d_step { pausing && !resumed -> /* also one that has not arrived */
       resumed = true; paused = false; marked = false;
       if :: state == PAUSED -> state = FREE :: else fi;
       if :: ask == NOBODY -> ask = 0 :: else fi }

  :: timeout -> d_step { never(nobody_takes_it, used < NONCES) }; break /* nothing more can happen: every acquisition has been made */
  od
}
