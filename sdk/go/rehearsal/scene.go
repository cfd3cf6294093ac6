package rehearsal

import (
	"fmt"
	"math"
	"sort"
	"time"

	"trimtab"
	"trimtab/wire"
)

// NoonMs is the time of a new scene: 2026-11-22, 12:00 UTC, in milliseconds since the Unix epoch.
const NoonMs uint64 = 1_795_348_800_000

// Scene is the facts of one moment. What is not given is absent, not zero; a policy sees of it what its needs ask for.
type Scene struct {
	snapshot wire.Snapshot
	labels   []wire.Entry[string, string]
	given    []given
	step     time.Duration
}

// given is one series.
type given struct {
	name   string
	of     trimtab.Subject
	owner  string
	stale  bool
	values []float64
	text   string
}

// Replicas is a scene of so many replicas, all ready: instances `i-0`, `i-1` …; at noon, with bounds of 0 to 1000 replicas and a
// backend that can do everything.
func Replicas(count int) *Scene {
	s := &Scene{step: 15 * time.Second}
	s.snapshot.NowMs = NoonMs
	s.snapshot.Target = wire.Target{
		ID: "rehearsal/web", Backend: "rehearsal", Kind: "process-group",
		Desired: uint32(count), Total: uint32(count), Ready: uint32(count),
		Abilities: wire.Abilities{Victims: 2, Resize: 1, Kinds: []string{
			"scale", "resize", "restart", "replace", "remove", "start", "redeploy",
		}},
		Limits: wire.Limits{ReplicasMax: 1000},
	}
	for i := range count {
		id := fmt.Sprintf("i-%d", i)
		s.snapshot.Instances = append(s.snapshot.Instances, wire.Instance{
			ID: id, Name: id, Phase: trimtab.PhaseReady, StartedMs: wire.Some(NoonMs - 3_600_000),
		})
	}
	return s
}

// Later is so long after [NoonMs].
func (s *Scene) Later(span time.Duration) *Scene {
	s.snapshot.NowMs = NoonMs + uint64(span.Milliseconds())
	return s
}

// Label is a label of the target.
func (s *Scene) Label(name, value string) *Scene {
	s.labels = append(s.labels, wire.Entry[string, string]{Key: name, Value: value})
	return s
}

// With changes anything else: instances, nodes, alerts, past changes, the change in flight, bounds, transitions of time zones.
func (s *Scene) With(change func(*wire.Snapshot)) *Scene {
	change(&s.snapshot)
	return s
}

// Step is the distance of samples; 15 seconds at first. The last of them is taken now.
func (s *Scene) Step(step time.Duration) *Scene {
	s.step = step
	return s
}

// Reading is a fresh reading of the target, the oldest sample first.
func (s *Scene) Reading(name string, values ...float64) *Scene {
	return s.give(given{name: name, of: trimtab.OfTarget, values: values})
}

// Stale is a reading of the target that is too old to act on.
func (s *Scene) Stale(name string, values ...float64) *Scene {
	return s.give(given{name: name, of: trimtab.OfTarget, values: values, stale: true})
}

// Text is a fresh reading of the target whose samples are texts.
func (s *Scene) Text(name, text string) *Scene {
	return s.give(given{name: name, of: trimtab.OfTarget, text: text})
}

// OfInstance is a fresh reading of one instance.
func (s *Scene) OfInstance(id, name string, values ...float64) *Scene {
	return s.give(given{name: name, of: trimtab.OfInstance, owner: id, values: values})
}

// StaleOfInstance is a reading of one instance that is too old to act on.
func (s *Scene) StaleOfInstance(id, name string, values ...float64) *Scene {
	return s.give(given{name: name, of: trimtab.OfInstance, owner: id, values: values, stale: true})
}

// OfNode is a fresh reading of one node, which With has put into the scene.
func (s *Scene) OfNode(id, name string, values ...float64) *Scene {
	return s.give(given{name: name, of: trimtab.OfNode, owner: id, values: values})
}

// OfNamed is a fresh reading of a container, pool, balancer or queue.
func (s *Scene) OfNamed(subject trimtab.Subject, owner, name string, values ...float64) *Scene {
	return s.give(given{name: name, of: subject, owner: owner, values: values})
}

func (s *Scene) give(one given) *Scene {
	s.given = append(s.given, one)
	return s
}

const noIndex uint32 = math.MaxUint32

