// The layer through a policy that says back all that it is told: run by `cargo xtask languages` in a project of its own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Rehearsal, Scene } from "../trimtab/rehearsal.mjs";

const bench = (act) => new Rehearsal().set("number", 1.5).set("text", "a").set("act", act);
const notes = (bench, scene) => bench.play(scene).abstains().answer.notes;

test("the manifest says what was declared", () => {
  const manifest = new Rehearsal().manifest();
  assert.deepEqual([manifest.name, manifest.version, manifest.kinds], ["echo", "1.2.3", ["scale", "resize"]]);
  assert.deepEqual([manifest.memoryBytes, manifest.memoryFormat], [64, 7]);
  const of = (name) => manifest.parameters.find((one) => one.name === name);
  assert.deepEqual(
    manifest.parameters.map(({ kind }) => kind).slice(0, 11),
    ["bool", "s64", "f64", "text", "duration", "json", "list<bool>", "list<s64>", "list<f64>", "list<text>", "list<duration>"],
  );
  assert.deepEqual([of("whole").min, of("whole").max, of("whole").default], [-5, 9, { tag: "int", value: -1 }]);
  assert.deepEqual([of("number").required, of("number").min, of("number").default.tag], [true, null, "unset"]);
  assert.deepEqual([of("text").required, of("text").choices], [true, ["a", "ü🚀"]]);
  assert.deepEqual([of("wait").min, of("wait").default], [10, { tag: "durationMs", value: 15 }]);
  assert.deepEqual([of("json").schema, of("json").default.value], ['{"type":"object"}', "{}"]);
  assert.deepEqual(of("flags").default, { tag: "flags", value: [true, false, true] });
  assert.deepEqual([of("wholes").default.value, of("wholes").min], [[-2, 3], -9]);
  assert.deepEqual([of("texts").default.value, of("texts").choices], [["x", "請"], ["x", "請"]]);
  assert.deepEqual([of("maybe_flag").required, of("maybe_flag").default.tag, of("flag").doc], [false, "unset", "A flag."]);
});

test("parameters are read as they were declared", () => {
  const defaults = ["yes", "-1", "1.5", "a", "15", "{}", "true,false,true", "-2,3", "0.5", "x,請", "1,2"];
  assert.deepEqual(notes(bench("parameters"), new Scene()), [...defaults, "unset", "unset", "unset", "unset"]);
  const set = bench("parameters")
    .set("flag", false)
    .set("whole", 2n ** 62n)
    .set("text", "ü🚀")
    .set("wait", 20)
    .set("json", '{"a":1}')
    .set("flags", [])
    .set("wholes", [7])
    .set("numbers", [-0.25])
    .set("texts", ["請"])
    .set("waits", [86_400_000])
    .set("maybe_flag", false)
    .set("maybe_number", 0)
    .set("maybe_text", "")
    .set("maybe_texts", ["p", "q"]);
  assert.deepEqual(notes(set, new Scene()), [
    "no", "4611686018427387904", "1.5", "ü🚀", "20", '{"a":1}', "", "7", "-0.25", "請", "86400000", "false", "0", "", "p,q",
  ]);
});

test("a value of another kind is refused, and so are too few and too many", () => {
  const wrong = bench("say").set("number", 1);
  const needs = (params) => wrong.call("needs", params);
  const good = wrong.parameters();
  const other = good.with(2, { tag: "text", value: "1" });
  assert.deepEqual(needs(other).err, { kind: "parameter-wrong", text: "parameter `number`: expected f64", attrs: [] });
  assert.equal(needs(good.slice(0, 3)).err.text, "parameter `text`: expected text");
  assert.equal(needs([...good, good[0]]).err.text, "1 values more than the manifest declares");
  const refused = wrong.call("evaluate", new Scene().snapshot([], other, []));
  assert.equal(refused.verdict.value.kind, "parameter-wrong");
});

test("needs are what was asked for, or a refusal", () => {
  const needs = bench("say").needs().ok;
  assert.deepEqual(
    needs.map(({ kind, name, subject }) => [kind, name, subject].filter(Boolean).join(" ")),
    [
      "reading load target", "reading load instance", "reading state target", "reading depth queue", "label tier", "instances",
      "nodes", "alerts", "changes", "transitions Europe/Berlin",
    ],
  );
  const { unit, lookBackMs, stepMs, required } = needs[0];
  assert.deepEqual([unit, lookBackMs, stepMs, required, needs[8].lookBackMs], ["1/s", 60_000, 5_000, false, 1]);
  assert.deepEqual(bench("refuse-needs").needs().err, { kind: "parameter-wrong", text: "no such act", attrs: [] });
});

