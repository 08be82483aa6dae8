package mongolock

import (
	"fmt"
	"slices"
	"strings"
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
	// stateUnreadable is only shown: of bytes that are no BSON.
	stateUnreadable = "unreadable"
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
	id        string // the whole _id; Key is cut where it is no key of ours
	v         int64
	nonce     string
	lastNonce string
	revoked   string
	beat      int64
	hasBeat   bool
	mark      int64
	hasMark   bool
	twin      bool // two processes have the nonce
	ttl       time.Duration
	grace     time.Duration
	problems  []string
	// damaged: a field has a type or a value that nobody of ours writes, so that nothing may be concluded from it, nor be written.
	damaged bool
	// endless: held, and without what is needed to take it over from a silent holder.
	endless bool
	// foreign: there is no state, as in what the Python library writes.
	foreign bool
}

// silence is how long the holder must be seen to stand still before it may be
// replaced, by the holder's own numbers; zero where the document does not say.
func (d *document) silence() time.Duration {
	if !d.hasBeat || d.ttl <= 0 || d.grace < 0 || d.Token >= maxToken {
		return 0
	}
	return d.ttl + d.grace
}

// ours tells a document that one of ours holds. It does not ask for locked: who
// wrote false there by hand has freed nothing, the holder learns of it at its next renewal.
func (d *document) ours() bool { return !d.damaged && d.nonce != "" && d.State == stateHeld }

// python tells a document as the Python library writes it: locked, without a nonce and a state.
func (d *document) python() bool { return !d.damaged && d.Locked && d.foreign && d.nonce == "" }

// unusable tells a document whose key this version never acquires, whoever holds it.
func (d *document) unusable() bool { return d.damaged || d.endless || d.v != Format }

// shown is what people see of the document.
func (d *document) shown() Info {
	i := d.Info
	if d.unusable() {
		i.Unusable = strings.Join(d.problems, "; ")
	}
	return i
}

// free tells a document that anybody may take.
func (d *document) free() bool {
	return !d.damaged && d.v == Format && !d.Locked && d.State == stateFree
}

// decode understands as much as it can of a stored document and lists what is wrong with it. It never fails.
func decode(raw bson.Raw) *document {
	d := &document{v: Format}
	if err := raw.Validate(); err != nil {
		// The driver's accessors panic on such bytes.
		d.State, d.problems, d.damaged = stateUnreadable, []string{fmt.Sprintf("it is no BSON: %v", err)}, true
		return d
	}
	p := parser{raw: raw, doc: d}
	p.types()
	if id, ok := raw.Lookup("_id").StringValueOK(); ok {
		d.id, d.Key = id, shorten(id, maxKey)
	} else {
		p.damage("_id is %s, want string", aType(raw.Lookup("_id").Type))
	}
	d.Locked = p.boolean("locked")
	d.Owner = p.text("owner")
	d.Created, d.Expire, d.Touched, d.PurgeAt = p.date("created"), p.date("expire"), p.date("touched"), p.date("purgeAt")
	var ok bool
	if d.v, ok = p.integer("v"); !ok {
		if d.v = Format; p.has("v") {
			d.v = -1 // of a later format, or damaged: not ours to touch
		}
	}
	if d.v != Format && d.v >= 0 {
		d.problems = append(d.problems, fmt.Sprintf("v is %d, this version knows %d", d.v, Format))
	}
	d.nonce, d.lastNonce, d.revoked = p.str("nonce"), p.str("lastNonce"), p.str("revoked")
	d.Revoked = d.revoked != "" && d.revoked == d.nonce
	d.beat, d.hasBeat = p.integer("beat")
	d.mark, d.hasMark = p.integer("mark")
	d.twin = p.boolean("twin")
	p.holder(&d.Holder)
	d.Holder.bound()
	d.ttl, d.grace = p.millis("ttlMs"), p.millis("graceMs")
	d.TTL, d.Grace = max(d.ttl, 0), max(d.grace, 0)
	if d.Token, _ = p.integer("token"); d.Token < 0 || d.Token > maxToken {
		p.damage("token is %d, want 0 to 2^62 - 1", d.Token)
		d.Token = 0
	}
	if raw.Lookup("done").Type == bson.TypeEmbeddedDocument {
		d.Done = &Done{}
		p.into("done", d.Done)
		d.Done.bound()
	}
	d.History = p.history()
	p.state()
	return d
}