// project is what a policy with these needs sees of it, by the host's rules: only what is asked for, readings as columns.
func (s *Scene) project(needs []wire.Need) *wire.Snapshot {
	seen := s.snapshot
	seen.Readings = s.columns(needs)
	asks := func(is func(wire.Need) bool) bool {
		for _, need := range needs {
			if is(need) {
				return true
			}
		}
		return false
	}
	of := func(kind string, subject trimtab.Subject) bool {
		return asks(func(need wire.Need) bool {
			return need.Kind == kind || need.Kind == "reading" && need.Subject == string(subject)
		})
	}
	for _, label := range s.labels {
		if asks(func(need wire.Need) bool { return need.Kind == "label" && need.Name == label.Key }) {
			seen.Target.Labels = append(seen.Target.Labels, label)
		}
	}
	if !of("instances", trimtab.OfInstance) {
		seen.Instances = nil
	}
	if !of("nodes", trimtab.OfNode) {
		seen.Nodes = nil
	}
	if !of("alerts", "no subject") {
		seen.Alerts = nil
	}
	seen.Changes = nil
	for _, change := range s.snapshot.Changes {
		if asks(func(need wire.Need) bool {
			return need.Kind == "changes" && change.AtMs+need.LookBackMs >= seen.NowMs
		}) {
			seen.Changes = append(seen.Changes, change)
		}
	}
	seen.Transitions = nil
	for _, zone := range s.snapshot.Transitions {
		if asks(func(need wire.Need) bool { return need.Kind == "transitions" && need.Name == zone.Zone }) {
			seen.Transitions = append(seen.Transitions, zone)
		}
	}
	return &seen
}

func (s *Scene) columns(needs []wire.Need) wire.Readings {
	c := wire.Readings{}
	for i, need := range needs {
		if need.Kind != "reading" {
			continue
		}
		switch subject := trimtab.Subject(need.Subject); subject {
		case trimtab.OfTarget:
			s.row(&c, i, need, noIndex, "")
		case trimtab.OfInstance:
			for owner, one := range s.snapshot.Instances {
				s.row(&c, i, need, uint32(owner), one.ID)
			}
		case trimtab.OfNode:
			for owner, one := range s.snapshot.Nodes {
				s.row(&c, i, need, uint32(owner), one.ID)
			}
		default:
			for _, name := range s.owners(need) {
				c.OwnerNames = append(c.OwnerNames, wire.Entry[uint32, string]{Key: uint32(len(c.Needs)), Value: name})
				s.row(&c, i, need, noIndex, name)
			}
		}
	}
	return c
}

// owners are the names that the scene gives this reading of.
func (s *Scene) owners(need wire.Need) []string {
	var names []string
	for _, one := range s.given {
		if one.name == need.Name && string(one.of) == need.Subject && !contains(names, one.owner) {
			names = append(names, one.owner)
		}
	}
	sort.Strings(names)
	return names
}

func (s *Scene) row(c *wire.Readings, index int, need wire.Need, owner uint32, name string) {
	const stale, absent, ofTexts = 1, 2, 16
	c.Needs, c.Owners = append(c.Needs, uint32(index)), append(c.Owners, owner)
	freshness, first, count := uint8(absent), len(c.Values), 0
	// What was given last counts.
	for i := len(s.given) - 1; i >= 0; i-- {
		one := s.given[i]
		if one.name != need.Name || string(one.of) != need.Subject || one.owner != name {
			continue
		}
		if one.text != "" {
			freshness, first, count = ofTexts, len(c.Texts), 1
			c.TextTimesMs, c.Texts = append(c.TextTimesMs, s.snapshot.NowMs), append(c.Texts, one.text)
			break
		}
		if count = s.samples(c, one.values, need.LookBackMs); count > 0 {
			freshness = 0
			if one.stale {
				freshness = stale
			}
		}
		break
	}
	c.Freshness = append(c.Freshness, freshness)
	c.Firsts, c.Counts = append(c.Firsts, uint32(first)), append(c.Counts, uint32(count))
}

// samples adds the finite samples within the look-back, and the youngest in any case: whether it is too old, freshness says.
func (s *Scene) samples(c *wire.Readings, values []float64, lookBackMs uint64) (count int) {
	for i, value := range values {
		backMs := uint64(len(values)-1-i) * uint64(s.step.Milliseconds())
		if math.IsNaN(value) || math.IsInf(value, 0) || backMs > 0 && backMs > lookBackMs {
			continue
		}
		c.TimesMs, c.Values = append(c.TimesMs, s.snapshot.NowMs-backMs), append(c.Values, value)
		count++
	}
	return count
}
