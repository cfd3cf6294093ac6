// Made from wit/v1/policy.wit by `cargo xtask bindings`; not to be edited.
//
// Each class lies over memory of the canonical ABI. Nothing is copied: a getter reads, a setter writes where the host does. A list or
// record that is set into another is copied as it is then; later changes of it are its own.

import { List, Some, listAt, setText, textAt, zeroed } from "../memory";

/** Which case of Value it is. */
export const enum ValueCase {
  Int,
  Num,
  Text,
  Flag,
}

/** A small value in `attrs`. */
@unmanaged @final export class Value {
  constructor() {
    return changetype<Value>(zeroed(16));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 16;
  }
  /** Which case it is. */
  get tag(): ValueCase {
    return <ValueCase>load<u8>(changetype<usize>(this));
  }
  /** A whole number. */
  static int(value: i64): Value {
    const made = new Value();
    store<u8>(changetype<usize>(made), ValueCase.Int);
    store<i64>(changetype<usize>(made), value, 8);
    return made;
  }
  /** A whole number. */
  get int(): Some<i64> | null {
    return load<u8>(changetype<usize>(this)) == ValueCase.Int ? changetype<Some<i64>>(changetype<usize>(this) + 8) : null;
  }
  /** A measurement. */
  static num(value: f64): Value {
    const made = new Value();
    store<u8>(changetype<usize>(made), ValueCase.Num);
    store<f64>(changetype<usize>(made), value, 8);
    return made;
  }
  /** A measurement. */
  get num(): Some<f64> | null {
    return load<u8>(changetype<usize>(this)) == ValueCase.Num ? changetype<Some<f64>>(changetype<usize>(this) + 8) : null;
  }
  /** A text. */
  static text(value: string): Value {
    const made = new Value();
    store<u8>(changetype<usize>(made), ValueCase.Text);
    setText(changetype<usize>(made) + 8, value);
    return made;
  }
  /** A text. */
  get text(): string | null {
    return load<u8>(changetype<usize>(this)) == ValueCase.Text ? textAt(changetype<usize>(this) + 8) : null;
  }
  /** Yes or no. */
  static flag(value: bool): Value {
    const made = new Value();
    store<u8>(changetype<usize>(made), ValueCase.Flag);
    store<bool>(changetype<usize>(made), value, 8);
    return made;
  }
  /** Yes or no. */
  get flag(): Some<bool> | null {
    return load<u8>(changetype<usize>(this)) == ValueCase.Flag ? changetype<Some<bool>>(changetype<usize>(this) + 8) : null;
  }
}

/** Which case of ParamValue it is. */
export const enum ParamValueCase {
  Unset,
  Flag,
  Int,
  Num,
  Text,
  DurationMs,
  Flags,
  Ints,
  Nums,
  Texts,
  DurationsMs,
  Json,
}

/**
 * The value of a parameter. Parameters cross in the order in which the manifest declares them, without their names,
 * one value for each: the host has filled in defaults and checked type and range.
 */
@unmanaged @final export class ParamValue {
  constructor() {
    return changetype<ParamValue>(zeroed(16));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 16;
  }
  /** Which case it is. */
  get tag(): ParamValueCase {
    return <ParamValueCase>load<u8>(changetype<usize>(this));
  }
  /** An optional parameter that the operator did not give. */
  static unset(): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Unset);
    return made;
  }
  /** Type `bool`. */
  static flag(value: bool): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Flag);
    store<bool>(changetype<usize>(made), value, 8);
    return made;
  }
  /** Type `bool`. */
  get flag(): Some<bool> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Flag ? changetype<Some<bool>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `s64`. */
  static int(value: i64): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Int);
    store<i64>(changetype<usize>(made), value, 8);
    return made;
  }
  /** Type `s64`. */
  get int(): Some<i64> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Int ? changetype<Some<i64>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `f64`; always finite. */
  static num(value: f64): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Num);
    store<f64>(changetype<usize>(made), value, 8);
    return made;
  }
  /** Type `f64`; always finite. */
  get num(): Some<f64> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Num ? changetype<Some<f64>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `text`. */
  static text(value: string): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Text);
    setText(changetype<usize>(made) + 8, value);
    return made;
  }
  /** Type `text`. */
  get text(): string | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Text ? textAt(changetype<usize>(this) + 8) : null;
  }
  /** Type `duration`, in milliseconds. */
  static durationMs(value: u64): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.DurationMs);
    store<u64>(changetype<usize>(made), value, 8);
    return made;
  }
  /** Type `duration`, in milliseconds. */
  get durationMs(): Some<u64> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.DurationMs ? changetype<Some<u64>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `list<bool>`. */
  static flags(value: List<bool>): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Flags);
    memory.copy(changetype<usize>(made) + 8, changetype<usize>(value), 8);
    return made;
  }
  /** Type `list<bool>`. */
  get flags(): List<bool> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Flags ? changetype<List<bool>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `list<s64>`. */
  static ints(value: List<i64>): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Ints);
    memory.copy(changetype<usize>(made) + 8, changetype<usize>(value), 8);
    return made;
  }
  /** Type `list<s64>`. */
  get ints(): List<i64> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Ints ? changetype<List<i64>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `list<f64>`. */
  static nums(value: List<f64>): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Nums);
    memory.copy(changetype<usize>(made) + 8, changetype<usize>(value), 8);
    return made;
  }
  /** Type `list<f64>`. */
  get nums(): List<f64> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Nums ? changetype<List<f64>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `list<text>`. */
  static texts(value: List<string>): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Texts);
    memory.copy(changetype<usize>(made) + 8, changetype<usize>(value), 8);
    return made;
  }
  /** Type `list<text>`. */
  get texts(): List<string> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Texts ? changetype<List<string>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `list<duration>`, in milliseconds. */
  static durationsMs(value: List<u64>): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.DurationsMs);
    memory.copy(changetype<usize>(made) + 8, changetype<usize>(value), 8);
    return made;
  }
  /** Type `list<duration>`, in milliseconds. */
  get durationsMs(): List<u64> | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.DurationsMs ? changetype<List<u64>>(changetype<usize>(this) + 8) : null;
  }
  /** Type `json`: JSON text that fits the parameter's schema. */
  static json(value: string): ParamValue {
    const made = new ParamValue();
    store<u8>(changetype<usize>(made), ParamValueCase.Json);
    setText(changetype<usize>(made) + 8, value);
    return made;
  }
  /** Type `json`: JSON text that fits the parameter's schema. */
  get json(): string | null {
    return load<u8>(changetype<usize>(this)) == ParamValueCase.Json ? textAt(changetype<usize>(this) + 8) : null;
  }
}

