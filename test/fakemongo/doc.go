// Package fakemongo is a small MongoDB lookalike inside the test process. It
// stands beside the real servers of the test suite for the two things that
// they cannot give: faults at a chosen instant, and virtual time.
//
// What it promises: the commands and operators that this project sends (find,
// insert, update, delete, findAndModify with the update pipelines of package
// mongolock) mean what they mean on MongoDB, down to the bytes of the stored
// document, because they are evaluated, not recognised. A test runs one table
// of documents and pipelines against it and against a real engine and compares
// the two. What the project does not send is not implemented, and what is not
// implemented is refused with a server error, never ignored.
//
// The replica set is a model, not an implementation: a write that the majority
// side accepts is committed at once, and [Cluster.Isolate] makes the one
// situation that matters to a lock, a primary that goes on serving some
// clients without its majority and is rolled back later.
//
// Every wait goes through package time and every connection may be a net.Pipe,
// so that a whole cluster with its clients lives in a testing/synctest bubble.
// Clients there take [Cluster.ClientOptions]; what else a bubble wants of a client is said there.
//
// Not promised: performance, durability, indexes (createIndexes is accepted
// and remembered, and no TTL index ever deletes anything), sign-in, TLS,
// transactions, change streams, collations (only the simple one is accepted), natural order.
package fakemongo
