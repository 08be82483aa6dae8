package mongolock

import (
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Format is the version of the lock document that this package writes. A
// document of a later version is left alone.
const Format = 1

// maxHistory is how many acquisitions a document remembers.
const maxHistory = 10

// The states of a document.
const (
	stateHeld = "held"
	stateFree = "free"
	stateDone = "done"
)

// Holder is who holds a key, for people and for the rules of runs. Only
// JobUID decides anything (see [SkipIfHeld]).
type Holder struct {
	Cluster   string `bson:"cluster,omitempty"   json:"cluster,omitempty"`
	Namespace string `bson:"namespace,omitempty" json:"namespace,omitempty"`
	Pod       string `bson:"pod,omitempty"       json:"pod,omitempty"`
	PodUID    string `bson:"podUID,omitempty"    json:"podUID,omitempty"`
	Node      string `bson:"node,omitempty"      json:"node,omitempty"`
	Job       string `bson:"job,omitempty"       json:"job,omitempty"`
	JobUID    string `bson:"jobUID,omitempty"    json:"jobUID,omitempty"`
}

// Done is how the run of a key ended.
type Done struct {
	At      time.Time `bson:"at"      json:"at"`
	By      string    `bson:"by"      json:"by"`
	JobUID  string    `bson:"jobUID"  json:"jobUID,omitempty"`
	Outcome string    `bson:"outcome" json:"outcome"` // succeeded or failed
}

// HandOver is one acquisition of a key.
type HandOver struct {
	At    time.Time `bson:"at"    json:"at"`
	Owner string    `bson:"owner" json:"owner"`
	Token int64     `bson:"token" json:"token"`
	// How is free, taken-over (from a silent holder), adopted, expired (a Python holder) or again (a failed run).
	How string `bson:"how"   json:"how"`
	// Cluster and Pod are of the one who acquired.
	Cluster string `bson:"cluster,omitempty" json:"cluster,omitempty"`
	Pod     string `bson:"pod,omitempty"     json:"pod,omitempty"`
}

// document is what is stored, as far as it could be understood. Every field
// but _id may be missing: the Python library replaces whole documents.
type document struct {
	Info
	v         int64
	nonce     string
	lastNonce string
	revoked   string
	beat      int64
	hasBeat   bool
	ttl       time.Duration
	grace     time.Duration
	problems  []string
}

// silence is how long the holder must be seen to stand still before it may be
// replaced, by the holder's own numbers; zero where the document does not say.
func (d *document) silence() time.Duration {
	if !d.hasBeat || d.ttl <= 0 || d.grace < 0 {
		return 0
	}
	return d.ttl + d.grace
}

func (d *document) ours() bool { return d.nonce != "" && d.State == stateHeld && d.Locked }

// python tells a document as the Python library writes it: locked, without a nonce.
func (d *document) python() bool { return d.Locked && d.nonce == "" && d.State != stateDone }

// decode understands as much as it can of a stored document and lists what is wrong with it. It never fails.
func decode(raw bson.Raw) *document {
	d := &document{v: Format}
	if err := raw.Validate(); err != nil {
		// The driver's accessors panic on such bytes.
		d.State, d.problems = "unreadable", []string{fmt.Sprintf("it is no BSON: %v", err)}
		return d
	}
	p := parser{raw: raw, doc: d}
	d.Key = p.str("_id")
	d.Locked = p.boolean("locked")
	d.Owner = p.str("owner")
	d.Created = p.date("created")
	d.Expire = p.date("expire")
	var ok bool
	if d.v, ok = p.integer("v", Format); !ok && p.has("v") {
		d.v = -1 // of a later format, or damaged: not ours to touch
	}
	if d.v != Format && d.v >= 0 {
		d.problems = append(d.problems, fmt.Sprintf("v is %d, this version knows %d", d.v, Format))
	}
	d.nonce, d.lastNonce, d.revoked = p.str("nonce"), p.str("lastNonce"), p.str("revoked")
	d.Revoked = d.revoked != "" && d.revoked == d.nonce
	d.beat, d.hasBeat = p.integer("beat", 0)
	p.holder(&d.Holder)
	d.ttl, d.grace = p.millis("ttlMs"), p.millis("graceMs")
	d.TTL, d.Grace = max(d.ttl, 0), max(d.grace, 0)
	switch d.State = p.str("state"); d.State {
	case "", stateHeld, stateFree, stateDone:
	default:
		d.problems = append(d.problems, fmt.Sprintf("state is %.20q, want held, free or done", d.State))
	}
	d.Token, _ = p.integer("token", 0)
	d.Touched = p.date("touched")
	if v := raw.Lookup("done"); v.Type == bson.TypeEmbeddedDocument {
		d.Done = &Done{}
		p.into("done", d.Done)
	} else if p.has("done") {
		d.problems = append(d.problems, "done is not of its shape")
	}
	p.into("history", &d.History)
	d.PurgeAt = p.date("purgeAt")
	if d.nonce != "" && d.State == stateHeld && d.silence() == 0 {
		d.problems = append(d.problems, "held with a nonce, but beat, ttlMs or graceMs is missing or no integer: nobody may ever take it over")
	}
	if d.State == "" {
		d.State = stateFree
		if d.Locked {
			d.State = stateHeld
		}
	}
	return d
}

// parser reads single fields and remembers those of a wrong type. Null counts as missing, as in the Python library.
type parser struct {
	raw bson.Raw
	doc *document
}

func (p *parser) field(name string, want ...bson.Type) (bson.RawValue, bool) {
	v, err := p.raw.LookupErr(name)
	if err != nil || v.Type == bson.TypeNull {
		return v, false
	}
	for _, t := range want {
		if v.Type == t {
			return v, true
		}
	}
	p.doc.problems = append(p.doc.problems, fmt.Sprintf("%s is a %s, want %s", name, v.Type, want[0]))
	return v, false
}

// has is true for a field that is there and not null, of whatever type.
func (p *parser) has(name string) bool {
	v, err := p.raw.LookupErr(name)
	return err == nil && v.Type != bson.TypeNull
}

func (p *parser) str(name string) string {
	if v, ok := p.field(name, bson.TypeString); ok {
		return v.StringValue()
	}
	return ""
}

func (p *parser) boolean(name string) bool {
	v, ok := p.field(name, bson.TypeBoolean)
	return ok && v.Boolean()
}

func (p *parser) date(name string) time.Time {
	if v, ok := p.field(name, bson.TypeDateTime); ok {
		return v.Time().UTC()
	}
	return time.Time{}
}

func (p *parser) integer(name string, missing int64) (int64, bool) {
	v, ok := p.field(name, bson.TypeInt64, bson.TypeInt32)
	if !ok {
		return missing, false
	}
	return v.AsInt64(), true
}

// millis is a time in milliseconds, negative where there is none that can be computed with.
func (p *parser) millis(name string) time.Duration {
	ms, ok := p.integer(name, -1)
	if ok && (ms < 0 || ms > maxSpan.Milliseconds()) {
		p.doc.problems = append(p.doc.problems, fmt.Sprintf("%s is %d", name, ms))
		ok = false
	}
	if !ok {
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}

func (p *parser) into(name string, to any) {
	v, err := p.raw.LookupErr(name)
	if err != nil || v.Type == bson.TypeNull {
		return
	}
	if err := v.Unmarshal(to); err != nil {
		p.doc.problems = append(p.doc.problems, fmt.Sprintf("%s is not of its shape", name))
	}
}
