// Package rehearsal is a bench to play a policy on natively, in `go test`: scenes in, answers out, memory carried over.
//
// What the policy sees went through the same columns, and its answer through the same functions, as on WebAssembly; the bench fills
// in defaults and checks parameters as the host does when a binding is made.
//
//	bench := rehearsal.New(t, newPolicy).Set("target", 50)
//	bench.Play(rehearsal.Replicas(2).Reading("rps", 170)).ScalesTo(4).Says("170 rps")
//	bench.Play(rehearsal.Replicas(4)).Refuses(trimtab.KindReadingMissing)
package rehearsal

import (
	"testing"

	"trimtab"
	"trimtab/wire"
)

// Bench plays one policy for one target, evaluation after evaluation.
type Bench struct {
	t        testing.TB
	create   func() trimtab.Policy
	settings map[string]any
	memory   []byte
}

// New is a bench with no parameter given, and no memory yet. As in the host, each call goes to a new policy.
func New(t testing.TB, create func() trimtab.Policy) *Bench {
	return &Bench{t: t, create: create, settings: map[string]any{}}
}

// Set gives a parameter, as an operator does in a binding: a bool, int, int64, float64, string, [time.Duration], or a list of one of
// them. Again, to change it.
func (b *Bench) Set(name string, value any) *Bench {
	b.settings[name] = value
	return b
}

// SetMemory puts bytes in the place of what the policy remembers.
func (b *Bench) SetMemory(bytes []byte) *Bench {
	b.memory = bytes
	return b
}

// Memory is the bytes that the policy remembers.
func (b *Bench) Memory() []byte { return b.memory }

// Manifest is what the policy says of itself.
func (b *Bench) Manifest() wire.Manifest { return trimtab.Guest(b.create).Describe() }

// Bind makes the binding: the facts that the policy wants with these parameters, or why the host would refuse it.
func (b *Bench) Bind() ([]wire.Need, *wire.Refusal) {
	values, refusal := values(b.Manifest().Parameters, b.settings)
	if refusal != nil {
		return nil, refusal
	}
	return trimtab.Guest(b.create).Needs(values)
}

// Play plays one moment. A binding that the host would refuse is played as that refusal. The test fails where the host would call the
// answer a fault: a kind that the manifest does not declare, a proposal without a reason.
func (b *Bench) Play(scene *Scene) *Played {
	b.t.Helper()
	needs, refusal := b.Bind()
	if refusal != nil {
		return &Played{b.t, wire.Answer{Verdict: wire.VerdictRefused(*refusal)}}
	}
	snapshot := scene.project(needs)
	snapshot.Params, _ = values(b.Manifest().Parameters, b.settings)
	snapshot.Memory = append([]byte(nil), b.memory...)
	answer := trimtab.Guest(b.create).Evaluate(snapshot)
	b.check(answer)
	if memory, given := answer.Memory.Get(); given {
		b.memory = append([]byte(nil), memory...)
	}
	return &Played{b.t, answer}
}

func (b *Bench) check(answer wire.Answer) {
	b.t.Helper()
	kinds := b.Manifest().Kinds
	proposals, _ := answer.Verdict.(wire.VerdictProposals)
	for _, proposal := range proposals {
		if proposal.Kind != trimtab.KindHold && !contains(kinds, proposal.Kind) {
			b.t.Errorf("the manifest declares no `%s`", proposal.Kind)
		}
		if proposal.Reason == "" {
			b.t.Errorf("a proposal to `%s` gives no reason", proposal.Kind)
		}
	}
}

func contains(all []string, one string) bool {
	for _, other := range all {
		if other == one {
			return true
		}
	}
	return false
}
