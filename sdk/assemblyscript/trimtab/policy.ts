// A policy, and how the host's calls reach it.

import { Answer } from "./answer";
import * as contract from "./bindings/contract";
import { List, listOf } from "./memory";
import { Needs } from "./needs";
import { Parameters } from "./parameters";
import { Snapshot } from "./snapshot";

/** What a policy says of itself. */
export class About {
  /** Kinds of proposal that it may make. `hold` needs no mention. */
  kinds: Array<string> = [];
  /** Most bytes of memory that it keeps from one evaluation to the next; 0 for none. */
  memoryBytes: u32 = 0;
  /** Number of the format of these bytes: another version inherits them only if its number is the same. */
  memoryFormat: u32 = 0;

  constructor(
    /** Lower-case letters, digits and `-`. */
    public readonly name: string,
    /** Semantic version. */
    public readonly version: string,
    /** One sentence. */
    public readonly summary: string,
  ) {}

  /** One more kind of proposal that it may make. */
  proposes(kind: string): About {
    this.kinds.push(kind);
    return this;
  }
  /** It keeps up to so many bytes, in a format of that number. */
  remembers(bytes: u32, format: u32): About {
    this.memoryBytes = bytes;
    this.memoryFormat = format;
    return this;
  }
}

/**
 * What an author writes. A fresh one is made for each call of the host: `parameters` fills its fields, then `needs` or `evaluate` is
 * asked. It is a pure function: nothing is kept but what `Answer.keep` hands to the host.
 */
export abstract class Policy {
  /** Says what this policy is. */
  abstract about(): About;
  /** Declares the parameters, and takes their values into fields. */
  abstract parameters(from: Parameters): void;
  /** Says which facts it wants, given its parameters. */
  abstract needs(): Needs;
  /** Answers one snapshot. */
  abstract evaluate(snapshot: Snapshot): Answer;
}

/** A policy as the contract has it. */
@final export class Door extends contract.Decide {
  constructor(private readonly policy: Policy) {
    super();
  }

  describe(): contract.Manifest {
    const about = this.policy.about();
    const parameters = new Parameters(null);
    this.policy.parameters(parameters);
    const made = new contract.Manifest();
    made.name = about.name;
    made.version = about.version;
    made.summary = about.summary;
    made.parameters = listOf<contract.Parameter>(parameters.declared);
    made.kinds = listOf<string>(about.kinds);
    made.memoryBytes = about.memoryBytes;
    made.memoryFormat = about.memoryFormat;
    return made;
  }

  needs(params: List<contract.ParamValue>): contract.ResultListNeedOrRefusal {
    return this.needsOf(params).cross();
  }

  evaluate(snapshot: contract.Snapshot): contract.Answer {
    const needs = this.needsOf(snapshot.params);
    const wrong = needs.refusal();
    if (wrong !== null) return Answer.refuse(wrong).cross();
    return this.policy.evaluate(new Snapshot(snapshot, needs)).cross();
  }

  /** The needs under these parameters. Asked again at each evaluation: the snapshot's columns name them by position. */
  private needsOf(params: List<contract.ParamValue>): Needs {
    const parameters = new Parameters(params);
    this.policy.parameters(parameters);
    const wrong = parameters.refusal();
    return wrong === null ? this.policy.needs() : Needs.refuse(wrong);
  }
}
