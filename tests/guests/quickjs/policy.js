// Keeps one replica for every `target` of a reading. The other guests do the same, in the same words.

const READING = 0;
const TARGET = 1;
const FRESH = 0;
// componentize-qjs 0.4.5 passes a larger u32 on as this.
const REPLICAS_MAX = 2147483647;

export const decide = {
  describe() {
    return {
      name: "guest-quickjs",
      version: "0.1.0",
      summary: "One replica for every target of a reading.",
      parameters: [
        parameter("reading", "text", null, "The reading of the whole target."),
        parameter("target", "f64", 0.001, "How much of it one replica takes."),
      ],
      kinds: ["scale"],
      memoryBytes: 0,
      memoryFormat: 0,
      attrs: [],
    };
  },

  needs(params) {
    const wrong = complaint(params);
    if (wrong) throw wrong;
    const need = {
      kind: "reading",
      name: params[READING].val,
      subject: "target",
      unit: "",
      lookBackMs: 0,
      stepMs: 0,
      required: true,
      attrs: [],
    };
    return [need];
  },

  evaluate({ params, readings }) {
    const wrong = complaint(params);
    if (wrong) return refused(wrong);
    const name = params[READING].val;
    const total = latest(readings);
    if (total === null) return refused(refusal("reading-missing", `no fresh reading \`${name}\``));
    const target = params[TARGET].val;
    const count = Math.min(Math.ceil(total / target), REPLICAS_MAX);
    const reason = `\`${name}\` is ${total.toFixed(2)} and one replica takes ${target.toFixed(2)}: ${count} replicas`;
    return answer({ tag: "proposals", val: [scale(count, reason)] });
  },
};

// The latest sample of the only need, which is the first row; a load below zero counts as zero.
function latest({ freshness, firsts, counts, values }) {
  if (freshness.length === 0 || freshness[0] !== FRESH || counts[0] === 0) return null;
  return Math.max(values[firsts[0] + counts[0] - 1], 0);
}

function complaint(params) {
  if (params.length !== 2 || params[READING].tag !== "text" || params[TARGET].tag !== "num") {
    return refusal("parameter-wrong", "`reading` must be a text and `target` a number");
  }
  if (!(params[TARGET].val > 0)) return refusal("parameter-wrong", "`target` must be above zero");
  return null;
}

function parameter(name, kind, min, doc) {
  const unset = { tag: "unset" };
  return { name, kind, default: unset, required: true, min, max: null, choices: [], schema: "", doc, attrs: [] };
}

function refusal(kind, text) {
  return { kind, text, attrs: [] };
}

function refused(refusal) {
  return answer({ tag: "refused", val: refusal });
}

function answer(verdict) {
  return { verdict, memory: null, notes: [], attrs: [] };
}

function scale(count, reason) {
  return {
    kind: "scale",
    count,
    atLeast: null,
    atMost: null,
    instances: [],
    resources: [],
    sizeClass: "",
    placement: [],
    group: 0,
    reason,
    attrs: [],
  };
}
