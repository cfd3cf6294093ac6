// The facts of one moment, as an author wants them.

import * as contract from "./bindings/contract";
import { Alert, Change, InFlight, Instance, Node, Target, TupleStringValue, Value } from "./bindings/contract";
import { List, Some, some } from "./memory";
import { Needs } from "./needs";
import { Reading } from "./reading";

/** The facts of one moment about one target: all that a policy knows. There is no other clock, no file and no network. */
export class Snapshot {
  constructor(
    /** The contract's own record. */
    public readonly wire: contract.Snapshot,
    private readonly needs: Needs,
  ) {}

  /** The time of this moment, in milliseconds since the Unix epoch. */
  get nowMs(): u64 {
    return this.wire.nowMs;
  }
  /** The workload: counts, containers, abilities, bounds. */
  get target(): Target {
    return this.wire.target;
  }
  /** The count last asked of the backend: the base for any new count. */
  get desired(): u32 {
    return this.wire.target.desired;
  }
  /** A label of the target that a need asked for; `null` if the target does not have it. */
  label(name: string): string | null {
    const labels = this.wire.target.labels;
    for (let i = 0; i < labels.length; i++) {
      if (labels[i].first == name) return labels[i].second;
    }
    return null;
  }
  /** The change in flight, if there is one. */
  get inFlight(): InFlight | null {
    return this.wire.inFlight;
  }
  /** The instances: if a need asked for them, or for a reading of them. */
  get instances(): List<Instance> {
    return this.wire.instances;
  }
  /** The nodes: if a need asked for them, or for a reading of them. */
  get nodes(): List<Node> {
    return this.wire.nodes;
  }
  /** Alerts that nobody has handled yet, if a need asked for them. */
  get alerts(): List<Alert> {
    return this.wire.alerts;
  }
  /** Past changes, oldest first, if a need asked for them. */
  get changes(): List<Change> {
    return this.wire.changes;
  }
  /** What this policy kept for this target last time; empty the first time, and after its format changed. */
  get memory(): List<u8> {
    return this.wire.memory;
  }
  /** Offset from UTC, in seconds east, of a zone that a need asked for, at a point in time; `null` if not known. */
  offsetSeconds(zone: string, atMs: u64): Some<i32> | null {
    const all = this.wire.transitions;
    for (let i = 0; i < all.length; i++) {
      const one = all[i];
      if (one.zone != zone) continue;
      for (let j = one.atMs.length - 1; j >= 0; j--) {
        if (one.atMs[j] <= atMs) return some<i32>(one.offsetsSeconds[j]);
      }
    }
    return null;
  }
  /** The reading of that name, and of that subject where a policy asks for one name of several. One that no need asked for is absent. */
  reading(name: string, subject: string = ""): Reading {
    return new Reading(this.wire, name, this.needs.position(name, subject));
  }
  /** A fact that has no field yet; `null` if it is not known. */
  attr(name: string): Value | null {
    return find(this.wire.attrs, name);
  }
}

/** The value of that name in the `attrs` of any record. */
export function find(attrs: List<TupleStringValue>, name: string): Value | null {
  for (let i = 0; i < attrs.length; i++) {
    if (attrs[i].first == name) return attrs[i].second;
  }
  return null;
}
