// Numbers and texts as they cross the boundary.
//
// componentize-qjs 0.4 passes a u32 as if it were signed, both ways: 4294967295 arrives as -1, and only -1 leaves as 4294967295. It
// stops at a lone half of a surrogate pair, and at a BigInt.

import type * as wire from "./contract/contract.js";

const U32_MAX = 4294967295;

/** A u32 that arrived. Outside the sandbox it changes nothing. */
export function arrived(number: number): number {
  return number >>> 0;
}

/** A whole number that is to leave as a u32: rounded down, kept within what fits, 0 for no number. */
export function leaving(number: number): number {
  return Math.min(Math.max(Math.floor(number), 0), U32_MAX) | 0;
}

/** A whole number that is to leave as a u64 or s64: rounded towards zero, kept within what a number holds exactly, 0 for no number. */
export function whole(number: number | bigint): number {
  const towardsZero = Math.trunc(Number(number));
  return Math.min(Math.max(towardsZero, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER) || 0;
}

/** A text that is to leave: lone halves of surrogate pairs become U+FFFD. */
export function wellFormed(text: string): string {
  const said = String(text);
  // Node.js 18, on which tests may run, has no word for it; the engine in the sandbox has.
  return said.toWellFormed ? said.toWellFormed() : said.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** The snapshot with its counts as they were meant; columns of readings are left as they are. Written out: it is done at every evaluation. */
export function arrivedSnapshot(snapshot: wire.Snapshot): wire.Snapshot {
  const { target, inFlight } = snapshot;
  target.desired >>>= 0;
  target.total >>>= 0;
  target.ready >>>= 0;
  target.limits.replicasMin >>>= 0;
  target.limits.replicasMax >>>= 0;
  if (inFlight !== null) arrivedChange(inFlight);
  for (const change of snapshot.changes) arrivedChange(change);
  for (const instance of snapshot.instances) {
    instance.restarts >>>= 0;
    if (instance.node !== null) instance.node >>>= 0;
  }
  return snapshot;
}

function arrivedChange(change: { fromCount: number; toCount: number }): void {
  change.fromCount >>>= 0;
  change.toCount >>>= 0;
}
