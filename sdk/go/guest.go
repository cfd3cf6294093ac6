package trimtab

import (
	"errors"
	"strconv"

	"trimtab/wire"
)

// Guest is the contract's three functions, as the host calls them and as the rehearsal does: on WebAssembly and natively
// the policy goes through the same code.
func Guest(create func() Policy) wire.Decide {
	g := &guest{policy: create()}
	// Declared once. On WebAssembly that is before the memory is kept which every evaluation begins with.
	g.policy.Parameters(&g.parameters)
	return g
}

type guest struct {
	policy     Policy
	parameters Parameters
}

func (g *guest) Describe() wire.Manifest {
	about := g.policy.About()
	return wire.Manifest{
		Name:         about.Name,
		Version:      about.Version,
		Summary:      about.Summary,
		Parameters:   g.parameters.declared,
		Kinds:        about.Kinds,
		MemoryBytes:  about.MemoryBytes,
		MemoryFormat: about.MemoryFormat,
	}
}

func (g *guest) Needs(params []wire.ParamValue) ([]wire.Need, *wire.Refusal) {
	needs, err := g.needs(params)
	if err != nil {
		return nil, refusalOf(err)
	}
	return needs.list, nil
}

func (g *guest) Evaluate(snapshot *wire.Snapshot) wire.Answer {
	answer, err := g.evaluate(snapshot)
	out := wire.Answer{Verdict: wire.VerdictProposals(answer.proposals), Notes: answer.notes, Attrs: answer.attrs}
	if err != nil {
		out.Verdict = wire.VerdictRefused(*refusalOf(err))
	}
	memory, given := answer.memory.Get()
	bound := g.policy.About().MemoryBytes
	switch {
	case !given:
	case uint64(len(memory)) > uint64(bound):
		// The host would take it for a fault of the whole answer.
		out.Notes = append(out.Notes, "memory of "+strconv.Itoa(len(memory))+" bytes is above its bound of "+
			strconv.FormatUint(uint64(bound), 10)+", and the former is kept")
	default:
		out.Memory = answer.memory
	}
	return out
}

func (g *guest) needs(params []wire.ParamValue) (*Needs, error) {
	if err := g.parameters.fill(params); err != nil {
		return nil, err
	}
	needs := &Needs{}
	return needs, g.policy.Needs(needs)
}

func (g *guest) evaluate(snapshot *wire.Snapshot) (Answer, error) {
	// The needs again: which column is whose follows from their order.
	needs, err := g.needs(snapshot.Params)
	if err != nil {
		return Answer{}, err
	}
	return g.policy.Evaluate(&Snapshot{wire: snapshot, needs: needs.list})
}

// refusalOf takes any other error for a refusal, too: the policy could not answer, which is no wish to lower.
func refusalOf(err error) *wire.Refusal {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return &wire.Refusal{Kind: refusal.Kind, Text: refusal.Text}
	}
	return &wire.Refusal{Kind: "failed", Text: err.Error()}
}
