// Plays a policy through a moment, outside the sandbox: the same functions and the same columns as in it. For tests alone.

import type * as wire from "./contract/contract.js";
import { arrived } from "./crossing.js";
import { toWire } from "./parameters.js";
import type { Decide } from "./policy.js";

const NOW_MS = 1767225600000;
const STEP_MS = 15000;
const OF_TARGET = 4294967295;
const [FRESH, STALE, ABSENT, OF_TEXTS] = [0, 1, 2, 16];

/** Samples, oldest first, the last one now; one of them; a text; samples that are too old to act on; or none at all. */
export type Series = number | readonly number[] | string | { readonly stale: number | readonly number[] } | null;

/** A moment: what is not said is as dull as can be. */
export interface Scene {
  /** What the operator sets; durations in milliseconds. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** The time of the moment. */
  readonly nowMs?: number;
  /** Replicas that are asked for, exist and serve. */
  readonly replicas?: number;
  /** The distance of samples, in milliseconds; 15 seconds if nothing is said. */
  readonly stepMs?: number;
  /** Instances, by id or by what is known of them; `replicas` ready ones if nothing is said. */
  readonly instances?: readonly (string | Partial<wire.Instance>)[];
  /** Nodes, likewise. */
  readonly nodes?: readonly (string | Partial<wire.Node>)[];
  /** Readings of the target by name; or, `by` owner, those of instances, nodes or others. */
  readonly readings?: Readonly<Record<string, Series | { readonly by: Readonly<Record<string, Series>> }>>;
  /** Labels of the target. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What the policy kept last time. */
  readonly memory?: Uint8Array;
  /** Anything else of the contract's record, as it is: alerts, changes, transitions, the change in flight. */
  readonly facts?: Partial<wire.Snapshot>;
  /** Anything else of its target, as it is: containers, limits, abilities. */
  readonly target?: Partial<wire.Target>;
}

/** What came of it. */
export interface Played {
  /** The kind of the only proposal, `refused`, `abstained`, or `several`. */
  readonly kind: string;
  /** The count of the only proposal, or `null`. */
  readonly count: number | null;
  /** The reason of the only proposal, or the text of the refusal. */
  readonly reason: string;
  /** The word of the refusal, or `null`. */
  readonly refusal: string | null;
  /** Sentences for whoever reads the record. */
  readonly notes: readonly string[];
  /** All that it asked for, with its counts as they were meant. */
  readonly proposals: readonly wire.Proposal[];
  /** The contract's own record. */
  readonly answer: wire.Answer;
}

/** Plays a policy through a moment. Throws where parameters are not such as the host would take, or the policy refuses them. */
export function play(decide: Decide, scene: Scene): Played {
  const params = valuesOf(decide.describe().parameters, scene.params ?? {});
  const needs = decide.needs(structuredClone(params));
  const answer = decide.evaluate(snapshotOf(scene, needs, params));
  const refused = answer.verdict.tag === "refused" ? answer.verdict.val : null;
  const proposals = answer.verdict.tag === "proposals" ? answer.verdict.val.map(meant) : [];
  const [first, second] = proposals;
  const only = second === undefined ? first : undefined;
  return {
    kind: refused ? "refused" : only ? only.kind : first ? "several" : "abstained",
    count: only?.count ?? null,
    reason: refused?.text ?? only?.reason ?? "",
    refusal: refused?.kind ?? null,
    notes: answer.notes,
    proposals,
    answer,
  };
}

function meant(proposal: wire.Proposal): wire.Proposal {
  const count = (given: number | null): number | null => (given === null ? null : arrived(given));
  const { atLeast, atMost } = proposal;
  return { ...proposal, count: count(proposal.count), atLeast: count(atLeast), atMost: count(atMost) };
}

const TAGS: Readonly<Record<string, wire.ParamValue["tag"]>> = {
  bool: "flag",
  s64: "int",
  f64: "num",
  text: "text",
  duration: "duration-ms",
  "list<bool>": "flags",
  "list<s64>": "ints",
  "list<f64>": "nums",
  "list<text>": "texts",
  "list<duration>": "durations-ms",
  json: "json",
};

function valuesOf(declared: readonly wire.Parameter[], given: Readonly<Record<string, unknown>>): wire.ParamValue[] {
  for (const name of Object.keys(given)) {
    if (!declared.some((one) => one.name === name)) throw new RangeError(`there is no parameter \`${name}\``);
  }
  return declared.map((one) => {
    const value = given[one.name];
    if (value === undefined) {
      if (one.required) throw new RangeError(`parameter \`${one.name}\` is required`);
      return one.default;
    }
    check(one, value);
    return toWire(TAGS[one.kind] as wire.ParamValue["tag"], value);
  });
}

function check({ name, kind, min, max, choices }: wire.Parameter, given: unknown): void {
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  const item = kind.replace(/^list<(.*)>$/, "$1");
  const wanted = { bool: "boolean", text: "string", json: "string" }[item] ?? "number";
  const whole = item === "s64" || item === "duration";
  const fits = (value: unknown): boolean => typeof value === wanted && (!whole || Number.isInteger(value));
  if (Array.isArray(given) !== (kind !== item) || !items.every(fits)) {
    throw new RangeError(`parameter \`${name}\` is not of type ${kind}`);
  }
  const beyond = (value: number): boolean => value < (min ?? -Infinity) || value > (max ?? Infinity);
  if (wanted === "number" && !items.every((value) => Number.isFinite(value) && !beyond(value as number))) {
    throw new RangeError(`parameter \`${name}\` is out of its range`);
  }
  if (choices.length > 0 && !items.every((value) => choices.includes(value as string))) {
    throw new RangeError(`parameter \`${name}\` is none of ${choices.join(", ")}`);
  }
}

