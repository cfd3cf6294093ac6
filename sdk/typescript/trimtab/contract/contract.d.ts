// Made from wit/v1/policy.wit by `cargo xtask bindings`. Not to be edited.

/** A small value in `attrs`. */
export type Value =
  /** A whole number. */
  | { tag: "int"; val: number }
  /** A measurement. */
  | { tag: "num"; val: number }
  /** A text. */
  | { tag: "text"; val: string }
  /** Yes or no. */
  | { tag: "flag"; val: boolean };

/** Room to grow: named small values. Unknown names are to be ignored. An empty list costs nothing. */
export type Attrs = [string, Value][];

/**
 * ---------------------------------------------------------------------------------------------- manifest, needs
 * The value of a parameter. Parameters cross in the order in which the manifest declares them, without their names,
 * one value for each: the host has filled in defaults and checked type and range.
 */
export type ParamValue =
  /** An optional parameter that the operator did not give. */
  | { tag: "unset" }
  /** Type `bool`. */
  | { tag: "flag"; val: boolean }
  /** Type `s64`. */
  | { tag: "int"; val: number }
  /** Type `f64`; always finite. */
  | { tag: "num"; val: number }
  /** Type `text`. */
  | { tag: "text"; val: string }
  /** Type `duration`, in milliseconds. */
  | { tag: "duration-ms"; val: number }
  /** Type `list<bool>`. */
  | { tag: "flags"; val: boolean[] }
  /** Type `list<s64>`. */
  | { tag: "ints"; val: number[] }
  /** Type `list<f64>`. */
  | { tag: "nums"; val: number[] }
  /** Type `list<text>`. */
  | { tag: "texts"; val: string[] }
  /** Type `list<duration>`, in milliseconds. */
  | { tag: "durations-ms"; val: number[] }
  /** Type `json`: JSON text that fits the parameter's schema. */
  | { tag: "json"; val: string };

/** One parameter that a policy takes. */
export interface Parameter {
  /** Lower-case letters, digits and `_`; unique in the manifest. */
  name: string;
  /** `bool`, `s64`, `f64`, `text`, `duration`, `list<…>` of one of these, or `json`. */
  kind: string;
  /** The value where the operator gives none; `unset` makes the parameter optional, or required if `required`. */
  default: ParamValue;
  /** Whether a binding without it is refused. */
  required: boolean;
  /** Least number (for durations: milliseconds; for lists: of each item). */
  min: number | null;
  /** Greatest number, likewise. */
  max: number | null;
  /** For `text` and `list<text>`: the values allowed; empty allows any. */
  choices: string[];
  /** For `json`: a JSON Schema; empty for none. */
  schema: string;
  /** One or two sentences for a person. */
  doc: string;
  /** Room to grow. */
  attrs: Attrs;
}

/** What a policy says of itself. The same at every call. */
export interface Manifest {
  /** Lower-case letters, digits and `-`. */
  name: string;
  /** Semantic version of the policy. */
  version: string;
  /** One sentence. */
  summary: string;
  /** Its parameters, in the order in which their values are passed. */
  parameters: Parameter[];
  /** Kinds of proposal that it may make, as in `proposal.kind`. `hold` needs no mention. */
  kinds: string[];
  /** Most bytes of memory that it keeps from one evaluation to the next; 0 for none. */
  memoryBytes: number;
  /** Number of the format of these bytes. Another version inherits the memory only if its number is the same. */
  memoryFormat: number;
  /** Room to grow. */
  attrs: Attrs;
}

/** One fact that a policy wants in its snapshots. What no need asks for does not cross. */
export interface Need {
  /**
   * `reading`, `label`, `instances`, `nodes`, `alerts`, `changes`, `transitions`. A host that does not know a kind
   * refuses the binding and names it.
   */
  kind: string;
  /** For `reading`: its name in the binding. For `label`: the label. For `transitions`: the IANA time zone. Else empty. */
  name: string;
  /** For `reading`: whose it is: `target`, `instance`, `node`, `container`, `pool`, `balancer`, `queue`. Else empty. */
  subject: string;
  /** For `reading`: the unit expected, for a person and a check; empty if any. Else empty. */
  unit: string;
  /** For `reading`, `changes`: how far back. 0: the latest sample only. For `transitions`: how far ahead. */
  lookBackMs: number;
  /** For `reading`: the wanted distance of samples; 0 leaves it to the source. */
  stepMs: number;
  /** Whether the binding is refused if nothing provides it. */
  required: boolean;
  /** Room to grow. */
  attrs: Attrs;
}

/** Why a policy declines to answer. Not a crash, and never a wish to lower. */
export interface Refusal {
  /** `reading-missing`, `parameter-wrong`, `not-applicable`, or another word. */
  kind: string;
  /** One sentence for a person, with the names and numbers concerned. */
  text: string;
  /** Room to grow. */
  attrs: Attrs;
}

