// Plays a policy through moments: the built module, in a fresh instance each time, through the same functions as the host's.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Instance } from "./abi.mjs";

/** When a scene is set, in milliseconds since the Unix epoch, and how far apart its samples are unless it says otherwise. */
const NOW_MS = 1_800_000_000_000;
const STEP_MS = 15_000;
const NO_INDEX = 0xffff_ffff;
const [FRESH, STALE, ABSENT] = [0, 1, 2];

/** One moment. */
export class Scene {
  #desired = 1;
  #readings = [];
  #instances = [];
  #more = {};
  #target = {};

  /** The count last asked of the backend. */
  replicas(count) {
    this.#desired = count;
    return this;
  }
  /** Fresh samples of the target's own reading, oldest first, so far apart. The last is of now. */
  reading(name, values, stepMs = STEP_MS) {
    this.#readings.push({ name, owner: null, freshness: FRESH, values, stepMs });
    return this;
  }
  /** The same, too old to act on. */
  stale(name, values, stepMs = STEP_MS) {
    this.#readings.push({ name, owner: null, freshness: STALE, values, stepMs });
    return this;
  }
  /** One more instance, with fresh samples by the names of readings: `{ busy: [40] }`. What is not named is absent. */
  instance(id, readings = {}, fields = {}) {
    const owner = this.#instances.length;
    this.#instances.push({ id, name: id, phase: 3, ...fields });
    for (const [name, values] of Object.entries(readings)) {
      this.#readings.push({ name, owner, freshness: FRESH, values, stepMs: STEP_MS });
    }
    return this;
  }
  /** Fresh samples of what the snapshot knows by name only: a container, pool, balancer or queue. */
  named(name, owner, values) {
    this.#readings.push({ name, owner, freshness: FRESH, values, stepMs: STEP_MS });
    return this;
  }
  /** Other fields of the contract's snapshot, or of its target: `with({ alerts: […] }, { labels: [["tier", "web"]] })`. */
  with(fields, target = {}) {
    this.#more = { ...this.#more, ...fields };
    this.#target = { ...this.#target, ...target };
    return this;
  }

  /** The snapshot as it crosses, with what these needs ask for. */
  snapshot(needs, params, memory) {
    const names = ["needs", "owners", "freshness", "firsts", "counts", "timesMs", "values", "textTimesMs", "texts", "ownerNames"];
    const columns = Object.fromEntries(names.map((name) => [name, []]));
    needs.forEach((need, index) => {
      if (need.kind !== "reading") return;
      for (const owner of this.#owners(need)) this.#row(columns, need, index, owner);
    });
    const count = this.#instances.length || this.#desired;
    return {
      nowMs: NOW_MS,
      target: {
        id: "rehearsal/target",
        backend: "rehearsal",
        desired: this.#desired,
        total: count,
        ready: count,
        limits: { replicasMin: 0, replicasMax: NO_INDEX },
        ...this.#target,
      },
      instances: this.#instances,
      readings: columns,
      params,
      memory,
      ...this.#more,
    };
  }

  /** Whose the rows of a need are: an instance's index, a name, or null for the target. */
  #owners({ subject, name }) {
    if (subject === "instance") return this.#instances.map((_, owner) => owner);
    if (subject === "target") return [null];
    return this.#readings.filter((one) => one.name === name && typeof one.owner === "string").map(({ owner }) => owner);
  }

  #row(columns, need, index, owner) {
    const found = this.#readings.find((one) => one.name === need.name && one.owner === owner);
    const texts = typeof found?.values[0] === "string";
    const [times, values] = texts ? [columns.textTimesMs, columns.texts] : [columns.timesMs, columns.values];
    if (typeof owner === "string") columns.ownerNames.push([columns.needs.length, owner]);
    columns.needs.push(index);
    columns.owners.push(typeof owner === "number" ? owner : NO_INDEX);
    columns.firsts.push(values.length);
    const known = found?.values ?? [];
    const taken = known.map((value, i) => [NOW_MS - (known.length - 1 - i) * found.stepMs, value]);
    const reach = taken.filter(([atMs], i) => i === taken.length - 1 || NOW_MS - atMs <= Number(need.lookBackMs));
    for (const [atMs, value] of reach) {
      times.push(atMs);
      values.push(value);
    }
    columns.counts.push(reach.length);
    columns.freshness.push((reach.length > 0 ? found.freshness : ABSENT) + (texts ? 16 : 0));
  }
}

