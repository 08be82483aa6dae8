package fakemongo

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Call is one request of a process as it is sent, or the opening of a connection (Command "dial").
type Call struct {
	Process int
	// N counts from 0 the calls of the process that are Monitoring, and apart from them those that
	// are not. A simulation that derives its decision from its seed, Process, Monitoring and N does
	// not depend on the order in which goroutines run.
	N       uint64
	Command string // "hello", "find", "findAndModify", …
	Body    bson.D
}

// Monitoring is true for what the driver sends by itself.
func (c Call) Monitoring() bool {
	switch c.Command {
	case "dial", "hello", "isMaster", "ismaster", "endSessions":
		return true
	}
	return false
}

// Verdict says what becomes of a call. The zero value lets it through.
//
// Several faults of one verdict happen in the order of the fields.
type Verdict struct {
	// RequestDelay passes before the request arrives. It arrives even if the client has
	// given up and closed the connection meanwhile, as a packet in flight does.
	RequestDelay time.Duration
	// LoseRequest: it never arrives. The connection stays open and silent, unless Reset is set.
	// Set for every call it makes a frozen server; for a dial, one that does not answer.
	LoseRequest bool
	// Code is answered as a server error in place of executing the command, e.g. CodeNotWritablePrimary.
	Code int32
	// WriteConcernError: an effective write is answered, at once, with a write concern error
	// (and the document). On the majority side it has taken effect all the same.
	WriteConcernError bool
	// ReplyDelay passes between execution and reply.
	ReplyDelay time.Duration
	// LoseReply: executed, never answered.
	LoseReply bool
	// Reset closes the connection instead of replying. A dial is refused.
	Reset bool
}

// counter is what N counts by.
type counter struct {
	process    int
	monitoring bool
}

// decide asks the hook. The hook is called by one goroutine at a time.
func (c *Cluster) decide(process int, command string, body bson.D) Verdict {
	c.deciding.Lock()
	defer c.deciding.Unlock()
	call := Call{Process: process, Command: command, Body: body}
	by := counter{process, call.Monitoring()}
	call.N = c.calls[by]
	c.calls[by]++
	if c.options.Decide == nil {
		return Verdict{}
	}
	return c.options.Decide(call)
}