/** One parameter that a policy takes. */
@unmanaged @final export class Parameter {
  constructor() {
    return changetype<Parameter>(zeroed(104));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 104;
  }
  /** Lower-case letters, digits and `_`; unique in the manifest. */
  get name(): string {
    return textAt(changetype<usize>(this));
  }
  set name(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** `bool`, `s64`, `f64`, `text`, `duration`, `list<…>` of one of these, or `json`. */
  get kind(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set kind(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** The value where the operator gives none; `unset` makes the parameter optional, or required if `required`. */
  get default_(): ParamValue {
    return changetype<ParamValue>(changetype<usize>(this) + 16);
  }
  set default_(value: ParamValue) {
    memory.copy(changetype<usize>(this) + 16, changetype<usize>(value), 16);
  }
  /** Whether a binding without it is refused. */
  get required(): bool {
    return load<bool>(changetype<usize>(this), 32);
  }
  set required(value: bool) {
    store<bool>(changetype<usize>(this), value, 32);
  }
  /** Least number (for durations: milliseconds; for lists: of each item). */
  get min(): Some<f64> | null {
    return load<u8>(changetype<usize>(this), 40) ? changetype<Some<f64>>(changetype<usize>(this) + 48) : null;
  }
  set min(value: Some<f64> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 40);
    } else {
      store<u8>(changetype<usize>(this), 1, 40);
      store<f64>(changetype<usize>(this), value.value, 48);
    }
  }
  /** Greatest number, likewise. */
  get max(): Some<f64> | null {
    return load<u8>(changetype<usize>(this), 56) ? changetype<Some<f64>>(changetype<usize>(this) + 64) : null;
  }
  set max(value: Some<f64> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 56);
    } else {
      store<u8>(changetype<usize>(this), 1, 56);
      store<f64>(changetype<usize>(this), value.value, 64);
    }
  }
  /** For `text` and `list<text>`: the values allowed; empty allows any. */
  get choices(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 72);
  }
  set choices(value: List<string>) {
    memory.copy(changetype<usize>(this) + 72, changetype<usize>(value), 8);
  }
  /** For `json`: a JSON Schema; empty for none. */
  get schema(): string {
    return textAt(changetype<usize>(this) + 80);
  }
  set schema(value: string) {
    setText(changetype<usize>(this) + 80, value);
  }
  /** One or two sentences for a person. */
  get doc(): string {
    return textAt(changetype<usize>(this) + 88);
  }
  set doc(value: string) {
    setText(changetype<usize>(this) + 88, value);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 96);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 96, changetype<usize>(value), 8);
  }
}

/** What a policy says of itself. The same at every call. */
@unmanaged @final export class Manifest {
  constructor() {
    return changetype<Manifest>(zeroed(56));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 56;
  }
  /** Lower-case letters, digits and `-`. */
  get name(): string {
    return textAt(changetype<usize>(this));
  }
  set name(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** Semantic version of the policy. */
  get version(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set version(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** One sentence. */
  get summary(): string {
    return textAt(changetype<usize>(this) + 16);
  }
  set summary(value: string) {
    setText(changetype<usize>(this) + 16, value);
  }
  /** Its parameters, in the order in which their values are passed. */
  get parameters(): List<Parameter> {
    return changetype<List<Parameter>>(changetype<usize>(this) + 24);
  }
  set parameters(value: List<Parameter>) {
    memory.copy(changetype<usize>(this) + 24, changetype<usize>(value), 8);
  }
  /** Kinds of proposal that it may make, as in `proposal.kind`. `hold` needs no mention. */
  get kinds(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 32);
  }
  set kinds(value: List<string>) {
    memory.copy(changetype<usize>(this) + 32, changetype<usize>(value), 8);
  }
  /** Most bytes of memory that it keeps from one evaluation to the next; 0 for none. */
  get memoryBytes(): u32 {
    return load<u32>(changetype<usize>(this), 40);
  }
  set memoryBytes(value: u32) {
    store<u32>(changetype<usize>(this), value, 40);
  }
  /** Number of the format of these bytes. Another version inherits the memory only if its number is the same. */
  get memoryFormat(): u32 {
    return load<u32>(changetype<usize>(this), 44);
  }
  set memoryFormat(value: u32) {
    store<u32>(changetype<usize>(this), value, 44);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 48);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 48, changetype<usize>(value), 8);
  }
}