/** A policy on the bench: what an operator set, and what it remembers from one scene to the next. */
export class Rehearsal {
  #module;
  #set = {};
  #memory = [];

  /** The module in a file; by default the one that `npm run build` makes. */
  constructor(file) {
    file ??= JSON.parse(readFileSync("asconfig.json", "utf8")).targets.release.outFile;
    this.#module = new WebAssembly.Module(readFileSync(file));
  }

  /** Sets a parameter; durations are milliseconds. */
  set(name, value) {
    this.#set[name] = value;
    return this;
  }
  /** What the policy says of itself. */
  manifest() {
    return this.call("describe");
  }
  /** What it asks for under these parameters: `{ ok: […] }`, or `{ err: refusal }`. */
  needs() {
    return this.call("needs", this.parameters());
  }
  /** Plays one scene, and says what came of it. */
  play(scene) {
    const needs = this.needs();
    assert.ok(needs.ok, `the needs are refused: ${needs.err?.text}`);
    const answer = this.call("evaluate", scene.snapshot(needs.ok, this.parameters(), this.#memory));
    this.#memory = answer.memory ?? this.#memory;
    return new Played(answer);
  }

  /** Calls one of the contract's functions in a fresh instance. */
  call(name, ...values) {
    return new Instance(this.#module).call(name, ...values);
  }
  /** The parameters as they cross: what was set, and the defaults. */
  parameters() {
    const declared = this.manifest().parameters;
    for (const name of Object.keys(this.#set)) {
      assert.ok(
        declared.some((one) => one.name === name),
        `the policy has no parameter \`${name}\``,
      );
    }
    return declared.map((one) => {
      if (!(one.name in this.#set)) {
        assert.ok(!one.required, `parameter \`${one.name}\` is required: give it with set`);
        return one.default;
      }
      return { tag: TAGS[one.kind], value: this.#set[one.name] };
    });
  }
}

/** How values of each kind of parameter cross. */
const TAGS = {
  bool: "flag",
  s64: "int",
  f64: "num",
  text: "text",
  duration: "durationMs",
  json: "json",
  "list<bool>": "flags",
  "list<s64>": "ints",
  "list<f64>": "nums",
  "list<text>": "texts",
  "list<duration>": "durationsMs",
};

/** What came of a scene, to be held against what should have. */
export class Played {
  constructor(answer) {
    /** The contract's own record. */
    this.answer = answer;
  }

  /** The proposals; fails if it refused. */
  get proposals() {
    const { tag, value } = this.answer.verdict;
    assert.equal(tag, "proposals", `it refused: ${value.text}`);
    return value;
  }
  /** It asks for exactly one thing: so many replicas. */
  scalesTo(count) {
    assert.deepEqual(this.proposals.map(({ kind, count }) => [kind, count]), [["scale", count]]);
    return this;
  }
  /** It votes for the present state, and asks for nothing else. */
  holds() {
    assert.deepEqual(this.proposals.map(({ kind }) => kind), ["hold"]);
    return this;
  }
  /** It has nothing to say. */
  abstains() {
    assert.deepEqual(this.proposals, []);
    return this;
  }
  /** It declines, for a reason of that kind. */
  refuses(kind) {
    const { tag, value } = this.answer.verdict;
    assert.equal(tag, "refused", "it did not refuse");
    assert.equal(value.kind, kind);
    return this;
  }
  /** A reason, the text of its refusal or a note holds these words. */
  says(words) {
    const { tag, value } = this.answer.verdict;
    const said = [...(tag === "refused" ? [value.text] : value.map(({ reason }) => reason)), ...this.answer.notes];
    assert.ok(said.some((text) => text.includes(words)), `${JSON.stringify(words)} is not in ${JSON.stringify(said)}`);
    return this;
  }
}
