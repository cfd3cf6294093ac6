// Says back all that it can be told, and asks for all that can be asked for: what the example leaves untouched of the layer.

import {
  About,
  Answer,
  Freshness,
  Kind,
  Needs,
  Parameters,
  Phase,
  Policy,
  Proposal,
  Refusal,
  Resources,
  Snapshot,
  Some,
  Subject,
  Value,
  figure,
  find,
  replicas,
  some,
} from "../trimtab";

export class Scaler extends Policy {
  private flag: bool = false;
  private whole: i64 = 0;
  private number: f64 = 0;
  private text: string = "";
  private waitMs: u64 = 0;
  private json: string = "";
  private flags: Array<bool> = [];
  private wholes: Array<i64> = [];
  private numbers: Array<f64> = [];
  private texts: Array<string> = [];
  private waitsMs: Array<u64> = [];
  private maybeFlag: Some<bool> | null = null;
  private maybeNumber: Some<f64> | null = null;
  private maybeText: string | null = null;
  private maybeTexts: Array<string> | null = null;
  private act: string = "";

  about(): About {
    return new About("echo", "1.2.3", "Says it back").proposes(Kind.Scale).proposes(Kind.Resize).remembers(64, 7);
  }

  parameters(from: Parameters): void {
    this.flag = from.flag("flag", "A flag.").or(true);
    this.whole = from.whole("whole", "A whole number.").min(-5).max(9).or(-1);
    this.number = from.number("number", "A number.").required();
    this.text = from.text("text", "A text.").choices(["a", "ü🚀"]).required();
    this.waitMs = from.duration("wait", "A wait.").min(10).max(20).or(15);
    this.json = from.json("json", "JSON.", '{"type":"object"}').or("{}");
    this.flags = from.flags("flags", "Flags.").or([true, false, true]);
    this.wholes = from.wholes("wholes", "Whole numbers.").min(-9).or([-2, 3]);
    this.numbers = from.numbers("numbers", "Numbers.").max(1).or([0.5]);
    this.texts = from.texts("texts", "Texts.").choices(["x", "請"]).or(["x", "請"]);
    this.waitsMs = from.durations("waits", "Waits.").or([1, 2]);
    this.maybeFlag = from.flag("maybe_flag", "").optional();
    this.maybeNumber = from.number("maybe_number", "").optional();
    this.maybeText = from.text("maybe_text", "").optional();
    this.maybeTexts = from.texts("maybe_texts", "").optional();
    this.act = from.text("act", "").or("say");
  }

  needs(): Needs {
    if (this.act == "refuse-needs") return Needs.refuse(Refusal.parameterWrong("no such act"));
    return new Needs()
      .reading("load", Subject.Target)
      .unit("1/s")
      .lookBack(60000)
      .step(5000)
      .reading("load", Subject.Instance)
      .reading("state", Subject.Target)
      .reading("depth", Subject.Queue)
      .label("tier")
      .instances()
      .nodes()
      .alerts()
      .changes()
      .lookBack(1)
      .transitions("Europe/Berlin");
  }

  evaluate(snapshot: Snapshot): Answer {
    if (this.act == "parameters") return this.sayParameters();
    if (this.act == "propose") return this.propose(snapshot);
    if (this.act == "figures") return this.sayFigures();
    if (this.act == "abstain") return Answer.abstain();
    if (this.act == "not-applicable") return Answer.refuse(Refusal.notApplicable("not here")).note("noted");
    if (this.act == "stop") return Answer.hold(snapshot.instances[9999].id);
    return this.say(snapshot);
  }

  private sayParameters(): Answer {
    const answer = Answer.abstain()
      .note(this.flag ? "yes" : "no")
      .note(this.whole.toString())
      .note(figure(this.number))
      .note(this.text)
      .note(this.waitMs.toString())
      .note(this.json)
      .note(this.flags.join(","))
      .note(this.wholes.join(","))
      .note(figure(this.numbers[0]))
      .note(this.texts.join(","))
      .note(this.waitsMs.join(","));
    const flag = this.maybeFlag;
    const number = this.maybeNumber;
    const text = this.maybeText;
    const texts = this.maybeTexts;
    return answer
      .note(flag === null ? "unset" : flag.value.toString())
      .note(number === null ? "unset" : figure(number.value))
      .note(text === null ? "unset" : text)
      .note(texts === null ? "unset" : texts.join(","));
  }

