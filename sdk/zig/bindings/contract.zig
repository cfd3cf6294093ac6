// Generated from the contract. DO NOT EDIT!

pub const export_describe = "trimtab:policy/decide@0.1.0#describe";
pub const post_return_describe = "cabi_post_trimtab:policy/decide@0.1.0#describe";

pub const export_needs = "trimtab:policy/decide@0.1.0#needs";
pub const post_return_needs = "cabi_post_trimtab:policy/decide@0.1.0#needs";

pub const export_evaluate = "trimtab:policy/decide@0.1.0#evaluate";
pub const post_return_evaluate = "cabi_post_trimtab:policy/decide@0.1.0#evaluate";

pub fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        pub const empty = of(&.{});

        pub fn of(items: []const T) @This() {
            return .{ .ptr = items.ptr, .len = items.len };
        }

        pub fn slice(list: @This()) []const T {
            return if (list.len == 0) &.{} else list.ptr[0..list.len];
        }
    };
}

pub fn Option(comptime T: type) type {
    return extern struct {
        is_some: bool,
        value: T,

        pub const none: @This() = .{ .is_some = false, .value = undefined };

        pub fn some(value: T) @This() {
            return .{ .is_some = true, .value = value };
        }

        pub fn get(option: @This()) ?T {
            return if (option.is_some) option.value else null;
        }
    };
}

pub fn Result(comptime T: type, comptime E: type) type {
    return extern struct {
        is_err: bool,
        payload: extern union { ok: T, err: E },
    };
}

pub fn Tuple2(comptime A: type, comptime B: type) type {
    return extern struct { f0: A, f1: B };
}

pub const String = List(u8);

/// A small value in `attrs`.
pub const Value = extern struct {
    tag: enum(u8) { int, num, text, flag },
    payload: extern union {
        /// A whole number.
        int: i64,
        /// A measurement.
        num: f64,
        /// A text.
        text: String,
        /// Yes or no.
        flag: bool,
    },
};

/// Room to grow: named small values. Unknown names are to be ignored. An empty list costs nothing.
pub const Attrs = List(Tuple2(String, Value));

/// The value of a parameter. Parameters cross in the order in which the manifest declares them, without their names,
/// one value for each: the host has filled in defaults and checked type and range.
pub const ParamValue = extern struct {
    tag: enum(u8) { unset, flag, int, num, text, duration_ms, flags, ints, nums, texts, durations_ms, json },
    payload: extern union {
        /// Type `bool`.
        flag: bool,
        /// Type `s64`.
        int: i64,
        /// Type `f64`; always finite.
        num: f64,
        /// Type `text`.
        text: String,
        /// Type `duration`, in milliseconds.
        duration_ms: u64,
        /// Type `list<bool>`.
        flags: List(bool),
        /// Type `list<s64>`.
        ints: List(i64),
        /// Type `list<f64>`.
        nums: List(f64),
        /// Type `list<text>`.
        texts: List(String),
        /// Type `list<duration>`, in milliseconds.
        durations_ms: List(u64),
        /// Type `json`: JSON text that fits the parameter's schema.
        json: String,
    },
};

/// One parameter that a policy takes.
pub const Parameter = extern struct {
    /// Lower-case letters, digits and `_`; unique in the manifest.
    name: String,
    /// `bool`, `s64`, `f64`, `text`, `duration`, `list<…>` of one of these, or `json`.
    kind: String,
    /// The value where the operator gives none; `unset` makes the parameter optional, or required if `required`.
    default: ParamValue,
    /// Whether a binding without it is refused.
    required: bool,
    /// Least number (for durations: milliseconds; for lists: of each item).
    min: Option(f64),
    /// Greatest number, likewise.
    max: Option(f64),
    /// For `text` and `list<text>`: the values allowed; empty allows any.
    choices: List(String),
    /// For `json`: a JSON Schema; empty for none.
    schema: String,
    /// One or two sentences for a person.
    doc: String,
    /// Room to grow.
    attrs: Attrs,
};

