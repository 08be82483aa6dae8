package mongolock

import (
	"encoding/binary"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// holder reads who holds the key. It does without the driver's reflection, and the names share one string: together they
// were a sixth of what an acquisition allocates.
func (p *parser) holder(to *Holder) {
	v, err := p.raw.LookupErr("holder")
	if err != nil || v.Type == bson.TypeNull {
		return
	}
	doc, ok := v.DocumentOK()
	if ok && !to.readPlain(string(doc)) {
		*to = Holder{}
		ok = to.read(doc)
	}
	if !ok {
		p.damage("holder is not of its shape")
	}
}

// field is where a field of this name goes, or nil.
func (h *Holder) field(name string) *string {
	switch name {
	case "cluster":
		return &h.Cluster
	case "namespace":
		return &h.Namespace
	case "pod":
		return &h.Pod
	case "podUID":
		return &h.PodUID
	case "node":
		return &h.Node
	case "job":
		return &h.Job
	case "jobUID":
		return &h.JobUID
	}
	return nil
}

// readPlain reads a valid document of nothing but strings, as this package writes it. false: it is another one.
func (h *Holder) readPlain(doc string) bool {
	const header = 4 // the document's length; as long is a string's
	for at := header; at < len(doc)-1; {
		kind := bson.Type(doc[at])
		name, _, _ := strings.Cut(doc[at+1:], "\x00")
		at += 1 + len(name) + 1
		if kind != bson.TypeString {
			return false
		}
		n := int(binary.LittleEndian.Uint32([]byte(doc[at : at+header])))
		if to := h.field(name); to != nil && *to == "" {
			*to = doc[at+header : at+header+n-1] // without its NUL
		}
		at += header + n
	}
	return true
}

// read reads any document; those fields must be strings or null.
func (h *Holder) read(doc bson.Raw) bool {
	for _, name := range []string{"cluster", "namespace", "pod", "podUID", "node", "job", "jobUID"} {
		v, err := doc.LookupErr(name)
		if err != nil || v.Type == bson.TypeNull {
			continue
		}
		text, ok := v.StringValueOK()
		if !ok {
			return false
		}
		*h.field(name) = text
	}
	return true
}