/** One fact that a policy wants in its snapshots. What no need asks for does not cross. */
@unmanaged @final export class Need {
  constructor() {
    return changetype<Need>(zeroed(64));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 64;
  }
  /**
   * `reading`, `label`, `instances`, `nodes`, `alerts`, `changes`, `transitions`. A host that does not know a kind
   * refuses the binding and names it.
   */
  get kind(): string {
    return textAt(changetype<usize>(this));
  }
  set kind(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** For `reading`: its name in the binding. For `label`: the label. For `transitions`: the IANA time zone. Else empty. */
  get name(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set name(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** For `reading`: whose it is: `target`, `instance`, `node`, `container`, `pool`, `balancer`, `queue`. Else empty. */
  get subject(): string {
    return textAt(changetype<usize>(this) + 16);
  }
  set subject(value: string) {
    setText(changetype<usize>(this) + 16, value);
  }
  /** For `reading`: the unit expected, for a person and a check; empty if any. Else empty. */
  get unit(): string {
    return textAt(changetype<usize>(this) + 24);
  }
  set unit(value: string) {
    setText(changetype<usize>(this) + 24, value);
  }
  /** For `reading`, `changes`: how far back. 0: the latest sample only. For `transitions`: how far ahead. */
  get lookBackMs(): u64 {
    return load<u64>(changetype<usize>(this), 32);
  }
  set lookBackMs(value: u64) {
    store<u64>(changetype<usize>(this), value, 32);
  }
  /** For `reading`: the wanted distance of samples; 0 leaves it to the source. */
  get stepMs(): u64 {
    return load<u64>(changetype<usize>(this), 40);
  }
  set stepMs(value: u64) {
    store<u64>(changetype<usize>(this), value, 40);
  }
  /** Whether the binding is refused if nothing provides it. */
  get required(): bool {
    return load<bool>(changetype<usize>(this), 48);
  }
  set required(value: bool) {
    store<bool>(changetype<usize>(this), value, 48);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 52);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 52, changetype<usize>(value), 8);
  }
}

/** Why a policy declines to answer. Not a crash, and never a wish to lower. */
@unmanaged @final export class Refusal {
  constructor() {
    return changetype<Refusal>(zeroed(24));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 24;
  }
  /** `reading-missing`, `parameter-wrong`, `not-applicable`, or another word. */
  get kind(): string {
    return textAt(changetype<usize>(this));
  }
  set kind(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** One sentence for a person, with the names and numbers concerned. */
  get text(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set text(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 16);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 16, changetype<usize>(value), 8);
  }
}

/** CPU and memory; `none` is "not known" or "not limited", never zero. */
@unmanaged @final export class Resources {
  constructor() {
    return changetype<Resources>(zeroed(32));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 32;
  }
  /** Thousandths of a core. */
  get cpuMillis(): Some<u64> | null {
    return load<u8>(changetype<usize>(this)) ? changetype<Some<u64>>(changetype<usize>(this) + 8) : null;
  }
  set cpuMillis(value: Some<u64> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0);
    } else {
      store<u8>(changetype<usize>(this), 1);
      store<u64>(changetype<usize>(this), value.value, 8);
    }
  }
  /** Bytes. */
  get memoryBytes(): Some<u64> | null {
    return load<u8>(changetype<usize>(this), 16) ? changetype<Some<u64>>(changetype<usize>(this) + 24) : null;
  }
  set memoryBytes(value: Some<u64> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 16);
    } else {
      store<u8>(changetype<usize>(this), 1, 16);
      store<u64>(changetype<usize>(this), value.value, 24);
    }
  }
}

/** One container of the workload's template (a plain process is one container named `main`). */
@unmanaged @final export class Container {
  constructor() {
    return changetype<Container>(zeroed(80));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 80;
  }
  /** Its name. */
  get name(): string {
    return textAt(changetype<usize>(this));
  }
  set name(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** What is set aside for it. */
  get requests(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 8);
  }
  set requests(value: Resources) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 32);
  }
  /** What it may use at most. */
  get limits(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 40);
  }
  set limits(value: Resources) {
    memory.copy(changetype<usize>(this) + 40, changetype<usize>(value), 32);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 72);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 72, changetype<usize>(value), 8);
  }
}

/** A size that the backend sells or knows. */
@unmanaged @final export class Size {
  constructor() {
    return changetype<Size>(zeroed(64));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 64;
  }
  /** Its name at the backend. */
  get class_(): string {
    return textAt(changetype<usize>(this));
  }
  set class_(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** What it has. */
  get resources(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 8);
  }
  set resources(value: Resources) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 32);
  }
  /** Price of one instance for one hour, in the operator's currency; `none` if not known. */
  get pricePerHour(): Some<f64> | null {
    return load<u8>(changetype<usize>(this), 40) ? changetype<Some<f64>>(changetype<usize>(this) + 48) : null;
  }
  set pricePerHour(value: Some<f64> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 40);
    } else {
      store<u8>(changetype<usize>(this), 1, 40);
      store<f64>(changetype<usize>(this), value.value, 48);
    }
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 56);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 56, changetype<usize>(value), 8);
  }
}

/** What the backend can do for this target. */
@unmanaged @final export class Abilities {
  constructor() {
    return changetype<Abilities>(zeroed(28));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 28;
  }
  /** Whether a proposal may choose which instance goes: 0 no, 1 as a hint, 2 exactly. */
  get victims(): u8 {
    return load<u8>(changetype<usize>(this));
  }
  set victims(value: u8) {
    store<u8>(changetype<usize>(this), value);
  }
  /** How instances change size: 0 not at all, 1 live, 2 by being made anew. */
  get resize(): u8 {
    return load<u8>(changetype<usize>(this), 1);
  }
  set resize(value: u8) {
    store<u8>(changetype<usize>(this), value, 1);
  }
  /** Kinds of proposal that the backend can carry out. */
  get kinds(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 4);
  }
  set kinds(value: List<string>) {
    memory.copy(changetype<usize>(this) + 4, changetype<usize>(value), 8);
  }
  /** Sizes to choose from; empty if any size goes. */
  get sizes(): List<Size> {
    return changetype<List<Size>>(changetype<usize>(this) + 12);
  }
  set sizes(value: List<Size>) {
    memory.copy(changetype<usize>(this) + 12, changetype<usize>(value), 8);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 20);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 20, changetype<usize>(value), 8);
  }
}

/** The bounds in force; the host holds every answer to them, a policy reads them to plan. */
@unmanaged @final export class Limits {
  constructor() {
    return changetype<Limits>(zeroed(80));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 80;
  }
  /** Fewest replicas. */
  get replicasMin(): u32 {
    return load<u32>(changetype<usize>(this));
  }
  set replicasMin(value: u32) {
    store<u32>(changetype<usize>(this), value);
  }
  /** Most replicas. */
  get replicasMax(): u32 {
    return load<u32>(changetype<usize>(this), 4);
  }
  set replicasMax(value: u32) {
    store<u32>(changetype<usize>(this), value, 4);
  }
  /** Least per container. */
  get least(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 8);
  }
  set least(value: Resources) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 32);
  }
  /** Most per container. */
  get most(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 40);
  }
  set most(value: Resources) {
    memory.copy(changetype<usize>(this) + 40, changetype<usize>(value), 32);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 72);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 72, changetype<usize>(value), 8);
  }
}

