// Typed parameters: declared once, turned into the manifest's list and into values with their types.

import type * as wire from "./contract/contract.js";
import { wellFormed, whole } from "./crossing.js";
import { Refusal } from "./refusal.js";

/** One parameter, without its name: made by `number`, `text` and the other functions below. */
export interface Declaration<T> {
  /** The manifest's entry; its name is put in when the policy is made. */
  readonly entry: wire.Parameter;
  /** The tag of its values on the boundary. */
  readonly tag: wire.ParamValue["tag"];
  /** Never there: it carries the type. */
  readonly type?: T;
}

/** The parameters of a policy by name, in the order in which people see them. */
export type Declarations = Readonly<Record<string, Declaration<unknown>>>;

/** The values that such declarations lead to. */
export type Values<D extends Declarations> = {
  readonly [Name in keyof D]: D[Name] extends Declaration<infer T> ? T : never;
};

/** What may be said of a parameter. One without `default` is required, unless it is `optional`. */
export interface Options<T> {
  /** The value where the operator gives none. */
  readonly default?: T;
  /** May be left out although it has no default: its value is then `null`. */
  readonly optional?: boolean;
}

/** The same of one that holds numbers. */
export interface Range<T> extends Options<T> {
  /** Least number, or duration in milliseconds; of lists: of each item. */
  readonly min?: number;
  /** Greatest, likewise. */
  readonly max?: number;
}

/** The same of a list of texts. */
export interface Listed<T> extends Options<T> {
  /** The texts allowed. */
  readonly choices?: readonly string[];
}

/** The same of JSON. */
export interface Schema extends Options<string> {
  /** A JSON Schema that the value fits. */
  readonly schema?: string;
}

type Left<T, O> = O extends { readonly optional: true } ? T | null : T;

/** Yes or no. */
export function flag<const O extends Options<boolean>>(doc: string, options?: O): Declaration<Left<boolean, O>> {
  return declare("bool", "flag", doc, options);
}

/** A whole number. Beyond ±2⁵³ it loses its last digits: that is JavaScript's. */
export function integer<const O extends Range<number>>(doc: string, options?: O): Declaration<Left<number, O>> {
  return declare("s64", "int", doc, options);
}

/** A number; always finite. */
export function number<const O extends Range<number>>(doc: string, options?: O): Declaration<Left<number, O>> {
  return declare("f64", "num", doc, options);
}

/** A text. */
export function text<const O extends Options<string>>(doc: string, options?: O): Declaration<Left<string, O>> {
  return declare("text", "text", doc, options);
}

/** One of these texts. */
export function choice<const C extends string, const O extends Options<C>>(
  doc: string,
  choices: readonly C[],
  options?: O,
): Declaration<Left<C, O>> {
  return declare("text", "text", doc, { ...options, choices });
}

/** A duration, in milliseconds. */
export function duration<const O extends Range<number>>(doc: string, options?: O): Declaration<Left<number, O>> {
  return declare("duration", "duration-ms", doc, options);
}

/** Yes or no, several times. */
export function flags<const O extends Options<boolean[]>>(doc: string, options?: O): Declaration<Left<boolean[], O>> {
  return declare("list<bool>", "flags", doc, options);
}

/** Whole numbers. */
export function integers<const O extends Range<number[]>>(doc: string, options?: O): Declaration<Left<number[], O>> {
  return declare("list<s64>", "ints", doc, options);
}

/** Numbers. */
export function numbers<const O extends Range<number[]>>(doc: string, options?: O): Declaration<Left<number[], O>> {
  return declare("list<f64>", "nums", doc, options);
}

/** Texts. */
export function texts<const O extends Listed<string[]>>(doc: string, options?: O): Declaration<Left<string[], O>> {
  return declare("list<text>", "texts", doc, options);
}

/** Durations, in milliseconds. */
export function durations<const O extends Range<number[]>>(doc: string, options?: O): Declaration<Left<number[], O>> {
  return declare("list<duration>", "durations-ms", doc, options);
}

/** JSON text that fits a schema: `JSON.parse` it. */
export function json<const O extends Schema>(doc: string, options?: O): Declaration<Left<string, O>> {
  return declare("json", "json", doc, options);
}

type Anything = Options<unknown> & { min?: number; max?: number; choices?: readonly string[]; schema?: string };

function declare<T>(kind: string, tag: wire.ParamValue["tag"], doc: string, given: object | undefined): Declaration<T> {
  const options: Anything = given ?? {};
  const unset = options.default === undefined;
  const entry: wire.Parameter = {
    name: "",
    kind,
    default: unset ? { tag: "unset" } : toWire(tag, options.default),
    required: unset && options.optional !== true,
    min: options.min ?? null,
    max: options.max ?? null,
    choices: (options.choices ?? []).map(wellFormed),
    schema: wellFormed(options.schema ?? ""),
    doc: wellFormed(doc),
    attrs: [],
  };
  return { entry, tag };
}

/** A value as it crosses. */
export function toWire(tag: wire.ParamValue["tag"], value: unknown): wire.ParamValue {
  const exact = tag === "int" || tag === "duration-ms" || tag === "ints" || tag === "durations-ms";
  const one = (item: unknown): unknown => {
    if (typeof item === "string") return wellFormed(item);
    return exact ? whole(item as number) : item;
  };
  return { tag, val: Array.isArray(value) ? value.map(one) : one(value) } as wire.ParamValue;
}

/** The manifest's list, in the order in which values cross. */
export function entries(declarations: Declarations): wire.Parameter[] {
  return Object.entries(declarations).map(([name, declaration]) => ({ ...declaration.entry, name }));
}

/** The values by name, out of those that crossed by position. Ranges and choices were checked by the host. */
export function take<D extends Declarations>(declarations: D, values: readonly wire.ParamValue[]): Values<D> {
  const taken: Record<string, unknown> = {};
  let position = 0;
  for (const name in declarations) {
    const value = values[position++];
    const declaration = declarations[name] as Declaration<unknown>;
    if (value !== undefined && value.tag === declaration.tag) taken[name] = (value as { val: unknown }).val;
    else taken[name] = leftOut(name, declaration.entry, value);
  }
  const more = values.length - position;
  if (more > 0) throw Refusal.parameterWrong(`${more} values more than the manifest declares`);
  return taken as Values<D>;
}

/** The value of a parameter that was left out, if it may be. */
function leftOut(name: string, entry: wire.Parameter, value: wire.ParamValue | undefined): null {
  if (value?.tag === "unset" && !entry.required && entry.default.tag === "unset") return null;
  throw wrong(name, value === undefined ? "a value, and none was passed" : entry.kind);
}

function wrong(name: string, expected: string): Refusal {
  return Refusal.parameterWrong(`parameter \`${name}\`: expected ${expected}`);
}