/// What a policy says of itself. The same at every call.
pub const Manifest = extern struct {
    /// Lower-case letters, digits and `-`.
    name: String,
    /// Semantic version of the policy.
    version: String,
    /// One sentence.
    summary: String,
    /// Its parameters, in the order in which their values are passed.
    parameters: List(Parameter),
    /// Kinds of proposal that it may make, as in `proposal.kind`. `hold` needs no mention.
    kinds: List(String),
    /// Most bytes of memory that it keeps from one evaluation to the next; 0 for none.
    memory_bytes: u32,
    /// Number of the format of these bytes. Another version inherits the memory only if its number is the same.
    memory_format: u32,
    /// Room to grow.
    attrs: Attrs,
};

/// One fact that a policy wants in its snapshots. What no need asks for does not cross.
pub const Need = extern struct {
    /// `reading`, `label`, `instances`, `nodes`, `alerts`, `changes`, `transitions`. A host that does not know a kind
    /// refuses the binding and names it.
    kind: String,
    /// For `reading`: its name in the binding. For `label`: the label. For `transitions`: the IANA time zone. Else empty.
    name: String,
    /// For `reading`: whose it is: `target`, `instance`, `node`, `container`, `pool`, `balancer`, `queue`. Else empty.
    subject: String,
    /// For `reading`: the unit expected, for a person and a check; empty if any. Else empty.
    unit: String,
    /// For `reading`, `changes`: how far back. 0: the latest sample only. For `transitions`: how far ahead.
    look_back_ms: u64,
    /// For `reading`: the wanted distance of samples; 0 leaves it to the source.
    step_ms: u64,
    /// Whether the binding is refused if nothing provides it.
    required: bool,
    /// Room to grow.
    attrs: Attrs,
};

/// Why a policy declines to answer. Not a crash, and never a wish to lower.
pub const Refusal = extern struct {
    /// `reading-missing`, `parameter-wrong`, `not-applicable`, or another word.
    kind: String,
    /// One sentence for a person, with the names and numbers concerned.
    text: String,
    /// Room to grow.
    attrs: Attrs,
};

/// CPU and memory; `none` is "not known" or "not limited", never zero.
pub const Resources = extern struct {
    /// Thousandths of a core.
    cpu_millis: Option(u64),
    /// Bytes.
    memory_bytes: Option(u64),
};

/// One container of the workload's template (a plain process is one container named `main`).
pub const Container = extern struct {
    /// Its name.
    name: String,
    /// What is set aside for it.
    requests: Resources,
    /// What it may use at most.
    limits: Resources,
    /// Room to grow.
    attrs: Attrs,
};

/// A size that the backend sells or knows.
pub const Size = extern struct {
    /// Its name at the backend.
    class: String,
    /// What it has.
    resources: Resources,
    /// Price of one instance for one hour, in the operator's currency; `none` if not known.
    price_per_hour: Option(f64),
    /// Room to grow.
    attrs: Attrs,
};

/// What the backend can do for this target.
pub const Abilities = extern struct {
    /// Whether a proposal may choose which instance goes: 0 no, 1 as a hint, 2 exactly.
    victims: u8,
    /// How instances change size: 0 not at all, 1 live, 2 by being made anew.
    resize: u8,
    /// Kinds of proposal that the backend can carry out.
    kinds: List(String),
    /// Sizes to choose from; empty if any size goes.
    sizes: List(Size),
    /// Room to grow.
    attrs: Attrs,
};

/// The bounds in force; the host holds every answer to them, a policy reads them to plan.
pub const Limits = extern struct {
    /// Fewest replicas.
    replicas_min: u32,
    /// Most replicas.
    replicas_max: u32,
    /// Least per container.
    least: Resources,
    /// Most per container.
    most: Resources,
    /// Room to grow.
    attrs: Attrs,
};

