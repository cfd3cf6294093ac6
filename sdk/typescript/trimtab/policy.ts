// From the contract's three functions to what an author writes.

import type { Answer, Proposal } from "./answer.js";
import { toWire } from "./answer.js";
import type * as wire from "./contract/contract.js";
import { arrivedSnapshot, leaving, wellFormed } from "./crossing.js";
import type { Need } from "./needs.js";
import type { Declarations, Values } from "./parameters.js";
import { entries, take } from "./parameters.js";
import { Refusal } from "./refusal.js";
import { Snapshot } from "./snapshot.js";

/** A policy: a pure function from a snapshot to an answer, and what it says of itself. */
export interface Definition<D extends Declarations> {
  /** Lower-case letters, digits and `-`. */
  readonly name: string;
  /** Semantic version of the policy. */
  readonly version: string;
  /** One sentence. */
  readonly summary: string;
  /** Kinds of proposal that it may make; `hold` needs no mention. */
  readonly kinds: readonly string[];
  /** What the operator may set. */
  readonly parameters: D;
  /** Most bytes that it keeps from one evaluation to the next, and the number of their format; left out, it keeps nothing. */
  readonly memory?: { readonly bytesMax: number; readonly format: number };
  /** Which facts it wants. Asked again at every evaluation, so that it must depend on the parameters alone. */
  readonly needs: (parameters: Values<D>) => Need[];
  /** Answers one snapshot, or throws a `Refusal`. Asked in a fresh instance each time: globals begin as they were at build time. */
  readonly evaluate: (snapshot: Snapshot, parameters: Values<D>) => Proposal | readonly Proposal[] | Answer;
}

/** The contract's interface, to be exported under the name `decide`. */
export interface Decide {
  describe(): wire.Manifest;
  needs(params: wire.ParamValue[]): wire.Need[];
  evaluate(snapshot: wire.Snapshot): wire.Answer;
}

/** Makes the contract's interface of a policy: `export const decide = policy({ … })`. */
export function policy<const D extends Declarations>(definition: Definition<D>): Decide {
  // Made once, when the policy is built: the component is a picture of the engine after that.
  const manifest = manifestOf(definition);
  return {
    describe: () => manifest,
    needs(params) {
      try {
        return definition.needs(take(definition.parameters, params));
      } catch (thrown) {
        // The contract's `err` is what is thrown.
        throw thrown instanceof Refusal ? thrown.toWire() : thrown;
      }
    },
    evaluate(facts) {
      try {
        const parameters = take(definition.parameters, facts.params);
        const snapshot = new Snapshot(arrivedSnapshot(facts), definition.needs(parameters));
        return toWire(definition.evaluate(snapshot, parameters));
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown;
        return { verdict: { tag: "refused", val: thrown.toWire() }, memory: null, notes: [], attrs: [] };
      }
    },
  };
}

type About = Omit<Definition<Declarations>, "needs" | "evaluate">;

function manifestOf(definition: About): wire.Manifest {
  return {
    name: wellFormed(definition.name),
    version: wellFormed(definition.version),
    summary: wellFormed(definition.summary),
    parameters: entries(definition.parameters),
    kinds: definition.kinds.map(wellFormed),
    memoryBytes: leaving(definition.memory?.bytesMax ?? 0),
    memoryFormat: leaving(definition.memory?.format ?? 0),
    attrs: [],
  };
}
