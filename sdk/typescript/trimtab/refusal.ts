// Why a policy declines to answer: thrown, by it or by `reading.fresh()`, and turned into the contract's own record.

import type * as wire from "./contract/contract.js";
import { wellFormed } from "./crossing.js";

/** Not a crash, and never a wish to lower. Any other error that is thrown is a fault of the policy. */
export class Refusal extends Error {
  /** `reading-missing`, `parameter-wrong`, `not-applicable`, or another word. */
  readonly kind: string;

  constructor(kind: string, text: string) {
    super(text);
    this.name = "Refusal";
    this.kind = kind;
  }

  /** A reading that the answer depends on is absent or stale. */
  static readingMissing(text: string): Refusal {
    return new Refusal("reading-missing", text);
  }

  /** The parameters contradict each other or the target. */
  static parameterWrong(text: string): Refusal {
    return new Refusal("parameter-wrong", text);
  }

  /** The policy has nothing to say about such a target. */
  static notApplicable(text: string): Refusal {
    return new Refusal("not-applicable", text);
  }

  /** The contract's own record. */
  toWire(): wire.Refusal {
    return { kind: wellFormed(this.kind), text: wellFormed(this.message), attrs: [] };
  }
}
