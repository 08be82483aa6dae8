package bucket

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mongogate/mongogate/pkg/problem"
)

// MaxKey is the longest key, in bytes. MongoDB would take more; a key has to
// stay readable in a log line and far below the limit of an index entry in old servers.
const MaxKey = 1000

// reserved begins the ids of documents of our own in the lock collection.
const reserved = ".mongogate"

// maxAhead is how far a scheduled minute may be ahead of the pod's clock: a
// CronJob's Job is never made before its minute, but a node's clock may be behind.
const maxAhead = 5 * time.Minute

// Manual says what becomes of a run whose Job carries no scheduled minute.
type Manual string

// The policies for Jobs made by hand.
const (
	// RefuseManual: Key fails with a *[ManualJob].
	RefuseManual Manual = "refuse"
	// RunManual: the run takes the job's unbucketed key. It is not counted
	// against any bucket and leaves no done record.
	RunManual Manual = "run"
	// SkipManual: Key fails with a *[ManualJob], as RefuseManual; the caller ends with exit code 0.
	SkipManual Manual = "skip"
)

// Input is all that a key is made from. Empty means not known.
type Input struct {
	// Template is the key as the user wants it; nil for the default,
	// <namespace>/<job>@<bucket>, or <namespace>/<name> without buckets.
	Template *Template
	Spec     Spec
	// Zone is the zone of Spec; nil for UTC.
	Zone *time.Location
	// Now is the start of the run, by the machine's clock. In a pod of a CronJob it chooses nothing.
	Now time.Time

	Namespace, Job, Name, Cluster string
	// JobName is the name of the Kubernetes Job that this pod belongs to.
	JobName string
	// NotScheduled says why that Job's name is not to be believed, where somebody knows better; empty otherwise.
	NotScheduled string
	// Index is the completion index of an Indexed Job.
	Index  string
	Manual Manual
}

// Result is a key and what it was made from.
type Result struct {
	// Key is what is locked for this run.
	Key string
	// BaseKey is the same for all buckets of the job. Without a bucket it is Key.
	BaseKey string
	// Prefix is what Key has before its bucket; empty without a bucket.
	Prefix string
	// Job is the name of the job, without its minute.
	Job string
	// Bucket, BucketTime and Period describe the bucket; zero without one.
	// Period is 0 where only the CronJob knows it.
	Bucket     string
	BucketTime time.Time
	Period     time.Duration
	// Late is how long after the bucket's begin the run starts, by the machine's
	// clock: negative within the skew of clocks. 0 where no clock chose the bucket.
	Late time.Duration
	// Manual is true for a Job made by hand that runs without a bucket.
	Manual bool
}

// Key makes the key of a run. Errors are [problem.Problem], several joined, or a *[ManualJob].
func Key(in Input) (Result, error) {
	if in.Zone == nil {
		in.Zone = time.UTC
	}
	slot, cronJob, err := slotOf(in)
	var manual *ManualJob
	if errors.As(err, &manual) && in.Manual == RunManual {
		err = nil
	} else {
		manual = nil
	}
	if err != nil {
		return Result{}, err
	}
	r := Result{Job: in.Job, Bucket: slot.ID, BucketTime: slot.Time, Period: slot.Period, Manual: manual != nil}
	if r.Bucket != "" && in.JobName == "" {
		r.Late = in.Now.Sub(slot.Time)
	}
	switch {
	case r.Job != "":
	case cronJob != "":
		r.Job = cronJob
	case in.JobName != "":
		r.Job = in.JobName
	default:
		r.Job = in.Name
	}
	if err := r.fill(in); err != nil {
		return Result{}, err
	}
	if err := Validate(r.Key); err != nil {
		return Result{}, err
	}
	return r, Validate(r.BaseKey)
}

// slotOf returns the bucket and, in a pod of a CronJob's Job, the CronJob. The
// zero Slot means no bucket.
func slotOf(in Input) (Slot, string, error) {
	if in.Spec.None() {
		cronJob, _, _ := SplitJobName(in.JobName) // empty for a Job made by hand, which keeps its own name
		return Slot{}, cronJob, nil
	}
	if in.JobName == "" {
		if in.Spec.kind == auto {
			return Slot{}, "", nil
		}
		if y := in.Now.UTC().Year(); y < 2020 || y > 2199 {
			return Slot{}, "", problem.Problem{
				Field: "bucket", Value: in.Spec.String(),
				Message: fmt.Sprintf("the machine's clock shows the year %d, and the bucket depends on it", y), Remedy: "set the clock",
			}
		}
		slot, ok := in.Spec.Of(in.Now, in.Zone)
		if !ok {
			return Slot{}, "", problem.Problem{
				Field: "bucket", Value: in.Spec.String(),
				Message: "the schedule never fires: no tick in 41 years before the start", Remedy: specRemedy,
			}
		}
		return slot, "", nil
	}
	// In a Job's pod the scheduled minute stands in for the clock, for a rule of the user's too.
	cronJob, scheduled, err := SplitJobName(in.JobName)
	if err != nil {
		return Slot{}, "", err
	}
	if in.NotScheduled != "" {
		return Slot{}, "", &ManualJob{Name: in.JobName, Reason: in.NotScheduled}
	}
	if ahead := scheduled.Sub(in.Now); ahead > maxAhead {
		return Slot{}, "", &ManualJob{Name: in.JobName, Reason: fmt.Sprintf(
			"its number would be %s, which is %v ahead of this machine's clock: no CronJob made it, or the clock is wrong", scheduled.Format(ID), ahead.Round(time.Second))}
	}
	if in.Spec.kind == auto {
		return newSlot(scheduled, 0), cronJob, nil
	}
	slot, ok := in.Spec.Scheduled(scheduled, in.Zone)
	if !ok {
		return Slot{}, "", problem.Problem{Field: "bucket", Value: in.Spec.String(), Message: "the schedule never fires: no tick before the scheduled minute", Remedy: specRemedy}
	}
	return slot, cronJob, nil
}

