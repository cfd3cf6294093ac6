// The layer's own tests: what the example does not touch.

import assert from "node:assert/strict";
import test from "node:test";

import { leaving, whole } from "../trimtab/crossing.js";
import {
  type Declarations, Phase, Refusal, Samples, type Snapshot,
  abstain, act, alerts, atLeast, atMost, changes, choice, duration, durations, figure, flag, hold, instances, integer, json, label,
  number, policy, reading, recall, remember, replicas, resize, scale, text, texts, transitions,
} from "../trimtab/index.js";
import { type Played, type Scene, play } from "../trimtab/rehearsal.js";

const everything = {
  name: text("The reading."),
  share: number("A share.", { default: 1, min: 0.5, max: 2 }),
  times: integer("How often.", { default: -3 }),
  isOn: flag("Whether.", { default: true }),
  patience: duration("How long.", { default: 1500, max: 3_600_000 }),
  side: choice("Which.", ["left", "right"], { default: "left" }),
  zones: texts("Where.", { default: ["a"], choices: ["a", "b"] }),
  spans: durations("How long, each.", { default: [2000] }),
  rules: json("What.", { default: "{}", schema: '{"type":"object"}' }),
  night: flag("Whether at night.", { optional: true }),
} satisfies Declarations;

type Said = ReturnType<Parameters<typeof policy<typeof everything>>[0]["evaluate"]>;
type Teller = (snapshot: Snapshot, parameters: Parameters<Parameters<typeof policy<typeof everything>>[0]["evaluate"]>[1]) => Said;

function decide(said: Teller) {
  return policy({
    name: "teller",
    version: "1.0.0",
    summary: "Says what it sees.",
    kinds: ["scale"],
    memory: { bytesMax: 64, format: 2 },
    parameters: everything,
    needs({ name, share }) {
      if (share === 2) throw Refusal.parameterWrong("a share of 2 is wrong");
      return [
        ...[reading(name, "target", { lookBackMs: 30_000 }), reading(name, "queue"), reading("busy", "node")],
        ...[label("app"), instances(), alerts(), changes(3_600_000), transitions("Europe/Berlin", 3_600_000)],
      ];
    },
    evaluate: said,
  });
}

function told(said: Teller, scene: Scene = {}): Played {
  return play(decide(said), { ...scene, params: { name: "load", ...scene.params } });
}

test("figures are those of every language", () => {
  const values = [0, 4, -4, 0.1, 0.25, 1 / 3, 0.9999, -0.0001, 1234567.891, 0.05, NaN, Infinity, -Infinity, 1e300, 1.5e16, 0.007];
  const shown = ["0", "4", "-4", "0.1", "0.25", "0.333", "1", "0", "1234567.891", "0.05", "nan", "inf", "-inf", "1.0e300", "1.5e16", "0.007"];
  assert.deepEqual(values.map(figure), shown);
});

test("counts round up and never wrap", () => {
  const wishes = [4, 4.001, 0.7 / 0.1, 0, 0.01, 1e-10, NaN, Infinity, 1e300, -1e300];
  assert.deepEqual(wishes.map(replicas), [4, 5, 7, 0, 1, 0, 0, 2 ** 32 - 1, 2 ** 32 - 1, 0]);
});

test("numbers leave as they fit", () => {
  // The tool takes a u32 for a signed number: -1 is 2^32 - 1.
  assert.deepEqual([2 ** 32 - 1, 2 ** 31, 2 ** 40, -5, NaN, 1.9].map(leaving), [-1, -(2 ** 31), -1, 0, 0, 1]);
  assert.deepEqual([1.9, -1.9, NaN, 2 ** 60, -Infinity, 5n].map(whole), [1, -1, 0, 2 ** 53 - 1, 1 - 2 ** 53, 5]);
});

test("the manifest says what was declared", () => {
  const manifest = decide(() => abstain()).describe();
  const shapes = manifest.parameters.map(({ name, kind, required }) => [name, kind, required]);
  assert.deepEqual(shapes[0], ["name", "text", true]);
  assert.deepEqual(shapes.at(-1), ["night", "bool", false]);
  assert.deepEqual(shapes.slice(1, 9).map(([, kind]) => kind), ["f64", "s64", "bool", "duration", "text", "list<text>", "list<duration>", "json"]);
  assert.deepEqual(manifest.parameters[4]?.default, { tag: "duration-ms", val: 1500 });
  assert.deepEqual(manifest.parameters[5]?.choices, ["left", "right"]);
  assert.deepEqual([manifest.memoryBytes, manifest.memoryFormat], [64, 2]);
});

