// What a policy says: proposals with their reasons, or a refusal.

import * as contract from "./bindings/contract";
import { ContainerResources, Resources, TupleStringValue, Value, Verdict } from "./bindings/contract";
import { listOf, some } from "./memory";
import { Kind, RefusalKind } from "./words";

/** The longest text that the host takes as an attribute, in bytes of UTF-8. */
const DEALT_WITH_BYTES_MAX = 2048;

/** A proposal that lacks its reason: one without cannot be made. */
export class Draft {
  private readonly instanceIds: Array<string> = [];
  private readonly containers: Array<ContainerResources> = [];
  private readonly places: Array<string> = [];
  private readonly attrs: Array<TupleStringValue> = [];

  constructor(private readonly made: contract.Proposal) {}

  /** Never fewer than `count`, whatever other policies ask. */
  andAtLeast(count: u32): Draft {
    this.made.atLeast = some<u32>(count);
    return this;
  }
  /** Never more than `count`, whatever other policies ask. */
  andAtMost(count: u32): Draft {
    this.made.atMost = some<u32>(count);
    return this;
  }
  /** One more instance concerned, the preferred first; for `scale`, which to remove first. */
  instance(id: string): Draft {
    this.instanceIds.push(id);
    return this;
  }
  /** New requests and limits of one container; an empty name means the only one, `null` leaves a figure as it is. */
  container(name: string, requests: Resources, limits: Resources): Draft {
    const container = new ContainerResources();
    container.container = name;
    container.requests = requests;
    container.limits = limits;
    this.containers.push(container);
    return this;
  }
  /** A size out of the backend's list. */
  sizeClass(name: string): Draft {
    this.made.sizeClass = name;
    return this;
  }
  /** One more node or zone to prefer, the preferred first. */
  place(name: string): Draft {
    this.places.push(name);
    return this;
  }
  /** Proposals of one group, other than 0, are done all or not at all. */
  group(number: u32): Draft {
    this.made.group = number;
    return this;
  }
  /** A named value for whoever reads the record. */
  attr(name: string, value: Value): Draft {
    this.attrs.push(attr(name, value));
    return this;
  }
  /** The one sentence for a person, with the numbers that led to the proposal. */
  because(reason: string): Proposal {
    const made = this.made;
    made.reason = reason;
    if (this.instanceIds.length > 0) made.instances = listOf<string>(this.instanceIds);
    if (this.containers.length > 0) made.resources = listOf<ContainerResources>(this.containers);
    if (this.places.length > 0) made.placement = listOf<string>(this.places);
    if (this.attrs.length > 0) made.attrs = listOf<TupleStringValue>(this.attrs);
    return new Proposal(made);
  }
}

/** One thing that a policy asks for, with its reason. */
export class Proposal {
  constructor(private readonly made: contract.Proposal) {}

  /** Exactly `count` replicas. */
  static scale(count: u32): Draft {
    const made = begin(Kind.Scale);
    made.count = some<u32>(count);
    return new Draft(made);
  }
  /** At least `count` replicas, whatever other policies of the binding ask. */
  static atLeast(count: u32): Draft {
    return new Draft(begin(Kind.Scale)).andAtLeast(count);
  }
  /** At most `count` replicas, whatever other policies of the binding ask. */
  static atMost(count: u32): Draft {
    return new Draft(begin(Kind.Scale)).andAtMost(count);
  }
  /** New requests and limits; say which with `container` or `sizeClass`. */
  static resize(): Draft {
    return new Draft(begin(Kind.Resize));
  }
  /** A vote for the present state. */
  static hold(): Draft {
    return new Draft(begin(Kind.Hold));
  }
  /** Any kind (`Kind.Restart` …), concerning the instances that `instance` names. */
  static act(kind: string): Draft {
    return new Draft(begin(kind));
  }

  /** The contract's own record. */
  cross(): contract.Proposal {
    return this.made;
  }
}

function begin(kind: string): contract.Proposal {
  const made = new contract.Proposal();
  made.kind = kind;
  return made;
}