/**
 * ------------------------------------------------------------------------------------------------------ snapshot
 * CPU and memory; `none` is "not known" or "not limited", never zero.
 */
export interface Resources {
  /** Thousandths of a core. */
  cpuMillis: number | null;
  /** Bytes. */
  memoryBytes: number | null;
}

/** One container of the workload's template (a plain process is one container named `main`). */
export interface Container {
  /** Its name. */
  name: string;
  /** What is set aside for it. */
  requests: Resources;
  /** What it may use at most. */
  limits: Resources;
  /** Room to grow. */
  attrs: Attrs;
}

/** A size that the backend sells or knows. */
export interface Size {
  /** Its name at the backend. */
  class: string;
  /** What it has. */
  resources: Resources;
  /** Price of one instance for one hour, in the operator's currency; `none` if not known. */
  pricePerHour: number | null;
  /** Room to grow. */
  attrs: Attrs;
}

/** What the backend can do for this target. */
export interface Abilities {
  /** Whether a proposal may choose which instance goes: 0 no, 1 as a hint, 2 exactly. */
  victims: number;
  /** How instances change size: 0 not at all, 1 live, 2 by being made anew. */
  resize: number;
  /** Kinds of proposal that the backend can carry out. */
  kinds: string[];
  /** Sizes to choose from; empty if any size goes. */
  sizes: Size[];
  /** Room to grow. */
  attrs: Attrs;
}

/** The bounds in force; the host holds every answer to them, a policy reads them to plan. */
export interface Limits {
  /** Fewest replicas. */
  replicasMin: number;
  /** Most replicas. */
  replicasMax: number;
  /** Least per container. */
  least: Resources;
  /** Most per container. */
  most: Resources;
  /** Room to grow. */
  attrs: Attrs;
}

/** The workload. */
export interface Target {
  /** Unique in the host: `driver/name`. */
  id: string;
  /** The driver's name. */
  backend: string;
  /** What the backend calls such a thing: `process-group`, `service`, `stateful-set` … */
  kind: string;
  /** Zones that it spans. */
  zones: string[];
  /** The labels asked for by need, where the target has them. */
  labels: [string, string][];
  /** The count last asked of the backend; the base for any new count. */
  desired: number;
  /** Instances that exist, of whatever phase. */
  total: number;
  /** Instances that serve. */
  ready: number;
  /** Its containers. */
  containers: Container[];
  /** What the backend can do. */
  abilities: Abilities;
  /** The bounds in force. */
  limits: Limits;
  /** Room to grow. */
  attrs: Attrs;
}

/** A change that was begun and is not yet complete. */
export interface InFlight {
  /** As `proposal.kind`. */
  kind: string;
  /** Count before. */
  fromCount: number;
  /** Count asked for. */
  toCount: number;
  /** When it began. */
  sinceMs: number;
  /** What it waits for, for a person. */
  pending: string[];
  /** Whether its deadline has passed. */
  stuck: boolean;
  /** Room to grow. */
  attrs: Attrs;
}

/** One instance of the workload. */
export interface Instance {
  /** Unique in the target; what proposals name. */
  id: string;
  /** The name people know; may equal `id`. */
  name: string;
  /** Index of its node in `snapshot.nodes` if nodes were asked for, else a number that tells nodes apart. */
  node: number | null;
  /** 0 unknown, 1 pending, 2 starting, 3 ready, 4 unready, 5 draining, 6 stopping, 7 stopped, 8 failed, 9 lost. */
  phase: number;
  /** When it started. */
  startedMs: number | null;
  /** Times it was restarted by whatever keeps it running. */
  restarts: number;
  /** What is set aside for it. */
  requests: Resources;
  /** What it may use at most. */
  limits: Resources;
  /** What it uses now. */
  usage: Resources;
  /** Whether the operator or the backend forbids to remove it. */
  protected: boolean;
  /** Room to grow. */
  attrs: Attrs;
}

/** One node that instances run on. */
export interface Node {
  /** Unique at the backend. */
  id: string;
  /** Its zone; empty if none. */
  zone: string;
  /** Whether it works. */
  ready: boolean;
  /** Whether new instances may be put there. */
  schedulable: boolean;
  /** What it has. */
  capacity: Resources;
  /** What is free on it. */
  free: Resources;
  /** Room to grow. */
  attrs: Attrs;
}

/**
 * All readings, as columns. Row i is (needs[i], owners[i], freshness[i], firsts[i], counts[i]). Rows are ordered by
 * need, then by owner, and no row is missing: a reading that could not be had is a row whose freshness is absent.
 */