test("values come back under their names", () => {
  told((_, parameters) => {
    const { share, times, isOn, patience, side, zones, spans, rules, night } = parameters;
    assert.deepEqual([share, times, isOn, patience, side, zones, spans, rules, night], [1, -3, true, 1500, "left", ["a"], [2000], "{}", null]);
    return abstain();
  });
});

test("values of other types are refused by name", () => {
  const policy = decide(() => abstain());
  const refusal = (needs: () => unknown): unknown => {
    try {
      return needs();
    } catch (thrown) {
      return thrown;
    }
  };
  const wrong = Array.from({ length: 10 }, () => ({ tag: "num", val: 1 }) as const);
  assert.deepEqual(refusal(() => policy.needs(wrong)), { kind: "parameter-wrong", text: "parameter `name`: expected text", attrs: [] });
  assert.match(JSON.stringify(refusal(() => policy.needs([]))), /`name`: expected a value/);
  assert.match(JSON.stringify(refusal(() => told(() => abstain(), { params: { share: 2 } }))), /a share of 2 is wrong/);
});

test("parameters that the host would not take are refused in rehearsal", () => {
  for (const params of [{ nmae: 1 }, { share: 3 }, { times: 1.5 }, { isOn: 1 }, { zones: ["c"] }, { zones: "a" }, { patience: 1e9 }, { side: "up" }]) {
    assert.throws(() => told(() => abstain(), { params }), RangeError, JSON.stringify(params));
  }
  assert.throws(() => play(decide(() => abstain()), {}), /`name` is required/);
});

test("what is not known is not zero", () => {
  const word = (readings?: Scene["readings"]) =>
    told((snapshot) => hold(snapshot.reading("load", "target").samples().state), readings === undefined ? {} : { readings }).reason;
  assert.deepEqual([word(), word({ load: "degraded" }), word({ load: { stale: 3 } }), word({ load: 0 })], ["absent", "absent", "stale", "fresh"]);
});

test("a text is a state", () => {
  const state = (snapshot: Snapshot) => {
    const fact = snapshot.reading("load").texts();
    return hold(fact.state === "fresh" ? fact.value.latest() : fact.state);
  };
  assert.equal(told(state, { readings: { load: "degraded" } }).reason, "degraded");
  assert.equal(told(state, { readings: { load: 1 } }).reason, "absent");
});

test("a reading that no need asked for is absent", () => {
  assert.equal(told((snapshot) => hold(`${snapshot.reading("x").fresh()}`)).refusal, "reading-missing");
});

test("the look-back cuts, and rows are told apart", () => {
  const sums = (snapshot: Snapshot) => {
    const nodes = snapshot.reading("busy").owners().map(([owner, fact]) => [owner.of === "node" ? owner.node.id : owner.of, fact.state]);
    return hold(JSON.stringify([snapshot.reading("load", "target").fresh().values(), nodes]));
  };
  const played = told(sums, { readings: { load: [1, 2, 3, 4], busy: { by: { "n-2": 5 } } }, nodes: ["n-1", "n-2"] });
  assert.equal(played.reason, '[[2,3,4],[["n-1","absent"],["n-2","fresh"]]]');
  const queues = (snapshot: Snapshot) => hold(snapshot.reading("load", "queue").owners().map(([owner]) => (owner.of === "other" ? owner.name : "?")).join());
  assert.equal(told(queues, { readings: { load: { by: { b: 1, a: 2 } } } }).reason, "a,b");
});

test("only what serves counts as serving", () => {
  const phases = [Phase.starting, Phase.ready, Phase.unready, Phase.draining, Phase.lost, 77];
  const rows = phases.map((phase) => ({ id: `i-${phase}`, phase }));
  const serving = told((snapshot) => hold(snapshot.reading("load").serving().map(([{ id }]) => id).join(" ")), { instances: rows });
  assert.equal(serving.reason, "i-3 i-4 i-77");
});

