// What a policy says: proposals, each with its reason.

import type * as wire from "./contract/contract.js";
import { leaving, wellFormed, whole } from "./crossing.js";

/** One thing that a policy asks for: made by the functions below, none of which does without a reason. */
export type Proposal = wire.Proposal;

/** A named value: numbers cross as measurements, bigints as whole numbers. */
export type Scalar = number | bigint | string | boolean;

/** What more may be said of a proposal. */
export interface Extras {
  /** Never fewer, whatever other policies ask. */
  readonly atLeast?: number;
  /** Never more, whatever other policies ask. */
  readonly atMost?: number;
  /** Ids of the instances concerned, the preferred first; for `scale`, which to remove first. */
  readonly instances?: readonly string[];
  /** Nodes or zones to prefer, the preferred first. */
  readonly placement?: readonly string[];
  /** Proposals of one group, other than 0, are done all or not at all. */
  readonly group?: number;
  /** Named values for whoever reads the record. */
  readonly attrs?: Readonly<Record<string, Scalar>>;
}

/** New requests and limits of one container; what is left out stays as it is. */
export interface Resizing {
  /** The container; nothing for the only one. */
  readonly container?: string;
  /** What to set aside for it. */
  readonly requests?: Partial<wire.Resources>;
  /** What it may use at most. */
  readonly limits?: Partial<wire.Resources>;
}

/** Proposals, and what else is worth a record. */
export interface Answer {
  /** What it asks for. An empty list abstains. */
  readonly proposals: readonly Proposal[];
  /** Sentences for whoever reads the record. */
  readonly notes?: readonly string[];
  /** Named values for whoever reads the record. */
  readonly attrs?: Readonly<Record<string, Scalar>>;
  /** Ids of the alerts that this answer deals with; left out, an answer that proposes anything deals with all that it was shown. */
  readonly dealsWith?: readonly string[];
  /** What to keep for next time (see `remember`); left out, what was kept stays. */
  readonly memory?: Uint8Array;
}

/** The longest text that the host takes as an attribute. */
const DEALT_WITH_BYTES_MAX = 2048;

/** Exactly so many replicas. */
export function scale(count: number, reason: string, extras?: Extras): Proposal {
  const proposal = propose("scale", reason, extras);
  proposal.count = leaving(count);
  return proposal;
}

/** At least so many replicas, whatever other policies of the binding ask. */
export function atLeast(count: number, reason: string, extras?: Extras): Proposal {
  return propose("scale", reason, { ...extras, atLeast: count });
}

/** At most so many replicas, whatever other policies of the binding ask. */
export function atMost(count: number, reason: string, extras?: Extras): Proposal {
  return propose("scale", reason, { ...extras, atMost: count });
}

/** New requests and limits per container, or a size out of the backend's list. */
export function resize(to: readonly Resizing[] | { readonly sizeClass: string }, reason: string, extras?: Extras): Proposal {
  const proposal = propose("resize", reason, extras);
  if ("sizeClass" in to) proposal.sizeClass = wellFormed(to.sizeClass);
  else proposal.resources = to.map(containerResources);
  return proposal;
}

/** A vote for the present state. */
export function hold(reason: string): Proposal {
  return propose("hold", reason);
}

/** Any kind, concerning these instances: `restart`, `replace`, `remove`, `start`, `redeploy`, and kinds that are yet to come. */
export function act(kind: string, instances: readonly string[], reason: string, extras?: Extras): Proposal {
  return propose(wellFormed(kind), reason, { ...extras, instances });
}

/** Nothing to say this time: other policies of the binding decide. */
export function abstain(): Answer {
  return { proposals: [] };
}

const NOTHING: Extras = {};

function propose(kind: string, reason: string, extras: Extras = NOTHING): Proposal {
  return {
    kind,
    count: null,
    atLeast: extras.atLeast === undefined ? null : leaving(extras.atLeast),
    atMost: extras.atMost === undefined ? null : leaving(extras.atMost),
    instances: extras.instances?.map(wellFormed) ?? [],
    resources: [],
    sizeClass: "",
    placement: extras.placement?.map(wellFormed) ?? [],
    group: leaving(extras.group ?? 0),
    reason: wellFormed(reason),
    attrs: attributes(extras.attrs),
  };
}

function containerResources({ container, requests, limits }: Resizing): wire.ContainerResources {
  const resources = (some: Partial<wire.Resources> = {}): wire.Resources => ({
    cpuMillis: amount(some.cpuMillis),
    memoryBytes: amount(some.memoryBytes),
  });
  return { container: wellFormed(container ?? ""), requests: resources(requests), limits: resources(limits), attrs: [] };
}

function amount(given: number | null | undefined): number | null {
  return given === undefined || given === null ? null : Math.max(whole(given), 0);
}

/** Named values as they cross. */
export function attributes(given: Readonly<Record<string, Scalar>> | undefined): wire.Attrs {
  if (given === undefined) return [];
  return Object.entries(given).map(([name, value]) => [wellFormed(name), scalar(value)]);
}

function scalar(value: Scalar): wire.Value {
  switch (typeof value) {
    case "bigint":
      return { tag: "int", val: whole(value) };
    case "string":
      return { tag: "text", val: wellFormed(value) };
    case "boolean":
      return { tag: "flag", val: value };
    default:
      return { tag: "num", val: value };
  }
}

/** The contract's own record of whatever a policy returns. */
export function toWire(said: Proposal | readonly Proposal[] | Answer): wire.Answer {
  if ("kind" in said) return { verdict: { tag: "proposals", val: [said] }, memory: null, notes: [], attrs: [] };
  const answer: Answer = "proposals" in said ? said : { proposals: said };
  const attrs = attributes(answer.attrs);
  if (answer.dealsWith !== undefined) attrs.push(["alerts-dealt-with", { tag: "text", val: dealtWith(answer.dealsWith) }]);
  return {
    verdict: { tag: "proposals", val: [...answer.proposals] },
    memory: answer.memory ?? null,
    notes: answer.notes?.map(wellFormed) ?? [],
    attrs,
  };
}

/** As many ids as fit: those beyond stay open. */
function dealtWith(ids: readonly string[]): string {
  let [joined, bytes] = ["", 0];
  for (const id of ids.map(wellFormed)) {
    const more = unescape(encodeURIComponent(id)).length + 1;
    if (bytes + more > DEALT_WITH_BYTES_MAX) continue;
    joined += joined === "" ? id : ` ${id}`;
    bytes += more;
  }
  return joined;
}