/// The workload.
pub const Target = extern struct {
    /// Unique in the host: `driver/name`.
    id: String,
    /// The driver's name.
    backend: String,
    /// What the backend calls such a thing: `process-group`, `service`, `stateful-set` …
    kind: String,
    /// Zones that it spans.
    zones: List(String),
    /// The labels asked for by need, where the target has them.
    labels: List(Tuple2(String, String)),
    /// The count last asked of the backend; the base for any new count.
    desired: u32,
    /// Instances that exist, of whatever phase.
    total: u32,
    /// Instances that serve.
    ready: u32,
    /// Its containers.
    containers: List(Container),
    /// What the backend can do.
    abilities: Abilities,
    /// The bounds in force.
    limits: Limits,
    /// Room to grow.
    attrs: Attrs,
};

/// A change that was begun and is not yet complete.
pub const InFlight = extern struct {
    /// As `proposal.kind`.
    kind: String,
    /// Count before.
    from_count: u32,
    /// Count asked for.
    to_count: u32,
    /// When it began.
    since_ms: u64,
    /// What it waits for, for a person.
    pending: List(String),
    /// Whether its deadline has passed.
    stuck: bool,
    /// Room to grow.
    attrs: Attrs,
};

/// One instance of the workload.
pub const Instance = extern struct {
    /// Unique in the target; what proposals name.
    id: String,
    /// The name people know; may equal `id`.
    name: String,
    /// Index of its node in `snapshot.nodes` if nodes were asked for, else a number that tells nodes apart.
    node: Option(u32),
    /// 0 unknown, 1 pending, 2 starting, 3 ready, 4 unready, 5 draining, 6 stopping, 7 stopped, 8 failed, 9 lost.
    phase: u8,
    /// When it started.
    started_ms: Option(u64),
    /// Times it was restarted by whatever keeps it running.
    restarts: u32,
    /// What is set aside for it.
    requests: Resources,
    /// What it may use at most.
    limits: Resources,
    /// What it uses now.
    usage: Resources,
    /// Whether the operator or the backend forbids to remove it.
    protected: bool,
    /// Room to grow.
    attrs: Attrs,
};

/// One node that instances run on.
pub const Node = extern struct {
    /// Unique at the backend.
    id: String,
    /// Its zone; empty if none.
    zone: String,
    /// Whether it works.
    ready: bool,
    /// Whether new instances may be put there.
    schedulable: bool,
    /// What it has.
    capacity: Resources,
    /// What is free on it.
    free: Resources,
    /// Room to grow.
    attrs: Attrs,
};

/// All readings, as columns. Row i is (needs[i], owners[i], freshness[i], firsts[i], counts[i]). Rows are ordered by
/// need, then by owner, and no row is missing: a reading that could not be had is a row whose freshness is absent.
pub const Readings = extern struct {
    /// Index into the list that `needs` returned. Forms are numbers unless `freshness` says otherwise.
    needs: List(u32),
    /// Index into `snapshot.instances` or `snapshot.nodes`, as the need's subject says; 4294967295 for the target's own
    /// and for other subjects, whose names then stand in `owner-names`.
    owners: List(u32),
    /// 0 fresh, 1 stale (samples are there, too old to act on), 2 absent (no samples: not known, never zero). Add 16 for
    /// a reading whose samples are texts.
    freshness: List(u8),
    /// First sample, as an index into `times-ms` and `values`, or into `text-times-ms` and `texts` for a reading of texts.
    firsts: List(u32),
    /// Number of samples, oldest first.
    counts: List(u32),
    /// Times of the numeric samples.
    times_ms: List(u64),
    /// The numeric samples; always finite.
    values: List(f64),
    /// Times of the text samples.
    text_times_ms: List(u64),
    /// The text samples.
    texts: List(String),
    /// Names of owners that are neither instances nor nodes: (row, name).
    owner_names: List(Tuple2(u32, String)),
    /// Room to grow.
    attrs: Attrs,
};

/// An alert that nobody has handled yet.
pub const Alert = extern struct {
    /// Unique in the host.
    id: String,
    /// Its name.
    name: String,
    /// When it began.
    since_ms: u64,
    /// Its labels.
    labels: List(Tuple2(String, String)),
    /// Room to grow.
    attrs: Attrs,
};

