package trimtab

import "trimtab/wire"

// Proposal is one thing that a policy asks for, with its reason. A [Draft] makes it.
type Proposal struct {
	wire wire.Proposal
}

// Draft is a proposal that lacks its reason: one without cannot be made.
type Draft struct {
	wire wire.Proposal
}

// Scale asks for exactly so many replicas.
func Scale(count uint32) *Draft {
	return &Draft{wire.Proposal{Kind: KindScale, Count: wire.Some(count)}}
}

// AtLeast asks for at least so many replicas, whatever other policies of the binding ask.
func AtLeast(count uint32) *Draft {
	return &Draft{wire.Proposal{Kind: KindScale, AtLeast: wire.Some(count)}}
}

// AtMost asks for at most so many replicas, whatever other policies of the binding ask.
func AtMost(count uint32) *Draft {
	return &Draft{wire.Proposal{Kind: KindScale, AtMost: wire.Some(count)}}
}

// Resize asks for new requests and limits: say which by Container or SizeClass.
func Resize() *Draft { return Act(KindResize) }

// Hold votes for the present state.
func Hold() *Draft { return Act(KindHold) }

// Act asks for anything, concerning these instances, the preferred first: restart, replace, remove, start, redeploy, and what
// this version does not know.
func Act(kind string, instances ...string) *Draft {
	return &Draft{wire.Proposal{Kind: kind, Instances: instances}}
}

// AndAtLeast adds: never fewer, whatever other policies ask.
func (d *Draft) AndAtLeast(count uint32) *Draft {
	d.wire.AtLeast = wire.Some(count)
	return d
}

// AndAtMost adds: never more, whatever other policies ask.
func (d *Draft) AndAtMost(count uint32) *Draft {
	d.wire.AtMost = wire.Some(count)
	return d
}

// Instances are those concerned, the preferred first; for `scale`, which to remove first.
func (d *Draft) Instances(ids ...string) *Draft {
	d.wire.Instances = append(d.wire.Instances, ids...)
	return d
}

// Container sets requests and limits of one container; an empty name means the only one, a figure that is not given stays.
func (d *Draft) Container(name string, requests, limits Resources) *Draft {
	d.wire.Resources = append(d.wire.Resources, wire.ContainerResources{Container: name, Requests: requests, Limits: limits})
	return d
}

// SizeClass is a size out of the backend's list.
func (d *Draft) SizeClass(class string) *Draft {
	d.wire.SizeClass = class
	return d
}

// Placement is nodes or zones to prefer, the preferred first.
func (d *Draft) Placement(places ...string) *Draft {
	d.wire.Placement = append(d.wire.Placement, places...)
	return d
}

// Group joins proposals of the same number, other than 0: they are done all or not at all.
func (d *Draft) Group(number uint32) *Draft {
	d.wire.Group = number
	return d
}

// Attr is a named value for whoever reads the record.
func (d *Draft) Attr(name string, value Value) *Draft {
	d.wire.Attrs = append(d.wire.Attrs, wire.Entry[string, Value]{Key: name, Value: value})
	return d
}

// Because gives the one sentence for a person, with the numbers that led to the proposal.
func (d *Draft) Because(reason string) Proposal {
	d.wire.Reason = reason
	return Proposal{d.wire}
}

// Some is a value that is there: `Resources{CPUMillis: trimtab.Some(uint64(500))}` leaves the memory as it is.
func Some[T any](value T) Option[T] { return wire.Some(value) }

// Answer is what a policy came to. An empty one abstains: other policies of the binding decide.
type Answer struct {
	proposals []wire.Proposal
	memory    Option[[]byte]
	notes     []string
	attrs     wire.Attrs
}

// Propose is an answer of these proposals.
func Propose(proposals ...Proposal) Answer {
	list := make([]wire.Proposal, len(proposals))
	for i := range proposals {
		list[i] = proposals[i].wire
	}
	return Answer{proposals: list}
}

// Note adds sentences for whoever reads the record.
func (a Answer) Note(texts ...string) Answer {
	a.notes = append(a.notes, texts...)
	return a
}

// Attr adds a named value for whoever reads the record.
func (a Answer) Attr(name string, value Value) Answer {
	a.attrs = append(a.attrs, wire.Entry[string, Value]{Key: name, Value: value})
	return a
}

// Remember keeps bytes for the next evaluation, at most as many as About says. Without it, what is remembered stays.
func (a Answer) Remember(bytes []byte) Answer {
	a.memory = wire.Some(bytes)
	return a
}

// dealtWithBytesMax is the longest text that the host takes as an attribute.
const dealtWithBytesMax = 2048

// DealsWith names the alerts, by id, that this answer deals with, and no other. Without it, an answer that proposes anything deals
// with all that it was shown. Ids beyond 2 KiB stay open.
func (a Answer) DealsWith(alerts ...string) Answer {
	ids := ""
	for _, id := range alerts {
		if len(ids)+1+len(id) > dealtWithBytesMax {
			continue
		}
		if ids != "" {
			ids += " "
		}
		ids += id
	}
	return a.Attr("alerts-dealt-with", wire.ValueText(ids))
}

// Refusal declines to answer. Not a crash, and never a wish to lower.
type Refusal struct {
	// Kind is why, in a word.
	Kind string
	// Text is why, in a sentence with the names and numbers concerned.
	Text string
}

// Kinds of refusal that are published.
const (
	KindReadingMissing = "reading-missing"
	KindParameterWrong = "parameter-wrong"
	KindNotApplicable  = "not-applicable"
)

// Error is the kind and the text.
func (r *Refusal) Error() string { return r.Kind + ": " + r.Text }

// ReadingMissing refuses because a reading that the answer depends on is absent or stale.
func ReadingMissing(text string) error { return &Refusal{KindReadingMissing, text} }

// ParameterWrong refuses because the parameters contradict each other or the target.
func ParameterWrong(text string) error { return &Refusal{KindParameterWrong, text} }

// NotApplicable refuses because the policy has nothing to say about such a target.
func NotApplicable(text string) error { return &Refusal{KindNotApplicable, text} }