export interface Readings {
  /** Index into the list that `needs` returned. Forms are numbers unless `freshness` says otherwise. */
  needs: number[];
  /**
   * Index into `snapshot.instances` or `snapshot.nodes`, as the need's subject says; 4294967295 for the target's own
   * and for other subjects, whose names then stand in `owner-names`.
   */
  owners: number[];
  /**
   * 0 fresh, 1 stale (samples are there, too old to act on), 2 absent (no samples: not known, never zero). Add 16 for
   * a reading whose samples are texts.
   */
  freshness: Uint8Array;
  /** First sample, as an index into `times-ms` and `values`, or into `text-times-ms` and `texts` for a reading of texts. */
  firsts: number[];
  /** Number of samples, oldest first. */
  counts: number[];
  /** Times of the numeric samples. */
  timesMs: number[];
  /** The numeric samples; always finite. */
  values: number[];
  /** Times of the text samples. */
  textTimesMs: number[];
  /** The text samples. */
  texts: string[];
  /** Names of owners that are neither instances nor nodes: (row, name). */
  ownerNames: [number, string][];
  /** Room to grow. */
  attrs: Attrs;
}

/** An alert that nobody has handled yet. */
export interface Alert {
  /** Unique in the host. */
  id: string;
  /** Its name. */
  name: string;
  /** When it began. */
  sinceMs: number;
  /** Its labels. */
  labels: [string, string][];
  /** Room to grow. */
  attrs: Attrs;
}

/** A change that was made. */
export interface Change {
  /** When. */
  atMs: number;
  /** As `proposal.kind`. */
  kind: string;
  /** Count before. */
  fromCount: number;
  /** Count after. */
  toCount: number;
  /** `policy`, `correction`, `repair`, `manual`, or another word. */
  by: string;
  /** Room to grow. */
  attrs: Attrs;
}

/** Offsets of a time zone from UTC, so that no policy bakes in a table that ages. */
export interface ZoneTransitions {
  /** IANA name. */
  zone: string;
  /** Points in time from which the offset of the same index holds; the first is at or before `now-ms`. */
  atMs: number[];
  /** Seconds east of UTC. */
  offsetsSeconds: number[];
  /** Room to grow. */
  attrs: Attrs;
}

/** The facts of one moment about one target. */
export interface Snapshot {
  /** The time of this moment. There is no other clock. */
  nowMs: number;
  /** The workload. */
  target: Target;
  /** The change in flight, if there is one. */
  inFlight: InFlight | null;
  /** By need `instances`, and where a reading belongs to instances. */
  instances: Instance[];
  /** By need `nodes`, and where a reading belongs to nodes. */
  nodes: Node[];
  /** By needs `reading`. */
  readings: Readings;
  /** By need `alerts`. */
  alerts: Alert[];
  /** By need `changes`; oldest first. */
  changes: Change[];
  /** By needs `transitions`. */
  transitions: ZoneTransitions[];
  /** The parameters, in the manifest's order. */
  params: ParamValue[];
  /** What this policy returned as memory for this target last time, if its format fits; else empty. */
  memory: Uint8Array;
  /** Room to grow. */
  attrs: Attrs;
}

/**
 * -------------------------------------------------------------------------------------------------------- answer
 * New requests and limits of one container; `none` leaves a figure as it is.
 */
export interface ContainerResources {
  /** The container; empty for the only one. */
  container: string;
  /** What to set aside for it. */
  requests: Resources;
  /** What it may use at most. */
  limits: Resources;
  /** Room to grow. */
  attrs: Attrs;
}

/** One thing that a policy asks for. The host bounds it. */
export interface Proposal {
  /** `scale`, `resize`, `restart`, `replace`, `remove`, `start`, `redeploy`, `hold`. */
  kind: string;
  /** For `scale`: exactly so many replicas. */
  count: number | null;
  /** For `scale`: at least so many, whatever others ask. */
  atLeast: number | null;
  /** For `scale`: at most so many, whatever others ask. */
  atMost: number | null;
  /** Ids of the instances concerned, the preferred first. For `scale`: which to remove first. */
  instances: string[];
  /** For `resize`: per container. */
  resources: ContainerResources[];
  /** For `resize`: a size of `abilities.sizes`; empty for none. */
  sizeClass: string;
  /** For `scale` and `replace`: nodes or zones to prefer, the preferred first. */
  placement: string[];
  /** Proposals of one group, other than 0, are done all or not at all. */
  group: number;
  /** One sentence for a person, with the numbers that led to it. */
  reason: string;
  /** Room to grow. */
  attrs: Attrs;
}

/** What the policy came to. */
export type Verdict =
  /** What it asks for. An empty list abstains; `hold` votes for the present state. */
  | { tag: "proposals"; val: Proposal[] }
  /** It declines. */
  | { tag: "refused"; val: Refusal };

/** The whole answer. */
export interface Answer {
  /** What the policy came to. */
  verdict: Verdict;
  /** Memory for the next evaluation; `none` keeps the present one. */
  memory: Uint8Array | null;
  /** Sentences for whoever reads the record; bounded in number and length. */
  notes: string[];
  /**
   * Named values for whoever reads the record. Published: `alerts-dealt-with`, a text: the ids of the alerts that this
   * answer deals with, with spaces between; without it, an answer that proposes anything deals with all that it was shown.
   */
  attrs: Attrs;
}
