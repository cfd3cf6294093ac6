// Readings by name, borrowed from the columns in which they cross, and honest about what is not known.

import type * as wire from "./contract/contract.js";
import { arrived } from "./crossing.js";
import { Phase, isLeaving } from "./phase.js";
import { Refusal } from "./refusal.js";
import { Samples, Texts } from "./samples.js";

const FRESH = 0;
const STALE = 1;
/** Added to the freshness of a row of texts. */
const OF_TEXTS = 16;
/** The owner of the target's own rows, and of rows whose owner is in `ownerNames`. */
const NO_INDEX = 4294967295;

/**
 * What is known of something measured: young enough to act on, known once but too old, or not known, which is never zero. There is no
 * way to a number that passes by the question how good it is.
 */
export type Fact<T> =
  | { readonly state: "fresh"; readonly value: T }
  | { readonly state: "stale"; readonly value: T }
  | { readonly state: "absent" };

/** Whose a series of samples is. */
export type Owner =
  | { readonly of: "target" }
  | { readonly of: "instance"; readonly instance: wire.Instance }
  | { readonly of: "node"; readonly node: wire.Node }
  | { readonly of: "other"; readonly name: string };

const ABSENT: Fact<never> = { state: "absent" };

/** One reading of the binding: a series per owner. */
export class Reading {
  /** Its name in the binding. */
  readonly name: string;
  readonly #snapshot: wire.Snapshot;
  readonly #ofNodes: boolean;
  readonly #from: number;
  readonly #to: number;

  /** The rows of the need at that position in the list that the policy returned; no rows for -1. */
  constructor(snapshot: wire.Snapshot, name: string, need: number, ofNodes: boolean) {
    this.name = name;
    this.#snapshot = snapshot;
    this.#ofNodes = ofNodes;
    const { needs } = snapshot.readings;
    const from = needs.indexOf(need);
    this.#from = from < 0 ? 0 : from;
    this.#to = from < 0 ? 0 : needs.lastIndexOf(need) + 1;
  }

  /** The samples of the target's own reading; of another subject's, those of its first owner. */
  samples(): Fact<Samples> {
    return this.#row(this.#from);
  }

  /** The samples, where the policy cannot answer without them: throws a `Refusal` that names the reading if they are stale or absent. */
  fresh(): Samples {
    const fact = this.samples();
    if (fact.state === "fresh") return fact.value;
    throw Refusal.readingMissing(`reading \`${this.name}\` is ${fact.state}`);
  }

  /** The samples of texts of the target's own reading: a state to compare. */
  texts(): Fact<Texts> {
    const row = this.#from;
    const { textTimesMs, texts, firsts, counts } = this.#snapshot.readings;
    if (row >= this.#to) return ABSENT;
    const first = arrived(firsts[row] as number);
    return this.#judge(row, OF_TEXTS, Texts.cut(textTimesMs, texts, first, first + arrived(counts[row] as number)));
  }

  /** Every instance of the snapshot with its samples, in the snapshot's order; without a row, they are absent. */
  instances(): (readonly [wire.Instance, Fact<Samples>])[] {
    return this.#withOwners(this.#snapshot.instances);
  }

  /**
   * Every instance that does its share with its samples: not one that starts, for it uses what it will not use again, and not one that
   * leaves, for it no longer uses what it did.
   */
  serving(): (readonly [wire.Instance, Fact<Samples>])[] {
    const serves = (phase: number): boolean => !isLeaving(phase) && phase !== Phase.pending && phase !== Phase.starting;
    return this.instances().filter(([instance]) => serves(instance.phase));
  }

  /** Every node of the snapshot with its samples, in the snapshot's order; without a row, they are absent. */
  nodes(): (readonly [wire.Node, Fact<Samples>])[] {
    return this.#withOwners(this.#snapshot.nodes);
  }

  /** Every row, whosever it is. */
  owners(): (readonly [Owner, Fact<Samples>])[] {
    const rows: (readonly [Owner, Fact<Samples>])[] = [];
    for (let row = this.#from; row < this.#to; row++) rows.push([this.#owner(row), this.#row(row)]);
    return rows;
  }

  #withOwners<T>(all: readonly T[]): (readonly [T, Fact<Samples>])[] {
    const { owners } = this.#snapshot.readings;
    let row = this.#from;
    // Rows are ordered by owner: one walk along both finds them all.
    return all.map((owner, index) => {
      while (row < this.#to && arrived(owners[row] as number) < index) row += 1;
      const own = row < this.#to && arrived(owners[row] as number) === index;
      return [owner, own ? this.#row(row) : ABSENT];
    });
  }

  #owner(row: number): Owner {
    const { instances, nodes, readings } = this.#snapshot;
    const named = readings.ownerNames.find(([index]) => arrived(index) === row);
    if (named !== undefined) return { of: "other", name: named[1] };
    const index = arrived(readings.owners[row] ?? NO_INDEX);
    // A reading belongs to instances or to nodes; which of them, only the need's subject says.
    const node = this.#ofNodes ? nodes[index] : undefined;
    if (node !== undefined) return { of: "node", node };
    const instance = this.#ofNodes ? undefined : instances[index];
    return instance === undefined ? { of: "target" } : { of: "instance", instance };
  }

  #row(row: number): Fact<Samples> {
    if (row >= this.#to) return ABSENT;
    const { timesMs, values, firsts, counts } = this.#snapshot.readings;
    const first = arrived(firsts[row] as number);
    return this.#judge(row, 0, Samples.cut(timesMs, values, first, first + arrived(counts[row] as number)));
  }

  /** A freshness that is not known to this version, a row without samples, and one of another form count as absent. */
  #judge<T>(row: number, form: number, value: T | null): Fact<T> {
    const freshness = this.#snapshot.readings.freshness[row];
    if (value !== null && freshness === FRESH + form) return { state: "fresh", value };
    if (value !== null && freshness === STALE + form) return { state: "stale", value };
    return ABSENT;
  }
}