/** What a policy came to: proposals or a refusal, and what else is worth a record. */
export class Answer {
  private readonly proposals: Array<contract.Proposal> = [];
  private readonly sentences: Array<string> = [];
  private readonly attrs: Array<TupleStringValue> = [];
  private kept: Array<u8> | null = null;

  constructor(private readonly refused: Refusal | null = null) {}

  /** Nothing to say this time: other policies of the binding decide. */
  static abstain(): Answer {
    return new Answer();
  }
  /** One proposal. */
  static of(proposal: Proposal): Answer {
    return new Answer().and(proposal);
  }
  /** A vote for the present state. */
  static hold(reason: string): Answer {
    return Answer.of(Proposal.hold().because(reason));
  }
  /** No answer, and why. */
  static refuse(refusal: Refusal): Answer {
    return new Answer(refusal);
  }

  /** One more proposal. */
  and(proposal: Proposal): Answer {
    this.proposals.push(proposal.cross());
    return this;
  }
  /** A sentence for whoever reads the record. */
  note(text: string): Answer {
    this.sentences.push(text);
    return this;
  }
  /** Several sentences. */
  notes(texts: Array<string>): Answer {
    for (let i = 0; i < texts.length; i++) this.sentences.push(texts[i]);
    return this;
  }
  /** A named value for whoever reads the record. */
  attr(name: string, value: Value): Answer {
    this.attrs.push(attr(name, value));
    return this;
  }
  /** Memory for the next evaluation, as bytes; without it, the present one is kept. */
  keep(bytes: Array<u8>): Answer {
    this.kept = bytes;
    return this;
  }
  /**
   * Deals with these alerts, by id, and with no other: once what is proposed is done, the host shows them no more. Without this,
   * an answer that proposes anything deals with all the alerts that it was shown. Ids beyond 2 KiB stay open.
   */
  dealsWith(alerts: Array<string>): Answer {
    let ids = "";
    let bytes = 0;
    for (let i = 0; i < alerts.length; i++) {
      const more = 1 + String.UTF8.byteLength(alerts[i]);
      if (bytes + more > DEALT_WITH_BYTES_MAX) continue;
      ids += ids.length > 0 ? " " + alerts[i] : alerts[i];
      bytes += more;
    }
    return this.attr("alerts-dealt-with", Value.text(ids));
  }

  /** The contract's own record. */
  cross(): contract.Answer {
    const made = new contract.Answer();
    const refused = this.refused;
    made.verdict =
      refused === null
        ? Verdict.proposals(listOf<contract.Proposal>(this.proposals))
        : Verdict.refused(refused.cross());
    const kept = this.kept;
    if (kept !== null) made.memory = listOf<u8>(kept);
    if (this.sentences.length > 0) made.notes = listOf<string>(this.sentences);
    if (this.attrs.length > 0) made.attrs = listOf<TupleStringValue>(this.attrs);
    return made;
  }
}

/** A policy declines to answer. Not a crash, and never a wish to lower. */
export class Refusal {
  constructor(
    /** Why, in a word. */
    public readonly kind: string,
    /** Why, in a sentence with the names and numbers concerned. */
    public readonly text: string,
  ) {}

  /** A reading that the answer depends on is absent or stale. */
  static readingMissing(text: string): Refusal {
    return new Refusal(RefusalKind.ReadingMissing, text);
  }
  /** The parameters contradict each other or the target. */
  static parameterWrong(text: string): Refusal {
    return new Refusal(RefusalKind.ParameterWrong, text);
  }
  /** The policy has nothing to say about such a target. */
  static notApplicable(text: string): Refusal {
    return new Refusal(RefusalKind.NotApplicable, text);
  }

  /** The contract's own record. */
  cross(): contract.Refusal {
    const made = new contract.Refusal();
    made.kind = this.kind;
    made.text = this.text;
    return made;
  }
}

/** An entry of `attrs`. */
export function attr(name: string, value: Value): TupleStringValue {
  const entry = new TupleStringValue();
  entry.first = name;
  entry.second = value;
  return entry;
}
