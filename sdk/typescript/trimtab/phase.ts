// Stages of life that an instance can be in.

/** Their numbers. A newer host may send others. */
export const Phase = {
  /** The backend does not say. */
  unknown: 0,
  /** Accepted, not yet placed or begun. */
  pending: 1,
  /** Running, and never yet ready. */
  starting: 2,
  /** Serving. */
  ready: 3,
  /** Running, was ready, and is not now. */
  unready: 4,
  /** Finishing its work before it goes. */
  draining: 5,
  /** Told to stop. */
  stopping: 6,
  /** Stopped in good order. */
  stopped: 7,
  /** Ended in error. */
  failed: 8,
  /** Out of the backend's sight. */
  lost: 9,
} as const;

/** Whether an instance of that phase is on its way out or gone: it will serve no more. */
export function isLeaving(phase: number): boolean {
  return phase >= Phase.draining && phase <= Phase.lost;
}