// fill sets the three keys.
func (r *Result) fill(in Input) error {
	t := in.Template
	if t == nil {
		t = defaultTemplate(in, r)
	}
	names := map[string]string{"Namespace": in.Namespace, "Job": r.Job, "Name": in.Name, "Index": in.Index, "Cluster": in.Cluster}
	var errs []error
	for _, f := range fields {
		if f == "Bucket" || !t.uses(f) {
			continue
		}
		if err := checkName(f, names[f], in.Template != nil); err != nil {
			errs = append(errs, err)
		}
	}
	if t.uses("Bucket") && r.Bucket == "" && !r.Manual {
		errs = append(errs, problem.Problem{Field: "bucket", Value: in.Spec.String(), Message: "the key names {{.Bucket}}, but there are no buckets", Remedy: specRemedy})
	}
	if len(errs) != 0 {
		return errors.Join(errs...)
	}
	r.Prefix = t.fill(names)
	if !t.uses("Bucket") {
		r.BaseKey = r.Prefix
		r.Prefix += "@"
	} else if r.BaseKey = strings.TrimRight(r.Prefix, "-_@.:/# "); r.BaseKey == "" {
		return problem.Problem{Field: "key", Value: t.String(), Message: "the job name is missing before {{.Bucket}}", Remedy: "write it like reports-{{.Bucket}}"}
	}
	r.Key = r.Prefix + r.Bucket
	if r.Bucket == "" {
		r.Key, r.Prefix = r.BaseKey, ""
		if _, ok := ParseID(r.Key[strings.LastIndexByte(r.Key, '@')+1:]); ok {
			return problem.Problem{Field: "key", Value: r.Key, Message: "it looks like a key with a bucket at its end", Remedy: "rename it, or give --bucket if runs are to have buckets"}
		}
	}
	return nil
}

var (
	runTemplate, _   = ParseTemplate("{{.Namespace}}/{{.Job}}")
	indexTemplate, _ = ParseTemplate("{{.Namespace}}/{{.Job}}#{{.Index}}")
	nameTemplate, _  = ParseTemplate("{{.Namespace}}/{{.Name}}")
)

func defaultTemplate(in Input, r *Result) *Template {
	switch {
	case in.Index != "":
		return indexTemplate
	case r.Bucket != "" || r.Manual || in.Job != "" || in.Name == "" && in.JobName != "":
		return runTemplate
	default:
		return nameTemplate
	}
}

// checkName refuses a name that is missing, or that could make two different jobs share a key.
func checkName(field, value string, templated bool) error {
	setting := strings.ToLower(field)
	if field == "Index" {
		setting = "completion-index"
	}
	if value == "" {
		where := "the default key needs it"
		if templated {
			where = "the key names {{." + field + "}}"
		}
		remedy := "give --" + setting
		if !templated {
			remedy += ", or a whole key with --key"
		}
		return problem.Problem{Field: setting, Message: "not set, and " + where, Remedy: remedy}
	}
	if i := strings.IndexAny(value, "/@#"); i >= 0 {
		return problem.Problem{
			Field: setting, Value: value, Message: fmt.Sprintf("contains %q, which separates the parts of a key", value[i]),
			Remedy: "leave it out, or spell the key out with --key",
		}
	}
	return nil
}

// Validate says whether a key may be locked. The error is a [problem.Problem].
func Validate(key string) error {
	wrong := func(remedy, format string, args ...any) error {
		return problem.Problem{Field: "key", Value: key, Message: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	switch {
	case key == "":
		return wrong("give at least one character", "it is empty")
	case len(key) > MaxKey:
		return wrong("shorten it", "%d bytes, more than %d", len(key), MaxKey)
	case !utf8.ValidString(key):
		return wrong("write it in UTF-8", "it is not UTF-8")
	case strings.HasPrefix(key, reserved):
		return wrong("begin it with something else", "keys that begin with %s are Mongogate's own", reserved)
	case strings.TrimSpace(key) != key:
		return wrong("take the blanks off", "it begins or ends with a blank")
	}
	for _, r := range key {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r) {
			return wrong("take the character out", "it contains the control or invisible character %U", r)
		}
	}
	return nil
}