/** The workload. */
@unmanaged @final export class Target {
  constructor() {
    return changetype<Target>(zeroed(176));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 176;
  }
  /** Unique in the host: `driver/name`. */
  get id(): string {
    return textAt(changetype<usize>(this));
  }
  set id(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** The driver's name. */
  get backend(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set backend(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** What the backend calls such a thing: `process-group`, `service`, `stateful-set` … */
  get kind(): string {
    return textAt(changetype<usize>(this) + 16);
  }
  set kind(value: string) {
    setText(changetype<usize>(this) + 16, value);
  }
  /** Zones that it spans. */
  get zones(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 24);
  }
  set zones(value: List<string>) {
    memory.copy(changetype<usize>(this) + 24, changetype<usize>(value), 8);
  }
  /** The labels asked for by need, where the target has them. */
  get labels(): List<TupleStringString> {
    return changetype<List<TupleStringString>>(changetype<usize>(this) + 32);
  }
  set labels(value: List<TupleStringString>) {
    memory.copy(changetype<usize>(this) + 32, changetype<usize>(value), 8);
  }
  /** The count last asked of the backend; the base for any new count. */
  get desired(): u32 {
    return load<u32>(changetype<usize>(this), 40);
  }
  set desired(value: u32) {
    store<u32>(changetype<usize>(this), value, 40);
  }
  /** Instances that exist, of whatever phase. */
  get total(): u32 {
    return load<u32>(changetype<usize>(this), 44);
  }
  set total(value: u32) {
    store<u32>(changetype<usize>(this), value, 44);
  }
  /** Instances that serve. */
  get ready(): u32 {
    return load<u32>(changetype<usize>(this), 48);
  }
  set ready(value: u32) {
    store<u32>(changetype<usize>(this), value, 48);
  }
  /** Its containers. */
  get containers(): List<Container> {
    return changetype<List<Container>>(changetype<usize>(this) + 52);
  }
  set containers(value: List<Container>) {
    memory.copy(changetype<usize>(this) + 52, changetype<usize>(value), 8);
  }
  /** What the backend can do. */
  get abilities(): Abilities {
    return changetype<Abilities>(changetype<usize>(this) + 60);
  }
  set abilities(value: Abilities) {
    memory.copy(changetype<usize>(this) + 60, changetype<usize>(value), 28);
  }
  /** The bounds in force. */
  get limits(): Limits {
    return changetype<Limits>(changetype<usize>(this) + 88);
  }
  set limits(value: Limits) {
    memory.copy(changetype<usize>(this) + 88, changetype<usize>(value), 80);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 168);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 168, changetype<usize>(value), 8);
  }
}

/** A change that was begun and is not yet complete. */
@unmanaged @final export class InFlight {
  constructor() {
    return changetype<InFlight>(zeroed(48));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 48;
  }
  /** As `proposal.kind`. */
  get kind(): string {
    return textAt(changetype<usize>(this));
  }
  set kind(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** Count before. */
  get fromCount(): u32 {
    return load<u32>(changetype<usize>(this), 8);
  }
  set fromCount(value: u32) {
    store<u32>(changetype<usize>(this), value, 8);
  }
  /** Count asked for. */
  get toCount(): u32 {
    return load<u32>(changetype<usize>(this), 12);
  }
  set toCount(value: u32) {
    store<u32>(changetype<usize>(this), value, 12);
  }
  /** When it began. */
  get sinceMs(): u64 {
    return load<u64>(changetype<usize>(this), 16);
  }
  set sinceMs(value: u64) {
    store<u64>(changetype<usize>(this), value, 16);
  }
  /** What it waits for, for a person. */
  get pending(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 24);
  }
  set pending(value: List<string>) {
    memory.copy(changetype<usize>(this) + 24, changetype<usize>(value), 8);
  }
  /** Whether its deadline has passed. */
  get stuck(): bool {
    return load<bool>(changetype<usize>(this), 32);
  }
  set stuck(value: bool) {
    store<bool>(changetype<usize>(this), value, 32);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 36);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 36, changetype<usize>(value), 8);
  }
}

/** One instance of the workload. */
@unmanaged @final export class Instance {
  constructor() {
    return changetype<Instance>(zeroed(168));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 168;
  }
  /** Unique in the target; what proposals name. */
  get id(): string {
    return textAt(changetype<usize>(this));
  }
  set id(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** The name people know; may equal `id`. */
  get name(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set name(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** Index of its node in `snapshot.nodes` if nodes were asked for, else a number that tells nodes apart. */
  get node(): Some<u32> | null {
    return load<u8>(changetype<usize>(this), 16) ? changetype<Some<u32>>(changetype<usize>(this) + 20) : null;
  }
  set node(value: Some<u32> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 16);
    } else {
      store<u8>(changetype<usize>(this), 1, 16);
      store<u32>(changetype<usize>(this), value.value, 20);
    }
  }
  /** 0 unknown, 1 pending, 2 starting, 3 ready, 4 unready, 5 draining, 6 stopping, 7 stopped, 8 failed, 9 lost. */
  get phase(): u8 {
    return load<u8>(changetype<usize>(this), 24);
  }
  set phase(value: u8) {
    store<u8>(changetype<usize>(this), value, 24);
  }
  /** When it started. */
  get startedMs(): Some<u64> | null {
    return load<u8>(changetype<usize>(this), 32) ? changetype<Some<u64>>(changetype<usize>(this) + 40) : null;
  }
  set startedMs(value: Some<u64> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 32);
    } else {
      store<u8>(changetype<usize>(this), 1, 32);
      store<u64>(changetype<usize>(this), value.value, 40);
    }
  }
  /** Times it was restarted by whatever keeps it running. */
  get restarts(): u32 {
    return load<u32>(changetype<usize>(this), 48);
  }
  set restarts(value: u32) {
    store<u32>(changetype<usize>(this), value, 48);
  }
  /** What is set aside for it. */
  get requests(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 56);
  }
  set requests(value: Resources) {
    memory.copy(changetype<usize>(this) + 56, changetype<usize>(value), 32);
  }
  /** What it may use at most. */
  get limits(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 88);
  }
  set limits(value: Resources) {
    memory.copy(changetype<usize>(this) + 88, changetype<usize>(value), 32);
  }
  /** What it uses now. */
  get usage(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 120);
  }
  set usage(value: Resources) {
    memory.copy(changetype<usize>(this) + 120, changetype<usize>(value), 32);
  }
  /** Whether the operator or the backend forbids to remove it. */
  get protected_(): bool {
    return load<bool>(changetype<usize>(this), 152);
  }
  set protected_(value: bool) {
    store<bool>(changetype<usize>(this), value, 152);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 156);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 156, changetype<usize>(value), 8);
  }
}

