package fakemongo

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/wire"
)

// handle takes one request through its verdict: it travels, is executed, waits
// for its acknowledgement, and its reply travels back.
func (conn *connection) handle(m *message, v Verdict) {
	c := conn.cluster
	if !c.sleep(v.RequestDelay) {
		return
	}
	if v.LoseRequest {
		if v.Reset {
			conn.close()
		}
		return
	}
	r, old, arrived := c.arrive(conn.process, m, v)
	if !arrived {
		return
	}
	if r.changed && awaitsMajority(m.command) {
		switch {
		case v.WriteConcernError:
			r.doc = withWriteConcernError(r.doc, CodeWriteConcernTimeout, "waiting for replication timed out")
		case old != nil:
			code, acknowledged := conn.awaitMajority(old, m.command)
			switch {
			case acknowledged:
			case code == 0:
				return
			default:
				r.doc = withWriteConcernError(r.doc, code, "operation exceeded time limit")
			}
		}
	}
	if !c.sleep(v.ReplyDelay) || v.LoseReply && !v.Reset {
		return
	}
	c.mu.Lock()
	cut := c.cut[conn.process]
	c.mu.Unlock()
	switch {
	case v.Reset:
		conn.close()
	case cut || m.OneWay():
	default:
		if b, err := m.answer(r.doc); err != nil {
			conn.close()
		} else {
			conn.write(b)
		}
	}
}

// arrive executes the request on the member that serves the process now; false if it reaches none.
func (c *Cluster) arrive(process int, m *message, v Verdict) (r reply, old *isolation, arrived bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, old := c.primaryOf(process)
	if c.cut[process] || data == nil {
		return reply{}, nil, false
	}
	if v.Code != 0 {
		return reply{doc: errorReply(fail(v.Code, "by verdict"))}, old, true
	}
	switch m.command[0].Key {
	case "hello", "isMaster", "ismaster":
		return reply{doc: c.hello(data)}, old, true
	}
	if old != nil && readConcern(m.command) == "majority" && !commands[m.command[0].Key].writes {
		data = old.frozen
	}
	if level := readConcern(m.command); level == "linearizable" || level == "snapshot" {
		return reply{doc: errorReply(unsupported("read concern %s", level))}, old, true
	}
	return execute(data, process, m.command, c.options.ReplicaSet != ""), old, true
}

// awaitMajority waits for what does not come unless the primary rejoins. The
// code is that of the write concern error to answer with; 0: no answer at all.
func (conn *connection) awaitMajority(old *isolation, command bson.D) (code int32, acknowledged bool) {
	limit, code := patience(command)
	var patienceEnds <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		patienceEnds = t.C
	}
	select {
	case <-patienceEnds:
		return code, false
	case <-old.ended:
		return 0, old.survived
	case <-conn.ctx.Done():
		return 0, false
	}
}

// patience is how long the server waits for the write concern, and what it says then.
func patience(command bson.D) (time.Duration, int32) {
	limit, code := time.Duration(0), int32(0)
	if ms, ok := integral(lookup(command, "maxTimeMS")); ok && ms > 0 {
		limit, code = time.Duration(ms)*time.Millisecond, CodeMaxTimeMSExpired
	}
	wc, _ := lookup(command, "writeConcern").(bson.D)
	if ms, ok := integral(lookup(wc, "wtimeout")); ok && ms > 0 && (limit == 0 || time.Duration(ms)*time.Millisecond < limit) {
		limit, code = time.Duration(ms)*time.Millisecond, CodeWriteConcernTimeout
	}
	return limit, code
}

// awaitsMajority is true for write concern majority, more than one member, and none given, as since MongoDB 5.0.
func awaitsMajority(command bson.D) bool {
	wc, _ := lookup(command, "writeConcern").(bson.D)
	w := lookup(wc, "w")
	n, isNumber := integral(w)
	return !isNumber || n > 1
}

func readConcern(command bson.D) string {
	rc, _ := lookup(command, "readConcern").(bson.D)
	level, _ := lookup(rc, "level").(string)
	return level
}

func withWriteConcernError(doc bson.D, code int32, message string) bson.D {
	return append(doc, bson.E{Key: "writeConcernError", Value: bson.D{
		{Key: "code", Value: code}, {Key: "codeName", Value: codeNames[code]}, {Key: "errmsg", Value: message},
	}})
}

// hello is what a primary, or a standalone server, says of itself. It never has
// a topologyVersion, so that drivers poll instead of streaming.
func (c *Cluster) hello(data *copyOf) bson.D {
	out := bson.D{
		{Key: "helloOk", Value: true},
		{Key: "ismaster", Value: true},
		{Key: "isWritablePrimary", Value: true},
		{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
		{Key: "maxMessageSizeBytes", Value: int32(wire.Largest)},
		{Key: "maxWriteBatchSize", Value: int32(100000)},
		{Key: "localTime", Value: bson.NewDateTimeFromTime(data.now())},
		{Key: "minWireVersion", Value: int32(0)},
		{Key: "maxWireVersion", Value: int32(21)},
		{Key: "readOnly", Value: false},
	}
	if name := c.options.ReplicaSet; name != "" {
		member := "fakemongo:27017"
		out = append(out, bson.D{
			{Key: "setName", Value: name},
			{Key: "setVersion", Value: int32(1)},
			{Key: "secondary", Value: false},
			{Key: "hosts", Value: bson.A{member}},
			{Key: "primary", Value: member},
			{Key: "me", Value: member},
			{Key: "electionId", Value: bson.ObjectID{11: byte(data.term)}},
			{Key: "logicalSessionTimeoutMinutes", Value: int32(30)},
		}...)
	}
	return append(out, bson.E{Key: "ok", Value: 1.0})
}