/// A change that was made.
pub const Change = extern struct {
    /// When.
    at_ms: u64,
    /// As `proposal.kind`.
    kind: String,
    /// Count before.
    from_count: u32,
    /// Count after.
    to_count: u32,
    /// `policy`, `correction`, `repair`, `manual`, or another word.
    by: String,
    /// Room to grow.
    attrs: Attrs,
};

/// Offsets of a time zone from UTC, so that no policy bakes in a table that ages.
pub const ZoneTransitions = extern struct {
    /// IANA name.
    zone: String,
    /// Points in time from which the offset of the same index holds; the first is at or before `now-ms`.
    at_ms: List(u64),
    /// Seconds east of UTC.
    offsets_seconds: List(i32),
    /// Room to grow.
    attrs: Attrs,
};

/// The facts of one moment about one target.
pub const Snapshot = extern struct {
    /// The time of this moment. There is no other clock.
    now_ms: u64,
    /// The workload.
    target: Target,
    /// The change in flight, if there is one.
    in_flight: Option(InFlight),
    /// By need `instances`, and where a reading belongs to instances.
    instances: List(Instance),
    /// By need `nodes`, and where a reading belongs to nodes.
    nodes: List(Node),
    /// By needs `reading`.
    readings: Readings,
    /// By need `alerts`.
    alerts: List(Alert),
    /// By need `changes`; oldest first.
    changes: List(Change),
    /// By needs `transitions`.
    transitions: List(ZoneTransitions),
    /// The parameters, in the manifest's order.
    params: List(ParamValue),
    /// What this policy returned as memory for this target last time, if its format fits; else empty.
    memory: List(u8),
    /// Room to grow.
    attrs: Attrs,
};

/// New requests and limits of one container; `none` leaves a figure as it is.
pub const ContainerResources = extern struct {
    /// The container; empty for the only one.
    container: String,
    /// What to set aside for it.
    requests: Resources,
    /// What it may use at most.
    limits: Resources,
    /// Room to grow.
    attrs: Attrs,
};

/// One thing that a policy asks for. The host bounds it.
pub const Proposal = extern struct {
    /// `scale`, `resize`, `restart`, `replace`, `remove`, `start`, `redeploy`, `hold`.
    kind: String,
    /// For `scale`: exactly so many replicas.
    count: Option(u32),
    /// For `scale`: at least so many, whatever others ask.
    at_least: Option(u32),
    /// For `scale`: at most so many, whatever others ask.
    at_most: Option(u32),
    /// Ids of the instances concerned, the preferred first. For `scale`: which to remove first.
    instances: List(String),
    /// For `resize`: per container.
    resources: List(ContainerResources),
    /// For `resize`: a size of `abilities.sizes`; empty for none.
    size_class: String,
    /// For `scale` and `replace`: nodes or zones to prefer, the preferred first.
    placement: List(String),
    /// Proposals of one group, other than 0, are done all or not at all.
    group: u32,
    /// One sentence for a person, with the numbers that led to it.
    reason: String,
    /// Room to grow.
    attrs: Attrs,
};

/// What the policy came to.
pub const Verdict = extern struct {
    tag: enum(u8) { proposals, refused },
    payload: extern union {
        /// What it asks for. An empty list abstains; `hold` votes for the present state.
        proposals: List(Proposal),
        /// It declines.
        refused: Refusal,
    },
};

/// The whole answer.
pub const Answer = extern struct {
    /// What the policy came to.
    verdict: Verdict,
    /// Memory for the next evaluation; `none` keeps the present one.
    memory: Option(List(u8)),
    /// Sentences for whoever reads the record; bounded in number and length.
    notes: List(String),
    /// Named values for whoever reads the record. Published: `alerts-dealt-with`, a text: the ids of the alerts that this
    /// answer deals with, with spaces between; without it, an answer that proposes anything deals with all that it was shown.
    attrs: Attrs,
};