/** One node that instances run on. */
@unmanaged @final export class Node {
  constructor() {
    return changetype<Node>(zeroed(96));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 96;
  }
  /** Unique at the backend. */
  get id(): string {
    return textAt(changetype<usize>(this));
  }
  set id(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** Its zone; empty if none. */
  get zone(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set zone(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** Whether it works. */
  get ready(): bool {
    return load<bool>(changetype<usize>(this), 16);
  }
  set ready(value: bool) {
    store<bool>(changetype<usize>(this), value, 16);
  }
  /** Whether new instances may be put there. */
  get schedulable(): bool {
    return load<bool>(changetype<usize>(this), 17);
  }
  set schedulable(value: bool) {
    store<bool>(changetype<usize>(this), value, 17);
  }
  /** What it has. */
  get capacity(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 24);
  }
  set capacity(value: Resources) {
    memory.copy(changetype<usize>(this) + 24, changetype<usize>(value), 32);
  }
  /** What is free on it. */
  get free(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 56);
  }
  set free(value: Resources) {
    memory.copy(changetype<usize>(this) + 56, changetype<usize>(value), 32);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 88);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 88, changetype<usize>(value), 8);
  }
}

/**
 * All readings, as columns. Row i is (needs[i], owners[i], freshness[i], firsts[i], counts[i]). Rows are ordered by
 * need, then by owner, and no row is missing: a reading that could not be had is a row whose freshness is absent.
 */
@unmanaged @final export class Readings {
  constructor() {
    return changetype<Readings>(zeroed(88));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 88;
  }
  /** Index into the list that `needs` returned. Forms are numbers unless `freshness` says otherwise. */
  get needs(): List<u32> {
    return changetype<List<u32>>(changetype<usize>(this));
  }
  set needs(value: List<u32>) {
    memory.copy(changetype<usize>(this), changetype<usize>(value), 8);
  }
  /**
   * Index into `snapshot.instances` or `snapshot.nodes`, as the need's subject says; 4294967295 for the target's own
   * and for other subjects, whose names then stand in `owner-names`.
   */
  get owners(): List<u32> {
    return changetype<List<u32>>(changetype<usize>(this) + 8);
  }
  set owners(value: List<u32>) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 8);
  }
  /**
   * 0 fresh, 1 stale (samples are there, too old to act on), 2 absent (no samples: not known, never zero). Add 16 for
   * a reading whose samples are texts.
   */
  get freshness(): List<u8> {
    return changetype<List<u8>>(changetype<usize>(this) + 16);
  }
  set freshness(value: List<u8>) {
    memory.copy(changetype<usize>(this) + 16, changetype<usize>(value), 8);
  }
  /** First sample, as an index into `times-ms` and `values`, or into `text-times-ms` and `texts` for a reading of texts. */
  get firsts(): List<u32> {
    return changetype<List<u32>>(changetype<usize>(this) + 24);
  }
  set firsts(value: List<u32>) {
    memory.copy(changetype<usize>(this) + 24, changetype<usize>(value), 8);
  }
  /** Number of samples, oldest first. */
  get counts(): List<u32> {
    return changetype<List<u32>>(changetype<usize>(this) + 32);
  }
  set counts(value: List<u32>) {
    memory.copy(changetype<usize>(this) + 32, changetype<usize>(value), 8);
  }
  /** Times of the numeric samples. */
  get timesMs(): List<u64> {
    return changetype<List<u64>>(changetype<usize>(this) + 40);
  }
  set timesMs(value: List<u64>) {
    memory.copy(changetype<usize>(this) + 40, changetype<usize>(value), 8);
  }
  /** The numeric samples; always finite. */
  get values(): List<f64> {
    return changetype<List<f64>>(changetype<usize>(this) + 48);
  }
  set values(value: List<f64>) {
    memory.copy(changetype<usize>(this) + 48, changetype<usize>(value), 8);
  }
  /** Times of the text samples. */
  get textTimesMs(): List<u64> {
    return changetype<List<u64>>(changetype<usize>(this) + 56);
  }
  set textTimesMs(value: List<u64>) {
    memory.copy(changetype<usize>(this) + 56, changetype<usize>(value), 8);
  }
  /** The text samples. */
  get texts(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 64);
  }
  set texts(value: List<string>) {
    memory.copy(changetype<usize>(this) + 64, changetype<usize>(value), 8);
  }
  /** Names of owners that are neither instances nor nodes: (row, name). */
  get ownerNames(): List<TupleU32String> {
    return changetype<List<TupleU32String>>(changetype<usize>(this) + 72);
  }
  set ownerNames(value: List<TupleU32String>) {
    memory.copy(changetype<usize>(this) + 72, changetype<usize>(value), 8);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 80);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 80, changetype<usize>(value), 8);
  }
}