  private sayFigures(): Answer {
    const shown: Array<string> = [];
    const all: Array<f64> = [0, 4, -4, 0.1, 0.25, 1.0 / 3.0, 0.9999, -0.0001, 1234567.891, 0.05, NaN, Infinity, -Infinity, 1e300, 1.5e16];
    for (let i = 0; i < all.length; i++) shown.push(figure(all[i]));
    const counts: Array<u32> = [];
    const wishes: Array<f64> = [4, 4.001, 0.7 / 0.1, 0, 0.01, NaN, Infinity, 1e300, -1e300];
    for (let i = 0; i < wishes.length; i++) counts.push(replicas(wishes[i]));
    return Answer.abstain().note(shown.join(" ")).note(counts.join(" "));
  }

  private say(snapshot: Snapshot): Answer {
    const answer = Answer.abstain();
    answer.note("now " + snapshot.nowMs.toString() + " desired " + snapshot.desired.toString());
    const load = snapshot.reading("load").samples;
    const samples = load.fresh();
    if (samples !== null) {
      const said = [samples.latest, samples.mean, samples.min, samples.max, samples.value(0)];
      answer.note("load " + figures(said) + " of " + samples.length.toString() + " at " + samples.latestMs.toString());
    } else {
      const old = load.known();
      answer.note("load " + load.word + (old === null ? "" : " " + figure(old.latest)));
    }
    const each = snapshot.reading("load", Subject.Instance);
    for (let i = 0; i < snapshot.instances.length; i++) {
      const instance = snapshot.instances[i];
      const who = instance.id + (instance.phase == Phase.Ready ? " ready " : " not ready ");
      answer.note(who + each.of(i).word + (instance.startedMs === null ? " unknown" : " started"));
    }
    const state = snapshot.reading("state").texts;
    const texts = state.fresh();
    answer.note("state " + (texts === null ? state.word : texts.latest + " of " + texts.length.toString()));
    const depth = snapshot.reading("depth").named("jobs");
    const deep = depth.fresh();
    answer.note("jobs " + (deep === null ? depth.word : figure(deep.latest)));
    answer.note("other " + snapshot.reading("depth").named("mail").word + " " + snapshot.reading("none").samples.word);
    answer.note(snapshot.reading("none").samples.freshness == Freshness.Absent ? "absent" : "there");
    const tier = snapshot.label("tier");
    answer.note("tier " + (tier === null ? "unknown" : tier) + (snapshot.label("x") === null ? "" : "!"));
    const offset = snapshot.offsetSeconds("Europe/Berlin", 2000);
    answer.note("offset " + (offset === null ? "unknown" : offset.value.toString()));
    answer.note(snapshot.offsetSeconds("Europe/Berlin", 1) === null ? "too early" : "there");
    const flying = snapshot.inFlight;
    answer.note("in flight " + (flying === null ? "nothing" : flying.kind + " to " + flying.toCount.toString() + " for " + flying.pending[0]));
    if (snapshot.changes.length > 0) answer.note("changed by " + snapshot.changes[0].by);
    if (snapshot.nodes.length > 0) {
      const cpu = snapshot.nodes[0].free.cpuMillis;
      answer.note("node " + snapshot.nodes[0].zone + " " + (cpu === null ? "unknown" : cpu.value.toString()));
    }
    const size = snapshot.attr("size");
    const number: Some<i64> | null = size === null ? null : size.int;
    answer.note("size " + (number === null ? "unknown" : number.value.toString()));
    const here = find(snapshot.target.attrs, "here");
    if (here !== null && here.int === null && here.flag !== null) answer.note("here");
    answer.note(snapshot.target.zones.includes("b") ? "in b" : "not in b");
    // Remembers how often it was asked.
    const kept = snapshot.memory.toArray();
    kept.push(<u8>kept.length);
    return answer.keep(kept);
  }

  private propose(snapshot: Snapshot): Answer {
    const requests = new Resources();
    requests.cpuMillis = some<u64>(250);
    const limits = new Resources();
    limits.memoryBytes = some<u64>(<u64>1 << 33);
    const resize = Proposal.resize().container("main", requests, limits).sizeClass("large").because("resized");
    const restart = Proposal.act(Kind.Restart).instance("i-1").instance("i-2").group(3).because("restarted");
    const bounds = Proposal.atLeast(2).andAtMost(4).place("b").attr("why", Value.num(0.5)).because("bounded");
    const victims = Proposal.scale(1).andAtLeast(1).instance("i-9").attr("n", Value.int(-3)).attr("t", Value.text("ü")).because("fewer");
    const alerts: Array<string> = [];
    for (let i = 0; i < snapshot.alerts.length; i++) alerts.push(snapshot.alerts[i].id);
    return Answer.of(resize)
      .and(restart)
      .and(bounds)
      .and(Proposal.atMost(9).because("at most"))
      .and(victims)
      .attr("yes", Value.flag(true))
      .dealsWith(alerts);
  }
}

function figures(all: Array<f64>): string {
  let text = figure(all[0]);
  for (let i = 1; i < all.length; i++) text += " " + figure(all[i]);
  return text;
}