test("numbers are shown and rounded as everywhere", () => {
  const [shown, counts] = notes(bench("figures"), new Scene());
  assert.equal(shown, "0 4 -4 0.1 0.25 0.333 1 0 1234567.891 0.05 nan inf -inf 1.0e300 1.5e16");
  assert.equal(counts, "4 5 7 0 1 0 4294967295 4294967295 0");
});

test("what is known is said, and what is not is never zero", () => {
  const scene = new Scene()
    .replicas(2)
    .reading("load", [3, 1, 8])
    .reading("state", ["fine", "degraded"])
    .instance("i-1", { load: [1] }, { startedMs: 5 })
    .instance("i-2", {}, { phase: 2 })
    .named("depth", "jobs", [41])
    .with(
      {
        inFlight: { kind: "scale", fromCount: 1, toCount: 2, pending: ["i-2"] },
        nodes: [{ id: "n", zone: "b", free: { cpuMillis: 1500 } }],
        changes: [{ by: "manual" }],
        transitions: [{ zone: "Europe/Berlin", atMs: [1000, 3000], offsetsSeconds: [3600, 7200] }],
        attrs: [["size", { tag: "int", value: 7 }]],
      },
      { labels: [["tier", "web ü"]], zones: ["a", "b"], attrs: [["here", { tag: "flag", value: true }]] },
    );
  assert.deepEqual(notes(bench("say"), scene), [
    "now 1800000000000 desired 2", "load 8 4 1 8 3 of 3 at 1800000000000", "i-1 ready fresh started",
    "i-2 not ready absent unknown", "state degraded of 1", "jobs 41", "other absent absent", "absent", "tier web ü",
    "offset 3600", "too early", "in flight scale to 2 for i-2", "changed by manual", "node b 1500", "size 7", "here", "in b",
  ]);
  const bare = notes(bench("say"), new Scene().stale("load", [9]));
  assert.deepEqual(bare.slice(1, 5), ["load stale 9", "state absent", "jobs absent", "other absent absent"]);
  assert.deepEqual(bare.slice(6), ["tier unknown", "offset unknown", "too early", "in flight nothing", "size unknown", "not in b"]);
});

test("memory is kept from one moment to the next", () => {
  const asked = bench("say");
  asked.play(new Scene());
  asked.play(new Scene());
  assert.deepEqual(asked.play(new Scene()).answer.memory, [0, 1, 2]);
});

test("all that can be proposed crosses", () => {
  const alerts = [{ id: "a-1" }, { id: "x".repeat(2048) }, { id: "a-2" }];
  const { verdict, attrs } = bench("propose").play(new Scene().with({ alerts })).answer;
  const [resize, restart, bounds, most, fewer] = verdict.value;
  const nothing = { cpuMillis: null, memoryBytes: null };
  assert.deepEqual(resize.resources, [
    { container: "main", requests: { ...nothing, cpuMillis: 250 }, limits: { ...nothing, memoryBytes: 2 ** 33 }, attrs: [] },
  ]);
  assert.deepEqual([resize.kind, resize.sizeClass, resize.count, resize.reason], ["resize", "large", null, "resized"]);
  assert.deepEqual([restart.kind, restart.instances, restart.group], ["restart", ["i-1", "i-2"], 3]);
  assert.deepEqual([bounds.kind, bounds.atLeast, bounds.atMost, bounds.placement], ["scale", 2, 4, ["b"]]);
  assert.deepEqual(bounds.attrs, [["why", { tag: "num", value: 0.5 }]]);
  assert.deepEqual([most.atMost, most.atLeast], [9, null]);
  assert.deepEqual([fewer.count, fewer.atLeast, fewer.instances], [1, 1, ["i-9"]]);
  assert.deepEqual(fewer.attrs, [["n", { tag: "int", value: -3 }], ["t", { tag: "text", value: "ü" }]]);
  assert.deepEqual(attrs, [["yes", { tag: "flag", value: true }], ["alerts-dealt-with", { tag: "text", value: "a-1 a-2" }]]);
});

test("it declines, and stops where it reaches beyond", () => {
  bench("not-applicable").play(new Scene()).refuses("not-applicable").says("not here").says("noted");
  assert.throws(() => bench("stop").play(new Scene()), WebAssembly.RuntimeError);
});

test("the bench takes nothing that the contract does not have", () => {
  assert.throws(() => new Rehearsal().set("nubmer", 1).needs(), /no parameter `nubmer`/);
  assert.throws(() => bench("say").play(new Scene().with({ nodez: [] })), /no field `nodez`/);
  assert.throws(() => new Rehearsal().needs(), /`number` is required/);
  assert.throws(() => bench("say").play(new Scene()).holds(), /ERR_ASSERTION|deep/);
});