/** An alert that nobody has handled yet. */
@unmanaged @final export class Alert {
  constructor() {
    return changetype<Alert>(zeroed(40));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 40;
  }
  /** Unique in the host. */
  get id(): string {
    return textAt(changetype<usize>(this));
  }
  set id(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** Its name. */
  get name(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set name(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** When it began. */
  get sinceMs(): u64 {
    return load<u64>(changetype<usize>(this), 16);
  }
  set sinceMs(value: u64) {
    store<u64>(changetype<usize>(this), value, 16);
  }
  /** Its labels. */
  get labels(): List<TupleStringString> {
    return changetype<List<TupleStringString>>(changetype<usize>(this) + 24);
  }
  set labels(value: List<TupleStringString>) {
    memory.copy(changetype<usize>(this) + 24, changetype<usize>(value), 8);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 32);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 32, changetype<usize>(value), 8);
  }
}

/** A change that was made. */
@unmanaged @final export class Change {
  constructor() {
    return changetype<Change>(zeroed(40));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 40;
  }
  /** When. */
  get atMs(): u64 {
    return load<u64>(changetype<usize>(this));
  }
  set atMs(value: u64) {
    store<u64>(changetype<usize>(this), value);
  }
  /** As `proposal.kind`. */
  get kind(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set kind(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
  /** Count before. */
  get fromCount(): u32 {
    return load<u32>(changetype<usize>(this), 16);
  }
  set fromCount(value: u32) {
    store<u32>(changetype<usize>(this), value, 16);
  }
  /** Count after. */
  get toCount(): u32 {
    return load<u32>(changetype<usize>(this), 20);
  }
  set toCount(value: u32) {
    store<u32>(changetype<usize>(this), value, 20);
  }
  /** `policy`, `correction`, `repair`, `manual`, or another word. */
  get by(): string {
    return textAt(changetype<usize>(this) + 24);
  }
  set by(value: string) {
    setText(changetype<usize>(this) + 24, value);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 32);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 32, changetype<usize>(value), 8);
  }
}

/** Offsets of a time zone from UTC, so that no policy bakes in a table that ages. */
@unmanaged @final export class ZoneTransitions {
  constructor() {
    return changetype<ZoneTransitions>(zeroed(32));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 32;
  }
  /** IANA name. */
  get zone(): string {
    return textAt(changetype<usize>(this));
  }
  set zone(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** Points in time from which the offset of the same index holds; the first is at or before `now-ms`. */
  get atMs(): List<u64> {
    return changetype<List<u64>>(changetype<usize>(this) + 8);
  }
  set atMs(value: List<u64>) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 8);
  }
  /** Seconds east of UTC. */
  get offsetsSeconds(): List<i32> {
    return changetype<List<i32>>(changetype<usize>(this) + 16);
  }
  set offsetsSeconds(value: List<i32>) {
    memory.copy(changetype<usize>(this) + 16, changetype<usize>(value), 8);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 24);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 24, changetype<usize>(value), 8);
  }
}

/** The facts of one moment about one target. */
@unmanaged @final export class Snapshot {
  constructor() {
    return changetype<Snapshot>(zeroed(392));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 392;
  }
  /** The time of this moment. There is no other clock. */
  get nowMs(): u64 {
    return load<u64>(changetype<usize>(this));
  }
  set nowMs(value: u64) {
    store<u64>(changetype<usize>(this), value);
  }
  /** The workload. */
  get target(): Target {
    return changetype<Target>(changetype<usize>(this) + 8);
  }
  set target(value: Target) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 176);
  }
  /** The change in flight, if there is one. */
  get inFlight(): InFlight | null {
    return load<u8>(changetype<usize>(this), 184) ? changetype<InFlight>(changetype<usize>(this) + 192) : null;
  }
  set inFlight(value: InFlight | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 184);
    } else {
      store<u8>(changetype<usize>(this), 1, 184);
      memory.copy(changetype<usize>(this) + 192, changetype<usize>(value), 48);
    }
  }
  /** By need `instances`, and where a reading belongs to instances. */
  get instances(): List<Instance> {
    return changetype<List<Instance>>(changetype<usize>(this) + 240);
  }
  set instances(value: List<Instance>) {
    memory.copy(changetype<usize>(this) + 240, changetype<usize>(value), 8);
  }
  /** By need `nodes`, and where a reading belongs to nodes. */
  get nodes(): List<Node> {
    return changetype<List<Node>>(changetype<usize>(this) + 248);
  }
  set nodes(value: List<Node>) {
    memory.copy(changetype<usize>(this) + 248, changetype<usize>(value), 8);
  }
  /** By needs `reading`. */
  get readings(): Readings {
    return changetype<Readings>(changetype<usize>(this) + 256);
  }
  set readings(value: Readings) {
    memory.copy(changetype<usize>(this) + 256, changetype<usize>(value), 88);
  }
  /** By need `alerts`. */
  get alerts(): List<Alert> {
    return changetype<List<Alert>>(changetype<usize>(this) + 344);
  }
  set alerts(value: List<Alert>) {
    memory.copy(changetype<usize>(this) + 344, changetype<usize>(value), 8);
  }
  /** By need `changes`; oldest first. */
  get changes(): List<Change> {
    return changetype<List<Change>>(changetype<usize>(this) + 352);
  }
  set changes(value: List<Change>) {
    memory.copy(changetype<usize>(this) + 352, changetype<usize>(value), 8);
  }
  /** By needs `transitions`. */
  get transitions(): List<ZoneTransitions> {
    return changetype<List<ZoneTransitions>>(changetype<usize>(this) + 360);
  }
  set transitions(value: List<ZoneTransitions>) {
    memory.copy(changetype<usize>(this) + 360, changetype<usize>(value), 8);
  }
  /** The parameters, in the manifest's order. */
  get params(): List<ParamValue> {
    return changetype<List<ParamValue>>(changetype<usize>(this) + 368);
  }
  set params(value: List<ParamValue>) {
    memory.copy(changetype<usize>(this) + 368, changetype<usize>(value), 8);
  }
  /** What this policy returned as memory for this target last time, if its format fits; else empty. */
  get memory(): List<u8> {
    return changetype<List<u8>>(changetype<usize>(this) + 376);
  }
  set memory(value: List<u8>) {
    memory.copy(changetype<usize>(this) + 376, changetype<usize>(value), 8);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 384);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 384, changetype<usize>(value), 8);
  }
}

