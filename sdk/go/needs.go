package trimtab

import (
	"time"

	"trimtab/wire"
)

// Needs is the facts that a policy wants in its snapshots. What no need asks for does not cross.
type Needs struct {
	list []wire.Need
}

// Need is the one that was added last, to say more of it.
type Need struct {
	needs *Needs
	index int
}

// Reading asks for a reading by its name in the binding: its latest sample, unless LookBack asks for more.
func (n *Needs) Reading(name string, of Subject) *Need {
	return n.add(wire.Need{Kind: "reading", Name: name, Subject: string(of)})
}

// Label asks for a label of the target.
func (n *Needs) Label(name string) *Need { return n.add(wire.Need{Kind: "label", Name: name}) }

// Instances asks for the instances. A reading of instances brings them, too.
func (n *Needs) Instances() *Need { return n.add(wire.Need{Kind: "instances"}) }

// Nodes asks for the nodes. A reading of nodes brings them, too.
func (n *Needs) Nodes() *Need { return n.add(wire.Need{Kind: "nodes"}) }

// Alerts asks for those that nobody has handled yet.
func (n *Needs) Alerts() *Need { return n.add(wire.Need{Kind: "alerts"}) }

// Changes asks for past changes, as far back as LookBack says.
func (n *Needs) Changes() *Need { return n.add(wire.Need{Kind: "changes"}) }

// Transitions asks for the offsets of an IANA time zone, as far ahead, and as far back, as LookBack says.
func (n *Needs) Transitions(zone string) *Need {
	return n.add(wire.Need{Kind: "transitions", Name: zone})
}

// Unit is what the samples are expected in.
func (n *Need) Unit(unit string) *Need {
	n.wire().Unit = unit
	return n
}

// LookBack is how far back (for transitions: ahead, too) it reaches.
func (n *Need) LookBack(span time.Duration) *Need {
	n.wire().LookBackMs = milliseconds(span)
	return n
}

// Step is the wanted distance of samples.
func (n *Need) Step(span time.Duration) *Need {
	n.wire().StepMs = milliseconds(span)
	return n
}

// Required refuses the binding if nothing provides it.
func (n *Need) Required() *Need {
	n.wire().Required = true
	return n
}

func (n *Need) wire() *wire.Need { return &n.needs.list[n.index] }

func (n *Needs) add(need wire.Need) *Need {
	n.list = append(n.list, need)
	return &Need{n, len(n.list) - 1}
}
