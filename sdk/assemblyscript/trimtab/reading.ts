// Readings by name, read from the columns in which they cross, and honest about what is not known.

import { Refusal } from "./answer";
import * as contract from "./bindings/contract";
import { List } from "./memory";

/** Added to the freshness of a row of texts. */
const OF_TEXTS: u8 = 16;

/** How good a fact is. */
export enum Freshness {
  /** Known, and young enough to act on. */
  Fresh,
  /** Known once, too old to act on. */
  Stale,
  /** Not known. Never zero. */
  Absent,
}

/** What is known of something measured. There is no way to a number that passes by the question how good it is. */
export class Fact<T> {
  constructor(
    public readonly freshness: Freshness,
    private readonly what: T | null,
  ) {}

  /** What may be acted on; else `null`. */
  fresh(): T | null {
    return this.freshness == Freshness.Fresh ? this.what : null;
  }
  /** What is known, be it too old to act on; `null` if it is absent. */
  known(): T | null {
    return this.what;
  }
  /** `fresh`, `stale` or `absent`. */
  get word(): string {
    if (this.freshness == Freshness.Fresh) return "fresh";
    return this.freshness == Freshness.Stale ? "stale" : "absent";
  }
}

/** Numeric samples of one series, oldest first; never empty. */
export class Samples {
  constructor(
    private readonly timesMs: List<u64>,
    private readonly values: List<f64>,
    private readonly first: i32,
    /** How many there are: at least one. */
    public readonly length: i32,
  ) {}

  /** A value; 0 is the oldest. */
  value(index: i32): f64 {
    if (<u32>index >= <u32>this.length) unreachable();
    return this.values[this.first + index];
  }
  /** When a value was taken, in milliseconds since the Unix epoch. */
  timeMs(index: i32): u64 {
    if (<u32>index >= <u32>this.length) unreachable();
    return this.timesMs[this.first + index];
  }
  /** The youngest sample. */
  get latest(): f64 {
    return this.value(this.length - 1);
  }
  /** When the youngest sample was taken, in milliseconds since the Unix epoch. */
  get latestMs(): u64 {
    return this.timeMs(this.length - 1);
  }
  /** The arithmetic mean of all samples, each of the same weight. */
  get mean(): f64 {
    let sum: f64 = 0;
    for (let i = 0; i < this.length; i++) sum += this.value(i);
    return sum / <f64>this.length;
  }
  /** The least sample. */
  get min(): f64 {
    let least = this.latest;
    for (let i = 0; i < this.length; i++) least = Math.min(least, this.value(i));
    return least;
  }
  /** The greatest sample. */
  get max(): f64 {
    let greatest = this.latest;
    for (let i = 0; i < this.length; i++) greatest = Math.max(greatest, this.value(i));
    return greatest;
  }
}

/** Samples of texts of one series, oldest first; never empty: states to compare. */
export class Texts {
  constructor(
    private readonly timesMs: List<u64>,
    private readonly texts: List<string>,
    private readonly first: i32,
    /** How many there are: at least one. */
    public readonly length: i32,
  ) {}

  /** A text; 0 is the oldest. */
  value(index: i32): string {
    if (<u32>index >= <u32>this.length) unreachable();
    return this.texts[this.first + index];
  }
  /** When a text was taken, in milliseconds since the Unix epoch. */
  timeMs(index: i32): u64 {
    if (<u32>index >= <u32>this.length) unreachable();
    return this.timesMs[this.first + index];
  }
  /** The youngest text. */
  get latest(): string {
    return this.value(this.length - 1);
  }
}

/** One reading of the binding: a series per owner. */
export class Reading {
  private columns: contract.Readings;
  private begin: i32;
  private end: i32;

  /** The rows of the need at that position in the list that the policy returned; no rows for -1. */
  constructor(
    snapshot: contract.Snapshot,
    /** Its name in the binding. */
    public readonly name: string,
    need: i32,
  ) {
    const columns = snapshot.readings;
    this.columns = columns;
    this.begin = need < 0 ? 0 : firstFrom(columns.needs, <u32>need, 0, columns.needs.length);
    this.end = need < 0 ? 0 : firstFrom(columns.needs, <u32>need + 1, this.begin, columns.needs.length);
  }

  /** The samples of the target's own reading; of another subject's, those of its first owner. */
  get samples(): Fact<Samples> {
    return this.row(this.begin);
  }
  /** The samples of texts of the target's own reading. */
  get texts(): Fact<Texts> {
    return this.textRow(this.begin);
  }
  /** The samples of the instance or node at that index of the snapshot; without a row, they are absent. */
  of(index: i32): Fact<Samples> {
    return this.row(this.find(index));
  }
  /** The samples of texts of the instance or node at that index of the snapshot. */
  textsOf(index: i32): Fact<Texts> {
    return this.textRow(this.find(index));
  }
  /** The samples of a container, pool, balancer or queue, by its name. */
  named(owner: string): Fact<Samples> {
    const names = this.columns.ownerNames;
    for (let i = 0; i < names.length; i++) {
      const row = <i32>names[i].first;
      if (row >= this.begin && row < this.end && names[i].second == owner) return this.row(row);
    }
    return this.row(this.end);
  }

  /** The refusal of a policy that cannot answer without it: ``reading `NAME` is stale``. */
  missing(): Refusal {
    return Refusal.readingMissing("reading `" + this.name + "` is " + this.samples.word);
  }

  /** The row of an owner; rows are ordered by owner. Where there is none: the end. */
  private find(owner: i32): i32 {
    const row = firstFrom(this.columns.owners, <u32>owner, this.begin, this.end);
    return row < this.end && this.columns.owners[row] == <u32>owner ? row : this.end;
  }

  private row(row: i32): Fact<Samples> {
    const columns = this.columns;
    const freshness = this.judge(row, 0, columns.values.length);
    if (freshness == Freshness.Absent) return new Fact<Samples>(freshness, null);
    const samples = new Samples(columns.timesMs, columns.values, columns.firsts[row], columns.counts[row]);
    return new Fact<Samples>(freshness, samples);
  }

  private textRow(row: i32): Fact<Texts> {
    const columns = this.columns;
    const freshness = this.judge(row, OF_TEXTS, columns.texts.length);
    if (freshness == Freshness.Absent) return new Fact<Texts>(freshness, null);
    const texts = new Texts(columns.textTimesMs, columns.texts, columns.firsts[row], columns.counts[row]);
    return new Fact<Texts>(freshness, texts);
  }

  /** No row, a row of another form, one without samples, and a freshness that is not known to this version count as absent. */
  private judge(row: i32, form: u8, samples: i32): Freshness {
    if (row < this.begin || row >= this.end) return Freshness.Absent;
    const columns = this.columns;
    const freshness = columns.freshness[row];
    const end = <u64>columns.firsts[row] + <u64>columns.counts[row];
    if ((freshness & OF_TEXTS) != form || columns.counts[row] == 0 || end > <u64>samples) return Freshness.Absent;
    const plain = freshness & ~OF_TEXTS;
    if (plain == 0) return Freshness.Fresh;
    return plain == 1 ? Freshness.Stale : Freshness.Absent;
  }
}

/** The first position in `begin … end` of a sorted column whose number is at least `least`. */
function firstFrom(column: List<u32>, least: u32, begin: i32, end: i32): i32 {
  while (begin < end) {
    const middle = begin + (end - begin) / 2;
    if (column[middle] < least) begin = middle + 1;
    else end = middle;
  }
  return begin;
}
