// Typed parameters, declared once: the same words give the manifest's list and read the value that the operator set.

import { Refusal } from "./answer";
import { ParamValue, ParamValueCase, Parameter } from "./bindings/contract";
import { List, Some, listOf, some } from "./memory";

/**
 * Hands out parameters in the order in which they are declared. A declaration ends in `or(…)` for a default, `required()` or
 * `optional()`, and gives the value: the operator's, or the default while the host asks what there is to set.
 */
export class Parameters {
  /** What the manifest says of each. */
  readonly declared: Array<Parameter> = [];
  private next: i32 = 0;
  private wrong: string = "";

  /** `values` as they crossed; `null` to declare only. */
  constructor(private readonly values: List<ParamValue> | null) {}

  /** A yes or no. */
  flag(name: string, doc: string): FlagParameter {
    return new FlagParameter(this.begin(name, "bool", doc));
  }
  /** A whole number. */
  whole(name: string, doc: string): NumberParameter<i64> {
    return new NumberParameter<i64>(this.begin(name, "s64", doc));
  }
  /** A number. */
  number(name: string, doc: string): NumberParameter<f64> {
    return new NumberParameter<f64>(this.begin(name, "f64", doc));
  }
  /** A text. */
  text(name: string, doc: string): TextParameter {
    return new TextParameter(this.begin(name, "text", doc));
  }
  /** A duration, in milliseconds. */
  duration(name: string, doc: string): NumberParameter<u64> {
    return new NumberParameter<u64>(this.begin(name, "duration", doc));
  }
  /** JSON text that fits `schema`, a JSON Schema; empty for any. */
  json(name: string, doc: string, schema: string = ""): JsonParameter {
    const begun = this.begin(name, "json", doc);
    const entry = begun.entry;
    if (entry !== null) entry.schema = schema;
    return new JsonParameter(begun);
  }
  /** A list of yes or no. */
  flags(name: string, doc: string): ListParameter<bool> {
    return new ListParameter<bool>(this.begin(name, "list<bool>", doc));
  }
  /** A list of whole numbers. */
  wholes(name: string, doc: string): ListParameter<i64> {
    return new ListParameter<i64>(this.begin(name, "list<s64>", doc));
  }
  /** A list of numbers. */
  numbers(name: string, doc: string): ListParameter<f64> {
    return new ListParameter<f64>(this.begin(name, "list<f64>", doc));
  }
  /** A list of texts. */
  texts(name: string, doc: string): ListParameter<string> {
    return new ListParameter<string>(this.begin(name, "list<text>", doc));
  }
  /** A list of durations, in milliseconds. */
  durations(name: string, doc: string): ListParameter<u64> {
    return new ListParameter<u64>(this.begin(name, "list<duration>", doc));
  }

  /** What does not fit the declarations, after all of them; `null` if all does. Ranges and choices were the host's to check. */
  refusal(): Refusal | null {
    const values = this.values;
    if (this.wrong.length > 0) return Refusal.parameterWrong(this.wrong);
    if (values === null || values.length == this.next) return null;
    const more = values.length - this.next;
    return Refusal.parameterWrong(more.toString() + " values more than the manifest declares");
  }

  /** Notes that a value is not what was declared: the first such is told. */
  complain(name: string, what: string): void {
    if (this.wrong.length == 0) this.wrong = "parameter `" + name + "`: expected " + what;
  }

  private begin(name: string, kind: string, doc: string): Begun {
    const values = this.values;
    if (values !== null) {
      const value = this.next < values.length ? values[this.next] : null;
      this.next += 1;
      return new Begun(this, name, kind, null, value);
    }
    const entry = new Parameter();
    entry.name = name;
    entry.kind = kind;
    entry.doc = doc;
    this.declared.push(entry);
    return new Begun(this, name, kind, entry, null);
  }
}

/** What all kinds of parameter have in common: either an entry of the manifest to fill, or a value to hand out. */
class Begun {
  constructor(
    public set: Parameters,
    public name: string,
    public kind: string,
    /** The manifest's entry, while declaring. */
    public entry: Parameter | null,
    /** The value, while reading; `null` too if too few crossed. */
    public value: ParamValue | null,
  ) {}

