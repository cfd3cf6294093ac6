// What a policy wants in its snapshots. What no need asks for does not cross.

import { Need, ResultListNeedOrRefusal } from "./bindings/contract";
import { Refusal } from "./answer";
import { listOf } from "./memory";

/** The facts that a policy wants, one after the other. Replicas, containers, bounds and abilities of the target come in any case. */
export class Needs {
  private readonly list: Array<Need> = [];

  constructor(private readonly wrong: Refusal | null = null) {}

  /** No needs, but a complaint: the binding is refused with it. */
  static refuse(refusal: Refusal): Needs {
    return new Needs(refusal);
  }

  /** A reading by its name in the binding, and whose it is (`Subject.Target` …). Without `lookBack`, its latest sample only. */
  reading(name: string, subject: string): Needs {
    this.add("reading", name).subject = subject;
    return this;
  }
  /** A label of the target. */
  label(name: string): Needs {
    this.add("label", name);
    return this;
  }
  /** The instances. Implied by a reading of instances. */
  instances(): Needs {
    this.add("instances", "");
    return this;
  }
  /** The nodes. Implied by a reading of nodes. */
  nodes(): Needs {
    this.add("nodes", "");
    return this;
  }
  /** Alerts that nobody has handled yet. */
  alerts(): Needs {
    this.add("alerts", "");
    return this;
  }
  /** Past changes, as far back as `lookBack` says. */
  changes(): Needs {
    this.add("changes", "");
    return this;
  }
  /** Offsets of an IANA time zone, as far ahead, and as far back, as `lookBack` says. */
  transitions(zone: string): Needs {
    this.add("transitions", zone);
    return this;
  }

  /** The unit that the need added last is expected in. */
  unit(unit: string): Needs {
    this.last().unit = unit;
    return this;
  }
  /** How far back (for transitions: ahead, too) the need added last reaches, in milliseconds. */
  lookBack(spanMs: u64): Needs {
    this.last().lookBackMs = spanMs;
    return this;
  }
  /** The wanted distance of samples of the need added last, in milliseconds. */
  step(spanMs: u64): Needs {
    this.last().stepMs = spanMs;
    return this;
  }
  /** The binding is refused if nothing provides the need added last. */
  required(): Needs {
    this.last().required = true;
    return this;
  }

  /** The position of the first reading of that name, and of that subject unless it is empty; -1 if there is none. */
  position(name: string, subject: string): i32 {
    for (let i = 0; i < this.list.length; i++) {
      const need = this.list[i];
      const whose = need.subject;
      if (whose.length > 0 && (subject.length == 0 || whose == subject) && need.name == name) return i;
    }
    return -1;
  }

  /** Why there are none, if they were refused. */
  refusal(): Refusal | null {
    return this.wrong;
  }

  /** The contract's own record. */
  cross(): ResultListNeedOrRefusal {
    const wrong = this.wrong;
    return wrong === null
      ? ResultListNeedOrRefusal.ok(listOf<Need>(this.list))
      : ResultListNeedOrRefusal.err(wrong.cross());
  }

  private add(kind: string, name: string): Need {
    const need = new Need();
    need.kind = kind;
    need.name = name;
    this.list.push(need);
    return need;
  }

  private last(): Need {
    return this.list[this.list.length - 1];
  }
}
