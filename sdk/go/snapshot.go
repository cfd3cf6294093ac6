package trimtab

import (
	"sort"
	"time"

	"trimtab/wire"
)

// The contract's own records, as a snapshot holds them.
type (
	Target    = wire.Target
	Container = wire.Container
	Abilities = wire.Abilities
	Limits    = wire.Limits
	Size      = wire.Size
	Resources = wire.Resources
	InFlight  = wire.InFlight
	Instance  = wire.Instance
	Node      = wire.Node
	Alert     = wire.Alert
	Change    = wire.Change
	Value     = wire.Value
)

// Snapshot is the facts of one moment about one target: all that a policy knows. There is no other clock, no file, no network.
type Snapshot struct {
	wire  *wire.Snapshot
	needs []wire.Need
}

// NowMs is the time of this moment, in milliseconds since the Unix epoch.
func (s *Snapshot) NowMs() uint64 { return s.wire.NowMs }

// Now is the same as a [time.Time] in UTC.
func (s *Snapshot) Now() time.Time { return time.UnixMilli(int64(s.wire.NowMs)).UTC() }

// AgoMs is the point in time that lies a span back, in milliseconds since the Unix epoch.
func (s *Snapshot) AgoMs(span time.Duration) uint64 {
	return s.wire.NowMs - min(s.wire.NowMs, milliseconds(span))
}

// Target is the workload: counts, containers, abilities, bounds.
func (s *Snapshot) Target() *Target { return &s.wire.Target }

// Desired is the count last asked of the backend: the base for any new count.
func (s *Snapshot) Desired() uint32 { return s.wire.Target.Desired }

// Label is a label of the target that a need asked for.
func (s *Snapshot) Label(name string) (value string, ok bool) {
	return find(s.wire.Target.Labels, name)
}

// InFlight is the change that was begun and is not yet complete, if there is one.
func (s *Snapshot) InFlight() (change InFlight, ok bool) { return s.wire.InFlight.Get() }

// Instances are there if a need asked for them, or for a reading of them.
func (s *Snapshot) Instances() []Instance { return s.wire.Instances }

// Nodes are there if a need asked for them, or for a reading of them.
func (s *Snapshot) Nodes() []Node { return s.wire.Nodes }

// Alerts that nobody has handled yet, if a need asked for them.
func (s *Snapshot) Alerts() []Alert { return s.wire.Alerts }

// Changes of the past, the oldest first, if a need asked for them.
func (s *Snapshot) Changes() []Change { return s.wire.Changes }

// OffsetSeconds is how far a zone that a need asked for is east of UTC at a point in time; not ok if that is not known.
func (s *Snapshot) OffsetSeconds(zone string, atMs uint64) (seconds int32, ok bool) {
	for _, one := range s.wire.Transitions {
		if one.Zone != zone {
			continue
		}
		after := sort.Search(len(one.AtMs), func(i int) bool { return one.AtMs[i] > atMs })
		if after == 0 || after > len(one.OffsetsSeconds) {
			return 0, false
		}
		return one.OffsetsSeconds[after-1], true
	}
	return 0, false
}

// Reading is the reading of that name. One that no need asked for is absent for every owner.
func (s *Snapshot) Reading(name string) Reading {
	return s.reading(func(need *wire.Need) bool { return need.Name == name }, name)
}

// ReadingOf is the reading of that name and subject, where a policy asks for one name of several subjects.
func (s *Snapshot) ReadingOf(subject Subject, name string) Reading {
	return s.reading(func(need *wire.Need) bool { return need.Name == name && need.Subject == string(subject) }, name)
}

// Memory is what this policy remembered for this target last time, if its format fits; else empty.
func (s *Snapshot) Memory() []byte { return s.wire.Memory }

// Attr is a fact that has no field yet.
func (s *Snapshot) Attr(name string) (value Value, ok bool) { return find(s.wire.Attrs, name) }

// Wire is the contract's own record.
func (s *Snapshot) Wire() *wire.Snapshot { return s.wire }

func (s *Snapshot) reading(meant func(*wire.Need) bool, name string) Reading {
	for i := range s.needs {
		if need := &s.needs[i]; need.Kind == "reading" && meant(need) {
			return newReading(s, name, i)
		}
	}
	return newReading(s, name, -1)
}

func find[V any](entries []wire.Entry[string, V], name string) (value V, ok bool) {
	for _, entry := range entries {
		if entry.Key == name {
			return entry.Value, true
		}
	}
	return value, false
}
