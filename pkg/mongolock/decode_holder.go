package mongolock

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// holder reads who holds the key. It does without the driver's reflection, which took a sixth of what an acquisition allocates.
func (p *parser) holder(to *Holder) {
	v, err := p.raw.LookupErr("holder")
	if err != nil || v.Type == bson.TypeNull {
		return
	}
	doc, ok := v.DocumentOK()
	for _, f := range []struct {
		name string
		to   *string
	}{
		{"cluster", &to.Cluster}, {"namespace", &to.Namespace}, {"pod", &to.Pod}, {"podUID", &to.PodUID},
		{"node", &to.Node}, {"job", &to.Job}, {"jobUID", &to.JobUID},
	} {
		if !ok {
			break
		}
		field, err := doc.LookupErr(f.name)
		if err != nil || field.Type == bson.TypeNull {
			continue
		}
		*f.to, ok = field.StringValueOK()
	}
	if !ok {
		p.damage("holder is not of its shape")
	}
}