/** New requests and limits of one container; `none` leaves a figure as it is. */
@unmanaged @final export class ContainerResources {
  constructor() {
    return changetype<ContainerResources>(zeroed(80));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 80;
  }
  /** The container; empty for the only one. */
  get container(): string {
    return textAt(changetype<usize>(this));
  }
  set container(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** What to set aside for it. */
  get requests(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 8);
  }
  set requests(value: Resources) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 32);
  }
  /** What it may use at most. */
  get limits(): Resources {
    return changetype<Resources>(changetype<usize>(this) + 40);
  }
  set limits(value: Resources) {
    memory.copy(changetype<usize>(this) + 40, changetype<usize>(value), 32);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 72);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 72, changetype<usize>(value), 8);
  }
}

/** One thing that a policy asks for. The host bounds it. */
@unmanaged @final export class Proposal {
  constructor() {
    return changetype<Proposal>(zeroed(84));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 84;
  }
  /** `scale`, `resize`, `restart`, `replace`, `remove`, `start`, `redeploy`, `hold`. */
  get kind(): string {
    return textAt(changetype<usize>(this));
  }
  set kind(value: string) {
    setText(changetype<usize>(this), value);
  }
  /** For `scale`: exactly so many replicas. */
  get count(): Some<u32> | null {
    return load<u8>(changetype<usize>(this), 8) ? changetype<Some<u32>>(changetype<usize>(this) + 12) : null;
  }
  set count(value: Some<u32> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 8);
    } else {
      store<u8>(changetype<usize>(this), 1, 8);
      store<u32>(changetype<usize>(this), value.value, 12);
    }
  }
  /** For `scale`: at least so many, whatever others ask. */
  get atLeast(): Some<u32> | null {
    return load<u8>(changetype<usize>(this), 16) ? changetype<Some<u32>>(changetype<usize>(this) + 20) : null;
  }
  set atLeast(value: Some<u32> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 16);
    } else {
      store<u8>(changetype<usize>(this), 1, 16);
      store<u32>(changetype<usize>(this), value.value, 20);
    }
  }
  /** For `scale`: at most so many, whatever others ask. */
  get atMost(): Some<u32> | null {
    return load<u8>(changetype<usize>(this), 24) ? changetype<Some<u32>>(changetype<usize>(this) + 28) : null;
  }
  set atMost(value: Some<u32> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 24);
    } else {
      store<u8>(changetype<usize>(this), 1, 24);
      store<u32>(changetype<usize>(this), value.value, 28);
    }
  }
  /** Ids of the instances concerned, the preferred first. For `scale`: which to remove first. */
  get instances(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 32);
  }
  set instances(value: List<string>) {
    memory.copy(changetype<usize>(this) + 32, changetype<usize>(value), 8);
  }
  /** For `resize`: per container. */
  get resources(): List<ContainerResources> {
    return changetype<List<ContainerResources>>(changetype<usize>(this) + 40);
  }
  set resources(value: List<ContainerResources>) {
    memory.copy(changetype<usize>(this) + 40, changetype<usize>(value), 8);
  }
  /** For `resize`: a size of `abilities.sizes`; empty for none. */
  get sizeClass(): string {
    return textAt(changetype<usize>(this) + 48);
  }
  set sizeClass(value: string) {
    setText(changetype<usize>(this) + 48, value);
  }
  /** For `scale` and `replace`: nodes or zones to prefer, the preferred first. */
  get placement(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 56);
  }
  set placement(value: List<string>) {
    memory.copy(changetype<usize>(this) + 56, changetype<usize>(value), 8);
  }
  /** Proposals of one group, other than 0, are done all or not at all. */
  get group(): u32 {
    return load<u32>(changetype<usize>(this), 64);
  }
  set group(value: u32) {
    store<u32>(changetype<usize>(this), value, 64);
  }
  /** One sentence for a person, with the numbers that led to it. */
  get reason(): string {
    return textAt(changetype<usize>(this) + 68);
  }
  set reason(value: string) {
    setText(changetype<usize>(this) + 68, value);
  }
  /** Room to grow. */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 76);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 76, changetype<usize>(value), 8);
  }
}

/** Which case of Verdict it is. */
export const enum VerdictCase {
  Proposals,
  Refused,
}

/** What the policy came to. */
@unmanaged @final export class Verdict {
  constructor() {
    return changetype<Verdict>(zeroed(28));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 28;
  }
  /** Which case it is. */
  get tag(): VerdictCase {
    return <VerdictCase>load<u8>(changetype<usize>(this));
  }
  /** What it asks for. An empty list abstains; `hold` votes for the present state. */
  static proposals(value: List<Proposal>): Verdict {
    const made = new Verdict();
    store<u8>(changetype<usize>(made), VerdictCase.Proposals);
    memory.copy(changetype<usize>(made) + 4, changetype<usize>(value), 8);
    return made;
  }
  /** What it asks for. An empty list abstains; `hold` votes for the present state. */
  get proposals(): List<Proposal> | null {
    return load<u8>(changetype<usize>(this)) == VerdictCase.Proposals ? changetype<List<Proposal>>(changetype<usize>(this) + 4) : null;
  }
  /** It declines. */
  static refused(value: Refusal): Verdict {
    const made = new Verdict();
    store<u8>(changetype<usize>(made), VerdictCase.Refused);
    memory.copy(changetype<usize>(made) + 4, changetype<usize>(value), 24);
    return made;
  }
  /** It declines. */
  get refused(): Refusal | null {
    return load<u8>(changetype<usize>(this)) == VerdictCase.Refused ? changetype<Refusal>(changetype<usize>(this) + 4) : null;
  }
}

