// Package trimtab is what a scaling policy for Trimtab is written with.
//
// A policy is a pure function from a snapshot of one workload to an answer. It implements [Policy] and is exported by an
// `init` function:
//
//	type workOff struct {
//		each float64
//	}
//
//	func (w *workOff) Parameters(p *trimtab.Parameters) {
//		trimtab.Declare(p, &w.each, "jobs_per_replica", "Jobs that one replica works off in time.").Default(10).Min(0.1)
//	}
//
//	func (w *workOff) Needs(n *trimtab.Needs) error {
//		n.Reading("jobs", trimtab.OfTarget).Required()
//		return nil
//	}
//
//	func (w *workOff) Evaluate(s *trimtab.Snapshot) (trimtab.Answer, error) {
//		jobs, err := s.Reading("jobs").Fresh()
//		if err != nil {
//			return trimtab.Answer{}, err
//		}
//		reason := trimtab.Figure(jobs.Latest()) + " jobs at " + trimtab.Figure(w.each) + " per replica"
//		return trimtab.Propose(trimtab.Scale(trimtab.Replicas(jobs.Latest() / w.each)).Because(reason)), nil
//	}
//
// The package rehearsal plays it through moments in `go test`; the package wire has the contract's own types.
package trimtab

import "trimtab/wire"

// Policy is what an author writes. The host calls each method in a fresh instance: what a method leaves in the value is gone
// afterwards. What is to be kept goes through [Snapshot.Memory] and [Answer.Remember].
type Policy interface {
	// About says what the policy is.
	About() About
	// Parameters declares what the operator may set, each by [Declare], which also fills its variable in before Needs and
	// Evaluate are called.
	Parameters(p *Parameters)
	// Needs says which facts the policy wants. It must depend on the parameters alone. A [Refusal] refuses the binding.
	Needs(n *Needs) error
	// Evaluate answers one snapshot. A [Refusal] declines; for a missing reading it forbids to lower.
	Evaluate(s *Snapshot) (Answer, error)
}

// About is what a policy says of itself.
type About struct {
	// Name has lower-case letters, digits and "-".
	Name string
	// Version is the policy's own, a semantic one.
	Version string
	// Summary is one sentence.
	Summary string
	// Kinds of proposal that it may make; [KindHold] needs no mention.
	Kinds []string
	// MemoryBytes is the most that it keeps from one evaluation to the next; 0 for nothing.
	MemoryBytes uint32
	// MemoryFormat is the number of the format of these bytes: another version inherits them only if its number is the same.
	MemoryFormat uint32
}

// Export makes the policy the one that the host calls. Call it in an `init` function: `main` does not run.
func Export(create func() Policy) {
	wire.Exported = Guest(create)
}
