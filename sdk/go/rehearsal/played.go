package rehearsal

import (
	"fmt"
	"strings"
	"testing"

	"trimtab"
	"trimtab/wire"
)

// Played is the answer of a policy to one scene. Its assertions return it again, so that they can be strung together, and on failure show
// the whole answer.
type Played struct {
	t      testing.TB
	answer wire.Answer
}

// Answer is the contract's own record.
func (p *Played) Answer() wire.Answer { return p.answer }

// Proposals are none for a refusal.
func (p *Played) Proposals() []wire.Proposal {
	proposals, _ := p.answer.Verdict.(wire.VerdictProposals)
	return proposals
}

// ScalesTo asserts that it asks for exactly so many replicas, and for nothing else.
func (p *Played) ScalesTo(count uint32) *Played {
	p.t.Helper()
	return p.expect(fmt.Sprintf("to scale to %d", count), p.only(func(one wire.Proposal) bool {
		asked, given := one.Count.Get()
		return one.Kind == trimtab.KindScale && given && asked == count
	}))
}

// Holds asserts that it votes for the present state.
func (p *Played) Holds() *Played {
	p.t.Helper()
	return p.expect("to hold", p.only(func(one wire.Proposal) bool { return one.Kind == trimtab.KindHold }))
}

// Abstains asserts that it leaves the matter to others.
func (p *Played) Abstains() *Played {
	p.t.Helper()
	proposals, ok := p.answer.Verdict.(wire.VerdictProposals)
	return p.expect("to abstain", ok && len(proposals) == 0)
}

// Refuses asserts that it declines, for a reason of that kind.
func (p *Played) Refuses(kind string) *Played {
	p.t.Helper()
	refusal, ok := p.answer.Verdict.(wire.VerdictRefused)
	return p.expect("to refuse as "+kind, ok && refusal.Kind == kind)
}

// Says asserts that reasons, refusal or notes contain a text.
func (p *Played) Says(text string) *Played {
	p.t.Helper()
	return p.expect("to say `"+text+"`", strings.Contains(p.String(), text))
}

func (p *Played) only(is func(wire.Proposal) bool) bool {
	proposals := p.Proposals()
	return len(proposals) == 1 && is(proposals[0])
}

func (p *Played) expect(what string, isSo bool) *Played {
	p.t.Helper()
	if !isSo {
		p.t.Errorf("expected %s, but it %s", what, p)
	}
	return p
}

// String is the whole answer, for a person.
func (p *Played) String() string {
	var out strings.Builder
	switch verdict := p.answer.Verdict.(type) {
	case wire.VerdictRefused:
		fmt.Fprintf(&out, "refuses as %s: %s", verdict.Kind, verdict.Text)
	case wire.VerdictProposals:
		if len(verdict) == 0 {
			out.WriteString("abstains")
		}
		for i, one := range verdict {
			out.WriteString(map[bool]string{true: "proposes ", false: "; "}[i == 0] + one.Kind)
			for _, bound := range []struct {
				sign  string
				count trimtab.Option[uint32]
			}{{"", one.Count}, {">=", one.AtLeast}, {"<=", one.AtMost}} {
				if count, given := bound.count.Get(); given {
					fmt.Fprintf(&out, " %s%d", bound.sign, count)
				}
			}
			for _, container := range one.Resources {
				fmt.Fprintf(&out, " `%s` requests %v limits %v", container.Container, container.Requests, container.Limits)
			}
			out.WriteString(": " + one.Reason)
		}
	}
	for _, note := range p.answer.Notes {
		out.WriteString("\n  note: " + note)
	}
	return out.String()
}