/** The whole answer. */
@unmanaged @final export class Answer {
  constructor() {
    return changetype<Answer>(zeroed(56));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 56;
  }
  /** What the policy came to. */
  get verdict(): Verdict {
    return changetype<Verdict>(changetype<usize>(this));
  }
  set verdict(value: Verdict) {
    memory.copy(changetype<usize>(this), changetype<usize>(value), 28);
  }
  /** Memory for the next evaluation; `none` keeps the present one. */
  get memory(): List<u8> | null {
    return load<u8>(changetype<usize>(this), 28) ? changetype<List<u8>>(changetype<usize>(this) + 32) : null;
  }
  set memory(value: List<u8> | null) {
    if (value === null) {
      store<u8>(changetype<usize>(this), 0, 28);
    } else {
      store<u8>(changetype<usize>(this), 1, 28);
      memory.copy(changetype<usize>(this) + 32, changetype<usize>(value), 8);
    }
  }
  /** Sentences for whoever reads the record; bounded in number and length. */
  get notes(): List<string> {
    return changetype<List<string>>(changetype<usize>(this) + 40);
  }
  set notes(value: List<string>) {
    memory.copy(changetype<usize>(this) + 40, changetype<usize>(value), 8);
  }
  /**
   * Named values for whoever reads the record. Published: `alerts-dealt-with`, a text: the ids of the alerts that this
   * answer deals with, with spaces between; without it, an answer that proposes anything deals with all that it was shown.
   */
  get attrs(): List<TupleStringValue> {
    return changetype<List<TupleStringValue>>(changetype<usize>(this) + 48);
  }
  set attrs(value: List<TupleStringValue>) {
    memory.copy(changetype<usize>(this) + 48, changetype<usize>(value), 8);
  }
}

/** Which case of ResultListNeedOrRefusal it is. */
export const enum ResultListNeedOrRefusalCase {
  Ok,
  Err,
}

@unmanaged @final export class ResultListNeedOrRefusal {
  constructor() {
    return changetype<ResultListNeedOrRefusal>(zeroed(28));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 28;
  }
  /** Which case it is. */
  get tag(): ResultListNeedOrRefusalCase {
    return <ResultListNeedOrRefusalCase>load<u8>(changetype<usize>(this));
  }
  static ok(value: List<Need>): ResultListNeedOrRefusal {
    const made = new ResultListNeedOrRefusal();
    store<u8>(changetype<usize>(made), ResultListNeedOrRefusalCase.Ok);
    memory.copy(changetype<usize>(made) + 4, changetype<usize>(value), 8);
    return made;
  }
  get ok(): List<Need> | null {
    return load<u8>(changetype<usize>(this)) == ResultListNeedOrRefusalCase.Ok ? changetype<List<Need>>(changetype<usize>(this) + 4) : null;
  }
  static err(value: Refusal): ResultListNeedOrRefusal {
    const made = new ResultListNeedOrRefusal();
    store<u8>(changetype<usize>(made), ResultListNeedOrRefusalCase.Err);
    memory.copy(changetype<usize>(made) + 4, changetype<usize>(value), 24);
    return made;
  }
  get err(): Refusal | null {
    return load<u8>(changetype<usize>(this)) == ResultListNeedOrRefusalCase.Err ? changetype<Refusal>(changetype<usize>(this) + 4) : null;
  }
}

@unmanaged @final export class TupleStringString {
  constructor() {
    return changetype<TupleStringString>(zeroed(16));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 16;
  }
  get first(): string {
    return textAt(changetype<usize>(this));
  }
  set first(value: string) {
    setText(changetype<usize>(this), value);
  }
  get second(): string {
    return textAt(changetype<usize>(this) + 8);
  }
  set second(value: string) {
    setText(changetype<usize>(this) + 8, value);
  }
}

@unmanaged @final export class TupleStringValue {
  constructor() {
    return changetype<TupleStringValue>(zeroed(24));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 24;
  }
  get first(): string {
    return textAt(changetype<usize>(this));
  }
  set first(value: string) {
    setText(changetype<usize>(this), value);
  }
  get second(): Value {
    return changetype<Value>(changetype<usize>(this) + 8);
  }
  set second(value: Value) {
    memory.copy(changetype<usize>(this) + 8, changetype<usize>(value), 16);
  }
}

@unmanaged @final export class TupleU32String {
  constructor() {
    return changetype<TupleU32String>(zeroed(12));
  }
  /** How many bytes one takes in a list. */
  @inline __bytes(): usize {
    return 12;
  }
  get first(): u32 {
    return load<u32>(changetype<usize>(this));
  }
  set first(value: u32) {
    store<u32>(changetype<usize>(this), value);
  }
  get second(): string {
    return textAt(changetype<usize>(this) + 4);
  }
  set second(value: string) {
    setText(changetype<usize>(this) + 4, value);
  }
}

/** What a policy does. */
export abstract class Decide {
  /** Says what this policy is. Asked once, when it is loaded. */
  abstract describe(): Manifest;
  /** Says which facts it wants, given its parameters. Asked when a binding is checked. */
  abstract needs(params: List<ParamValue>): ResultListNeedOrRefusal;
  /** Answers one snapshot. Asked in a fresh instance each time. */
  abstract evaluate(snapshot: Snapshot): Answer;
}

/** `describe` as it crosses: addresses of the arguments and of the answer. */
export function describe(to: Decide): usize {
  return changetype<usize>(to.describe());
}

/** `needs` as it crosses: addresses of the arguments and of the answer. */
export function needs(to: Decide, params: usize, paramsCount: i32): usize {
  return changetype<usize>(to.needs(listAt<ParamValue>(params, paramsCount)));
}

/** `evaluate` as it crosses: addresses of the arguments and of the answer. */
export function evaluate(to: Decide, snapshot: usize): usize {
  return changetype<usize>(to.evaluate(changetype<Snapshot>(snapshot)));
}
