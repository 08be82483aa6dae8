package fakemongo

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// reply is the answer to a command. changed says that a write took effect, so
// that its acknowledgement waits for the majority.
type reply struct {
	doc     bson.D
	changed bool
}

// execution is one command running on one copy of the data.
type execution struct {
	data    *copyOf
	process int
	name    string
	db      string
	body    bson.D
	now     time.Time
	changed bool
}

type command struct {
	run    func(*execution) (bson.D, error)
	fields []string // what it knows besides its own name and genericFields
	writes bool
}

// genericFields are those that any command may have and that change nothing here.
var genericFields = []string{"$db", "$readPreference", "$clusterTime", "lsid", "txnNumber", "maxTimeMS", "readConcern", "writeConcern"}

var commands = map[string]command{
	"buildInfo":     {run: buildInfo},
	"endSessions":   {run: func(*execution) (bson.D, error) { return nil, nil }},
	"find":          {run: find, fields: []string{"filter", "projection", "sort", "limit", "singleBatch", "collation", "tailable"}},
	"insert":        {run: insert, writes: true, fields: []string{"documents", "ordered"}},
	"update":        {run: update, writes: true, fields: []string{"updates", "ordered"}},
	"delete":        {run: deleteDocuments, writes: true, fields: []string{"deletes", "ordered"}},
	"findAndModify": {run: findAndModify, writes: true, fields: []string{"query", "update", "new", "fields", "upsert", "collation"}},
	"createIndexes": {run: createIndexes, writes: true, fields: []string{"indexes"}},
	"listIndexes":   {run: listIndexes, fields: []string{"cursor"}},
	"dropDatabase":  {run: dropDatabase, writes: true},
}

// execute runs the command on a copy of the data; errors come back as the reply that reports them.
func execute(data *copyOf, process int, body bson.D, replicaSet bool) reply {
	x := &execution{data: data, process: process, name: body[0].Key, body: body, now: data.now()}
	doc, err := x.run(replicaSet)
	if err != nil {
		return reply{errorReply(err), x.changed}
	}
	return reply{append(doc, bson.E{Key: "ok", Value: 1.0}), x.changed}
}

func errorReply(err error) bson.D {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: 8, Name: "UnknownError", Message: err.Error()}
	}
	return bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: e.Message}, {Key: "code", Value: e.Code}, {Key: "codeName", Value: e.Name}}
}

func (x *execution) run(replicaSet bool) (bson.D, error) {
	cmd, ok := commands[x.name]
	if !ok {
		return nil, fail(59, "no such command: '%s'", x.name)
	}
	if err := knows(x.body[1:], slices.Concat(genericFields, cmd.fields)...); err != nil {
		return nil, err
	}
	x.db, _ = lookup(x.body, "$db").(string)
	number := lookup(x.body, "txnNumber")
	if number == any(missing) {
		return cmd.run(x)
	}
	if !replicaSet {
		return nil, fail(20, "Transaction numbers are only allowed on a replica set member or mongos")
	}
	// A driver's repeat gets the answer of the first; it waits for the majority as the first did.
	once := fmt.Sprint(lookup(x.body, "lsid"), number)
	if r, ok := x.data.retried[once]; ok {
		x.changed = r.changed
		return slices.Clone(r.doc), nil
	}
	doc, err := cmd.run(x)
	if err == nil {
		x.data.retried[once] = reply{slices.Clone(doc), x.changed}
	}
	return doc, err
}

// knows refuses every field but these, and every collation but the one that compares bytes.
func knows(d bson.D, fields ...string) error {
	for _, e := range d {
		if !slices.Contains(fields, e.Key) {
			return fail(40415, "BSON field '%s' is an unknown field (or one that fakemongo does not implement).", e.Key)
		}
	}
	c, err := document(d, "collation")
	if err == nil && len(c) > 0 && (len(c) != 1 || lookup(c, "locale") != any("simple")) {
		err = unsupported("the collation %v", c)
	}
	return err
}

// namespace is the collection that the command names as its own argument.
func (x *execution) namespace() (string, error) {
	name, ok := x.body[0].Value.(string)
	if !ok || name == "" {
		return "", fail(73, "collection name has invalid type %T", x.body[0].Value)
	}
	return x.db + "." + name, nil
}

// document reads a field that is a document; missing is an empty one.
func document(d bson.D, field string) (bson.D, error) {
	switch v := lookup(d, field).(type) {
	case missingType:
		return bson.D{}, nil
	case bson.D:
		return v, nil
	default:
		return nil, fail(14, "BSON field '%s' is the wrong type '%T', expected type 'object'", field, v)
	}
}

func number(d bson.D, field string) int {
	n, _ := integral(lookup(d, field))
	return int(n)
}

// put stores a document, or deletes it for nil, and logs it.
func (x *execution) put(namespace, key string, id any, before, after bson.Raw) {
	coll := x.data.collection(namespace)
	place := coll.documents[key].place
	if before == nil {
		x.data.inserted++
		place = x.data.inserted
	}
	if after == nil {
		delete(coll.documents, key)
	} else {
		coll.documents[key] = stored{place, after}
	}
	x.changed = true
	x.data.log = append(x.data.log, Entry{
		At: time.Now(), Wall: x.now, Process: x.process, Command: x.name, Namespace: namespace, ID: id, Before: before, After: after,
	})
}
