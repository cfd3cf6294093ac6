// What a policy wants in its snapshots: what no need asks for does not cross.

import type * as wire from "./contract/contract.js";
import { wellFormed, whole } from "./crossing.js";

/** Whose a reading is; a newer host may know more. */
export type Subject = "target" | "instance" | "node" | "container" | "pool" | "balancer" | "queue" | (string & {});

/** One fact that is wanted: made by the functions below. */
export type Need = wire.Need;

/** What may be said of a reading. */
export interface Wanted {
  /** How far back samples are wanted, in milliseconds; 0, and nothing said: the latest only. */
  readonly lookBackMs?: number;
  /** The wanted distance of samples, in milliseconds; 0 leaves it to the source. */
  readonly stepMs?: number;
  /** The unit expected, for a person and a check. */
  readonly unit?: string;
  /** Whether the binding is refused if nothing provides it. */
  readonly required?: boolean;
}

/** A reading by its name in the binding. */
export function reading(name: string, subject: Subject, wanted: Wanted = {}): Need {
  return {
    kind: "reading",
    name: wellFormed(name),
    subject,
    unit: wellFormed(wanted.unit ?? ""),
    lookBackMs: whole(wanted.lookBackMs ?? 0),
    stepMs: whole(wanted.stepMs ?? 0),
    required: wanted.required ?? false,
    attrs: [],
  };
}

/** A label of the target. */
export function label(name: string): Need {
  return bare("label", name, 0);
}

/** The instances. Implied by a reading of instances. */
export function instances(): Need {
  return bare("instances", "", 0);
}

/** The nodes. Implied by a reading of nodes. */
export function nodes(): Need {
  return bare("nodes", "", 0);
}

/** Alerts that nobody has handled yet. */
export function alerts(): Need {
  return bare("alerts", "", 0);
}

/** Past changes, as many milliseconds back. */
export function changes(lookBackMs: number): Need {
  return bare("changes", "", lookBackMs);
}

/** Offsets of an IANA time zone, as many milliseconds ahead. */
export function transitions(zone: string, aheadMs: number): Need {
  return bare("transitions", zone, aheadMs);
}

function bare(kind: string, name: string, lookBackMs: number): Need {
  const need = reading(name, "", { lookBackMs });
  need.kind = kind;
  return need;
}