  min(bound: f64): void {
    const entry = this.entry;
    if (entry !== null) entry.min = some<f64>(bound);
  }
  max(bound: f64): void {
    const entry = this.entry;
    if (entry !== null) entry.max = some<f64>(bound);
  }
  choices(texts: Array<string>): void {
    const entry = this.entry;
    if (entry !== null) entry.choices = listOf<string>(texts);
  }
  required(): void {
    const entry = this.entry;
    if (entry !== null) entry.required = true;
  }
  or(value: ParamValue): void {
    const entry = this.entry;
    if (entry !== null) entry.default_ = value;
  }
  /** The value if it is of the declared kind. A missing or wrong one is a complaint, unless it may be unset. */
  take(wanted: ParamValueCase, optional: bool): ParamValue | null {
    if (this.entry !== null) return null;
    const value = this.value;
    if (value !== null && value.tag == wanted) return value;
    if (!optional || value === null || value.tag != ParamValueCase.Unset) this.set.complain(this.name, this.kind);
    return null;
  }
}

/** See `Parameters.flag`. */
@final export class FlagParameter {
  constructor(private begun: Begun) {}
  /** With a default. */
  or(fallback: bool): bool {
    if (this.begun.entry !== null) this.begun.or(ParamValue.flag(fallback));
    const value = this.take(false);
    return value === null ? fallback : value.value;
  }
  /** Without it, a binding is refused. */
  required(): bool {
    this.begun.required();
    const value = this.take(false);
    return value === null ? false : value.value;
  }
  /** `null` where the operator gives none. */
  optional(): Some<bool> | null {
    return this.take(true);
  }
  private take(optional: bool): Some<bool> | null {
    const value = this.begun.take(ParamValueCase.Flag, optional);
    return value === null ? null : value.flag;
  }
}

/** See `Parameters.whole`, `number`, `duration`. Durations are in milliseconds. */
@final export class NumberParameter<T> {
  constructor(private begun: Begun) {}
  /** The least that is allowed. */
  min(bound: T): this {
    this.begun.min(<f64>bound);
    return this;
  }
  /** The greatest that is allowed. */
  max(bound: T): this {
    this.begun.max(<f64>bound);
    return this;
  }
  /** With a default. */
  or(fallback: T): T {
    if (this.begun.entry !== null) this.begun.or(wrapNumber<T>(fallback));
    const value = this.take(false);
    return value === null ? fallback : value.value;
  }
  /** Without it, a binding is refused. */
  required(): T {
    this.begun.required();
    const value = this.take(false);
    return value === null ? <T>0 : value.value;
  }
  /** `null` where the operator gives none. */
  optional(): Some<T> | null {
    return this.take(true);
  }
  private take(optional: bool): Some<T> | null {
    const value = this.begun.take(caseOfNumber<T>(), optional);
    return value === null ? null : unwrapNumber<T>(value);
  }
}

/** See `Parameters.text`. */
@final export class TextParameter {
  constructor(private begun: Begun) {}
  /** The texts that are allowed. */
  choices(texts: Array<string>): this {
    this.begun.choices(texts);
    return this;
  }
  /** With a default. */
  or(fallback: string): string {
    if (this.begun.entry !== null) this.begun.or(ParamValue.text(fallback));
    const value = this.take(false);
    return value === null ? fallback : value;
  }
  /** Without it, a binding is refused. */
  required(): string {
    this.begun.required();
    const value = this.take(false);
    return value === null ? "" : value;
  }
  /** `null` where the operator gives none. */
  optional(): string | null {
    return this.take(true);
  }
  private take(optional: bool): string | null {
    const value = this.begun.take(ParamValueCase.Text, optional);
    return value === null ? null : value.text;
  }
}