// state reads the state and holds it against the fields that belong to it.
func (p *parser) state() {
	d := p.doc
	d.State = p.str("state")
	d.foreign = !p.has("state")
	switch d.State {
	case "", stateFree:
		if d.State != "" && d.Locked {
			p.damage("locked is true although state is free")
		}
		if d.foreign && d.nonce != "" {
			p.damage("there is a nonce without a state")
		}
		if d.State == "" && !d.foreign {
			p.damage(`state is "", want held, free or done`)
		}
	case stateHeld:
		if d.nonce == "" {
			p.damage("state is held without a nonce")
		} else if !d.Locked && !d.damaged {
			d.problems = append(d.problems, "locked is false although state is held: its holder keeps the key until it gives it back, or falls silent")
		}
		if d.nonce != "" && d.silence() == 0 {
			d.endless = true
			d.problems = append(d.problems, "held with a nonce, but beat, ttlMs or graceMs is missing or no integer: nobody may ever take it over")
		}
	case stateDone:
	default:
		p.damage("state is %.20q, want held, free or done", d.State)
		d.State = shorten(d.State, 20)
	}
	if d.Token >= maxToken && d.State != stateHeld {
		p.damage("token is %d: there is no larger one below 2^62", d.Token)
	}
	if !p.there("locked") && p.thereAny("owner", "created", "expire", "state", "nonce", "token") {
		p.damage("locked is missing")
	}
	if d.State == "" {
		d.State = stateFree
		if d.Locked || d.nonce != "" {
			d.State = stateHeld
		}
	}
}

// parser reads single fields and remembers what is wrong with them.
type parser struct {
	raw bson.Raw
	doc *document
}

func (p *parser) damage(format string, args ...any) {
	p.doc.damaged = true
	p.doc.problems = append(p.doc.problems, fmt.Sprintf(format, args...))
}

// types holds every field against the types that it may have.
func (p *parser) types() {
	for _, f := range fieldTypes {
		v, err := p.raw.LookupErr(f.name)
		if err != nil || f.allows(v.Type) {
			continue
		}
		p.damage("%s is %s, want %s", f.name, aType(v.Type), f.types[0])
	}
	if v, err := p.raw.LookupErr("nonce"); err == nil && v.Type == bson.TypeString && v.StringValue() == "" {
		p.damage("nonce is empty")
	}
}

// value is a field of one of the types that it may have.
func (p *parser) value(name string, want ...bson.Type) (bson.RawValue, bool) {
	v, err := p.raw.LookupErr(name)
	return v, err == nil && slices.Contains(want, v.Type)
}

// has is true for a field that is there and not null, of whatever type.
func (p *parser) has(name string) bool {
	v, err := p.raw.LookupErr(name)
	return err == nil && v.Type != bson.TypeNull
}

// there is true for a field that is there, null or not.
func (p *parser) there(name string) bool {
	_, err := p.raw.LookupErr(name)
	return err == nil
}

func (p *parser) thereAny(names ...string) bool {
	return slices.ContainsFunc(names, p.there)
}

func (p *parser) str(name string) string {
	if v, ok := p.value(name, bson.TypeString); ok {
		return v.StringValue()
	}
	return ""
}

// text is a string for people: others may have written any length.
func (p *parser) text(name string) string {
	s := p.str(name)
	if len(s) > maxText {
		p.doc.problems = append(p.doc.problems, fmt.Sprintf("%s has %d bytes, of which %d are shown", name, len(s), maxText))
	}
	return shorten(s, maxText)
}

func (p *parser) boolean(name string) bool {
	v, ok := p.value(name, bson.TypeBoolean)
	return ok && v.Boolean()
}

func (p *parser) date(name string) time.Time {
	if v, ok := p.value(name, bson.TypeDateTime); ok {
		return v.Time().UTC()
	}
	return time.Time{}
}

func (p *parser) integer(name string) (int64, bool) {
	v, ok := p.value(name, bson.TypeInt64, bson.TypeInt32)
	if !ok {
		return 0, false
	}
	return v.AsInt64(), true
}

// millis is a time in milliseconds, negative where there is none that can be computed with.
func (p *parser) millis(name string) time.Duration {
	ms, ok := p.integer(name)
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
	v, ok := p.value(name, bson.TypeEmbeddedDocument)
	if !ok {
		return
	}
	if err := v.Unmarshal(to); err != nil {
		p.damage("%s is not of its shape", name)
	}
}

// history reads the last acquisitions, and leaves out what is none.
func (p *parser) history() []HandOver {
	v, ok := p.value("history", bson.TypeArray)
	if !ok {
		if p.has("history") {
			p.doc.problems = append(p.doc.problems, "history is not of its shape")
		}
		return nil
	}
	entries, err := v.Array().Values()
	if err != nil {
		p.doc.problems = append(p.doc.problems, "history is not of its shape")
		return nil
	}
	var out []HandOver
	bad := len(entries) > maxHistory
	for _, e := range entries[max(0, len(entries)-maxHistory):] {
		var h HandOver
		if e.Type != bson.TypeEmbeddedDocument || e.Unmarshal(&h) != nil {
			bad = true
			continue
		}
		h.bound()
		out = append(out, h)
	}
	if bad {
		p.doc.problems = append(p.doc.problems, "history is not of its shape")
	}
	return out
}
