// Package linear asks whether the lock is linearizable: clients acquire, renew, release, mark as done, revoke and force
// the same few keys at once, each call with its answer goes into a history, and porcupine looks for an order of the
// calls that explains every answer, with each call somewhere between its beginning and its end.
//
// The lock is package mongolock over the real driver, the database the one that package devdb finds. While the calls
// are made, the database is killed, frozen, cut off, made to lose answers, and goes through elections: real ones where the database has
// three members, else those that package electproxy shows.
//
// A call that got no answer may have been carried out at any later time, or never. What came of it is read from the documents, which a
// scribe copies past all faults: the list of acquisitions that each keeps. So few calls are left whose end is unknown, and every
// history is decided.
//
// Checked: who may acquire, with which token; that nobody takes over sooner than ttl + grace after the last renewal that was acknowledged; that
// a holder who relies on its lease has the key, unless an operator forced it; what refusals, losses and reads say.
// On real members, refusals, losses and reads prove nothing by themselves (the answer may be that of a primary that is
// no longer one, and the product does not rely on it): there only what a majority acknowledged is checked.
//
// Not checked here: that anybody gets the key in the end (package sim), and that work stops in time (package trials).
package linear
