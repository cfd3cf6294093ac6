// The contract's open sets: words and numbers that a newer host may add to. Compare with what you know, and let the rest be.

/** Kinds of proposal and change. */
export namespace Kind {
  /** Change the number of replicas. */
  export const Scale = "scale";
  /** Change requests and limits, or the size class. */
  export const Resize = "resize";
  /** Restart instances where they are. */
  export const Restart = "restart";
  /** Make a new instance for each, then remove the old. */
  export const Replace = "replace";
  /** Remove instances. */
  export const Remove = "remove";
  /** Start instances that are stopped. */
  export const Start = "start";
  /** Roll the whole workload anew. */
  export const Redeploy = "redeploy";
  /** Keep things as they are. */
  export const Hold = "hold";
}

/** Whose a reading is. */
export namespace Subject {
  export const Target = "target";
  export const Instance = "instance";
  export const Node = "node";
  export const Container = "container";
  export const Pool = "pool";
  export const Balancer = "balancer";
  export const Queue = "queue";
}

/** Why a policy declines to answer. */
export namespace RefusalKind {
  /** A reading that the answer depends on is absent or stale. */
  export const ReadingMissing = "reading-missing";
  /** The parameters contradict each other or the target. */
  export const ParameterWrong = "parameter-wrong";
  /** The policy has nothing to say about such a target. */
  export const NotApplicable = "not-applicable";
}

/** Stages of an instance's life, as `Instance.phase` has them. */
export namespace Phase {
  export const Unknown: u8 = 0;
  export const Pending: u8 = 1;
  export const Starting: u8 = 2;
  export const Ready: u8 = 3;
  export const Unready: u8 = 4;
  export const Draining: u8 = 5;
  export const Stopping: u8 = 6;
  export const Stopped: u8 = 7;
  export const Failed: u8 = 8;
  export const Lost: u8 = 9;
}

/** How exactly a proposal may choose which instances go, as `Abilities.victims` has it. */
export namespace Victims {
  export const None: u8 = 0;
  export const Hint: u8 = 1;
  export const Exact: u8 = 2;
}

/** How instances change size, as `Abilities.resize` has it. */
export namespace Resizing {
  export const None: u8 = 0;
  export const Live: u8 = 1;
  export const Anew: u8 = 2;
}
