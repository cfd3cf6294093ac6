// The facts of one moment, as an author wants them.

import type * as wire from "./contract/contract.js";
import type { Need, Subject } from "./needs.js";
import { Reading } from "./reading.js";

/** The facts of one moment about one target: all that a policy knows. There is no other clock, no file and no network. */
export class Snapshot {
  /** The contract's own record, with all that has no short form here. */
  readonly wire: wire.Snapshot;
  readonly #needs: readonly Need[];

  constructor(wire: wire.Snapshot, needs: readonly Need[]) {
    this.wire = wire;
    this.#needs = needs;
  }

  /** The time of this moment, in milliseconds since the Unix epoch. */
  get nowMs(): number {
    return this.wire.nowMs;
  }

  /** The workload: counts, containers, abilities, bounds. */
  get target(): wire.Target {
    return this.wire.target;
  }

  /** The count last asked of the backend: the base for any new count. */
  get desired(): number {
    return this.wire.target.desired;
  }

  /** The change in flight, or `null`. */
  get inFlight(): wire.InFlight | null {
    return this.wire.inFlight;
  }

  /** The instances: if a need asked for them, or for a reading of them. */
  get instances(): readonly wire.Instance[] {
    return this.wire.instances;
  }

  /** The nodes: if a need asked for them, or for a reading of them. */
  get nodes(): readonly wire.Node[] {
    return this.wire.nodes;
  }

  /** Alerts that nobody has handled yet, if a need asked for them. */
  get alerts(): readonly wire.Alert[] {
    return this.wire.alerts;
  }

  /** Past changes, oldest first, if a need asked for them. */
  get changes(): readonly wire.Change[] {
    return this.wire.changes;
  }

  /** What the policy kept last time: see `recall`. */
  get memory(): Uint8Array {
    return this.wire.memory;
  }

  /** The point in time that lies so many milliseconds back; never before 1970. */
  agoMs(spanMs: number): number {
    return Math.max(this.wire.nowMs - spanMs, 0);
  }

  /** A label of the target that a need asked for, or `null`. */
  label(name: string): string | null {
    return find(this.wire.target.labels, name);
  }

  /** A fact that has no field yet, or `null`. */
  attr(name: string): wire.Value | null {
    return find(this.wire.attrs, name);
  }

  /** Offset from UTC, in seconds east, of a zone that a need asked for, at a point in time; `null` if not known. */
  offsetSeconds(zone: string, atMs: number): number | null {
    const transitions = this.wire.transitions.find((one) => one.zone === zone);
    const index = transitions?.atMs.findLastIndex((fromMs) => fromMs <= atMs) ?? -1;
    return transitions?.offsetsSeconds[index] ?? null;
  }

  /**
   * The reading of that name; say whose, where a policy asks for one name of several subjects. One that no need asked for is absent for
   * every owner.
   */
  reading(name: string, subject?: Subject): Reading {
    const needs = this.#needs;
    for (let position = 0; position < needs.length; position++) {
      const need = needs[position] as Need;
      if (need.name === name && need.kind === "reading" && (subject === undefined || need.subject === subject)) {
        return new Reading(this.wire, name, position, need.subject === "node");
      }
    }
    return new Reading(this.wire, name, -1, false);
  }
}

function find<T>(pairs: readonly (readonly [string, T])[], name: string): T | null {
  return pairs.find(([key]) => key === name)?.[1] ?? null;
}