test("samples are summed up", () => {
  const samples = Samples.cut([0, 1000, 2000, 4000, 9000], [10, 20, 5, 25, 99], 0, 4) as Samples;
  assert.deepEqual([samples.min(), samples.max(), samples.mean(), samples.latest(), samples.length], [5, 25, 15, 25, 4]);
  assert.deepEqual([samples.percentile(0.5), samples.percentile(-1), samples.percentile(2)], [15, 5, 25]);
  assert.equal(samples.rate(), 35 / 4);
  assert.ok(Math.abs((samples.slope() ?? 0) - 20 / 7) < 1e-12);
  assert.deepEqual(samples.since(2000)?.values(), [5, 25]);
  assert.equal(samples.since(4001), null);
  assert.deepEqual([samples.ageMs(5000), samples.spans(4000), samples.spans(4001)], [1000, true, false]);
  const once = Samples.cut([0], [1], 0, 1) as Samples;
  assert.deepEqual([once.rate(), once.slope(), once.percentile(0.9)], [null, null, 1]);
  assert.equal(Samples.cut([0], [1], 0, 2), null);
});

test("what is said is made to fit", () => {
  const said = told(() => scale(2 ** 40, "a\ud800b", { atMost: -5, group: 3, attrs: { x: 1n, y: 1.5, z: true, w: "t" } })).proposals[0];
  assert.deepEqual([said?.count, said?.atMost, said?.group, said?.reason], [2 ** 32 - 1, 0, 3, "a\ufffdb"]);
  assert.deepEqual(said?.attrs.map(([, { tag }]) => tag), ["int", "num", "flag", "text"]);
  assert.equal(told(() => scale(NaN, "")).count, 0);
});

test("counts above 2^31 arrive as they were meant", () => {
  const target = { desired: -1, limits: { replicasMin: 0, replicasMax: -1, least: none(), most: none(), attrs: [] } };
  const played = told(({ desired, target: { limits } }) => hold(`${desired} ${limits.replicasMax}`), { target });
  assert.equal(played.reason, "4294967295 4294967295");
});

function none() {
  return { cpuMillis: null, memoryBytes: null };
}

test("every kind of proposal can be made", () => {
  const [resized] = told(() => resize([{ container: "main", requests: { cpuMillis: 500.7 } }], "more")).proposals;
  assert.deepEqual(resized?.resources, [{ container: "main", requests: { cpuMillis: 500, memoryBytes: null }, limits: none(), attrs: [] }]);
  assert.equal(told(() => resize({ sizeClass: "l" }, "l")).proposals[0]?.sizeClass, "l");
  assert.deepEqual(told(() => act("remove", ["i-1"], "ill")).proposals[0]?.instances, ["i-1"]);
  const both = told(() => [atLeast(2, "a"), atMost(5, "b")]);
  assert.equal(both.kind, "several");
  assert.deepEqual(both.proposals.map((one) => [one.atLeast, one.atMost]), [[2, null], [null, 5]]);
});

test("alerts are dealt with as far as they fit", () => {
  const { answer } = told(() => ({ proposals: [], dealsWith: ["a".repeat(2000), "ü".repeat(50), "c"] }));
  assert.deepEqual(answer.attrs, [["alerts-dealt-with", { tag: "text", val: `${"a".repeat(2000)} c` }]]);
});

test("memory is kept, and damage is not believed", () => {
  const count = (snapshot: Snapshot) => ({ proposals: [], memory: remember({ n: (recall<{ n: number }>(snapshot.memory)?.n ?? 0) + 1, ü: "請" }) });
  const kept = told(count, { memory: remember({ n: 4 }) }).answer.memory;
  assert.deepEqual(recall(kept as Uint8Array), { n: 5, ü: "請" });
  assert.deepEqual([recall(new Uint8Array(0)), recall(Uint8Array.of(255)), recall(Uint8Array.of(123))], [null, null, null]);
});

test("labels and time zones are found", () => {
  const zone = { zone: "Europe/Berlin", atMs: [100, 200], offsetsSeconds: [3600, 7200], attrs: [] };
  const found = (snapshot: Snapshot) => {
    const offsets = [99, 100, 250].map((at) => snapshot.offsetSeconds("Europe/Berlin", at));
    return hold(JSON.stringify([snapshot.label("app"), snapshot.label("x"), offsets, snapshot.offsetSeconds("UTC", 1)]));
  };
  const played = told(found, { labels: { app: "web", x: "not asked for" }, facts: { transitions: [zone] } });
  assert.equal(played.reason, '["web",null,[null,3600,7200],null]');
});