/** See `Parameters.json`. */
@final export class JsonParameter {
  constructor(private begun: Begun) {}
  /** With a default. */
  or(fallback: string): string {
    if (this.begun.entry !== null) this.begun.or(ParamValue.json(fallback));
    const value = this.take(false);
    return value === null ? fallback : value;
  }
  /** Without it, a binding is refused. */
  required(): string {
    this.begun.required();
    const value = this.take(false);
    return value === null ? "" : value;
  }
  /** `null` where the operator gives none. */
  optional(): string | null {
    return this.take(true);
  }
  private take(optional: bool): string | null {
    const value = this.begun.take(ParamValueCase.Json, optional);
    return value === null ? null : value.json;
  }
}

/** See `Parameters.flags`, `wholes`, `numbers`, `texts`, `durations`. */
@final export class ListParameter<T> {
  constructor(private begun: Begun) {}
  /** The least that is allowed of each item. */
  min(bound: f64): this {
    this.begun.min(bound);
    return this;
  }
  /** The greatest that is allowed of each item. */
  max(bound: f64): this {
    this.begun.max(bound);
    return this;
  }
  /** The texts that are allowed as items. */
  choices(texts: Array<string>): this {
    this.begun.choices(texts);
    return this;
  }
  /** With a default. */
  or(fallback: Array<T>): Array<T> {
    if (this.begun.entry !== null) this.begun.or(wrapList<T>(listOf<T>(fallback)));
    const value = this.optionalOr(false);
    return value === null ? fallback : value;
  }
  /** Without it, a binding is refused. */
  required(): Array<T> {
    this.begun.required();
    const value = this.optionalOr(false);
    return value === null ? [] : value;
  }
  /** `null` where the operator gives none. */
  optional(): Array<T> | null {
    return this.optionalOr(true);
  }
  private optionalOr(optional: bool): Array<T> | null {
    const value = this.begun.take(caseOfList<T>(), optional);
    if (value === null) return null;
    const list = unwrapList<T>(value);
    return list === null ? null : list.toArray();
  }
}

// One case of the variant for each type; the compiler keeps the one line that is meant.

function caseOfNumber<T>(): ParamValueCase {
  if (isFloat<T>()) return ParamValueCase.Num;
  return isSigned<T>() ? ParamValueCase.Int : ParamValueCase.DurationMs;
}

function wrapNumber<T>(value: T): ParamValue {
  if (isFloat<T>()) return ParamValue.num(<f64>value);
  return isSigned<T>() ? ParamValue.int(<i64>value) : ParamValue.durationMs(<u64>value);
}

function unwrapNumber<T>(value: ParamValue): Some<T> | null {
  if (isFloat<T>()) return changetype<Some<T> | null>(value.num);
  if (isSigned<T>()) return changetype<Some<T> | null>(value.int);
  return changetype<Some<T> | null>(value.durationMs);
}

function caseOfList<T>(): ParamValueCase {
  if (isString<T>()) return ParamValueCase.Texts;
  if (isFloat<T>()) return ParamValueCase.Nums;
  if (isBoolean<T>()) return ParamValueCase.Flags;
  return isSigned<T>() ? ParamValueCase.Ints : ParamValueCase.DurationsMs;
}

function wrapList<T>(list: List<T>): ParamValue {
  if (isString<T>()) return ParamValue.texts(changetype<List<string>>(list));
  if (isFloat<T>()) return ParamValue.nums(changetype<List<f64>>(list));
  if (isBoolean<T>()) return ParamValue.flags(changetype<List<bool>>(list));
  if (isSigned<T>()) return ParamValue.ints(changetype<List<i64>>(list));
  return ParamValue.durationsMs(changetype<List<u64>>(list));
}

function unwrapList<T>(value: ParamValue): List<T> | null {
  if (isString<T>()) return changetype<List<T> | null>(value.texts);
  if (isFloat<T>()) return changetype<List<T> | null>(value.nums);
  if (isBoolean<T>()) return changetype<List<T> | null>(value.flags);
  if (isSigned<T>()) return changetype<List<T> | null>(value.ints);
  return changetype<List<T> | null>(value.durationsMs);
}