function snapshotOf(scene: Scene, needs: readonly wire.Need[], params: wire.ParamValue[]): wire.Snapshot {
  const nowMs = scene.nowMs ?? NOW_MS;
  const replicas = scene.replicas ?? 1;
  const ids = Array.from({ length: replicas }, (_, index) => `i-${index + 1}`);
  const instances = (scene.instances ?? ids).map((one) => instance(one, nowMs));
  const nodes = (scene.nodes ?? []).map(node);
  const asks = (kind: string, subject: string): boolean =>
    needs.some((need) => need.kind === kind || (need.kind === "reading" && need.subject === subject));
  const wanted = (kind: string, name: string): boolean => needs.some((need) => need.kind === kind && need.name === name);
  const labels = Object.entries(scene.labels ?? {}).filter(([name]) => wanted("label", name));
  return {
    nowMs,
    target: { ...target(replicas), ...(scene.target ?? {}), labels },
    inFlight: null,
    alerts: [],
    changes: [],
    transitions: [],
    attrs: [],
    ...scene.facts,
    instances: asks("instances", "instance") ? instances : [],
    nodes: asks("nodes", "node") ? nodes : [],
    readings: readingsOf(scene, needs, nowMs, instances, nodes),
    params,
    memory: scene.memory ?? new Uint8Array(0),
  };
}

function readingsOf(
  scene: Scene,
  needs: readonly wire.Need[],
  nowMs: number,
  instances: readonly wire.Instance[],
  nodes: readonly wire.Node[],
): wire.Readings {
  const columns: wire.Readings = {
    ...{ needs: [], owners: [], firsts: [], counts: [], timesMs: [], values: [] },
    ...{ freshness: new Uint8Array(0), textTimesMs: [], texts: [], ownerNames: [], attrs: [] },
  };
  const freshness: number[] = [];
  const row = (need: number, owner: number, series: Series | undefined): void => {
    columns.needs.push(need);
    columns.owners.push(owner);
    freshness.push(push(columns, series ?? null, nowMs, scene.stepMs ?? STEP_MS, needs[need]?.lookBackMs ?? 0));
  };
  needs.forEach((need, index) => {
    if (need.kind !== "reading") return;
    const given = scene.readings?.[need.name];
    const by = typeof given === "object" && given !== null && "by" in given ? given.by : {};
    const owners = { instance: instances, node: nodes }[need.subject];
    if (need.subject === "target") row(index, OF_TARGET, isSeries(given) ? given : null);
    else if (owners !== undefined) owners.forEach(({ id }, owner) => row(index, owner, by[id]));
    else {
      for (const name of Object.keys(by).sort()) {
        columns.ownerNames.push([columns.needs.length, name]);
        row(index, OF_TARGET, by[name]);
      }
    }
  });
  return { ...columns, freshness: Uint8Array.from(freshness) };
}

function isSeries(given: Series | { readonly by: unknown } | undefined): given is Series {
  return given !== undefined && !(typeof given === "object" && given !== null && "by" in given);
}

/** Adds one row's samples and says how fresh they are. As at the host, what is older than the look-back stays out, but for the youngest. */
function push(columns: wire.Readings, series: Series, nowMs: number, stepMs: number, lookBackMs: number): number {
  if (typeof series === "string") {
    columns.firsts.push(columns.texts.length);
    columns.counts.push(1);
    columns.textTimesMs.push(nowMs);
    columns.texts.push(series);
    return FRESH + OF_TEXTS;
  }
  const stale = typeof series === "object" && series !== null && "stale" in series;
  const values = [stale ? series.stale : (series ?? [])].flat() as number[];
  const timeMs = (index: number): number => nowMs - (values.length - 1 - index) * stepMs;
  const points = values.map((value, index) => [timeMs(index), value] as const);
  const kept = points.filter(([at], index) => index === points.length - 1 || (lookBackMs > 0 && at >= nowMs - lookBackMs));
  columns.firsts.push(columns.values.length);
  columns.counts.push(kept.length);
  columns.timesMs.push(...kept.map(([at]) => at));
  columns.values.push(...kept.map(([, value]) => value));
  if (kept.length === 0) return ABSENT;
  return stale ? STALE : FRESH;
}

function unknown(): wire.Resources {
  return { cpuMillis: null, memoryBytes: null };
}

function target(replicas: number): wire.Target {
  const kinds = ["scale", "resize", "restart", "replace", "remove", "start", "redeploy"];
  return {
    id: "rehearsal/target",
    backend: "rehearsal",
    kind: "process-group",
    zones: [],
    labels: [],
    desired: replicas,
    total: replicas,
    ready: replicas,
    containers: [{ name: "main", requests: unknown(), limits: unknown(), attrs: [] }],
    abilities: { victims: 2, resize: 1, kinds, sizes: [], attrs: [] },
    limits: { replicasMin: 0, replicasMax: 1000, least: unknown(), most: unknown(), attrs: [] },
    attrs: [],
  };
}

function instance(given: string | Partial<wire.Instance>, nowMs: number): wire.Instance {
  const said = typeof given === "string" ? { id: given } : given;
  return {
    ...{ id: "i", name: "", node: null, phase: 3, startedMs: nowMs - 3600000, restarts: 0, protected: false, attrs: [] },
    ...{ requests: unknown(), limits: unknown(), usage: unknown() },
    ...said,
  };
}

function node(given: string | Partial<wire.Node>): wire.Node {
  const said = typeof given === "string" ? { id: given } : given;
  return { id: "n", zone: "", ready: true, schedulable: true, capacity: unknown(), free: unknown(), attrs: [], ...said };
}
