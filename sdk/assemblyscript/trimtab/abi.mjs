// Calls a policy as the host does: values into its memory and out of it, by the canonical ABI of the component model. The types come
// from bindings/contract.mjs, the layouts are computed here.
//
// Values in JavaScript: a record is an object (a field that is left out is empty, zero or missing), a tuple an array, an option the
// value or null, a variant `{ tag, value }`, a result `{ ok }` or `{ err }`; whole numbers of 64 bits may be numbers or bigints.

import { functions, types } from "./bindings/contract.mjs";

/** Parameters that are passed without memory; more go as one address. */
const FLAT_MAX = 16;

const PLAIN = { bool: 1, u8: 1, s8: 1, u16: 2, s16: 2, u32: 4, s32: 4, f32: 4, u64: 8, s64: 8, f64: 8 };

/** A named type's shape; any other is its own. */
const open = (shape) => (Array.isArray(shape) || shape in PLAIN || shape === "string" ? shape : types[shape]);

/** The shapes of a variant's payloads, in the order of its cases; null for a case without. */
function cases(shape) {
  const [kind, ...of] = shape;
  if (kind === "variant") return of[0].map(([, payload]) => payload);
  return kind === "option" ? [null, of[0]] : of;
}

const alignUp = (at, align) => Math.ceil(at / align) * align;
const fieldsOf = ([kind, fields]) => (kind === "record" ? fields.map(([, shape]) => shape) : fields);
const isProduct = (shape) => shape[0] === "record" || shape[0] === "tuple";

function align(shape) {
  shape = open(shape);
  if (shape in PLAIN) return PLAIN[shape];
  if (shape === "string" || shape[0] === "list") return 4;
  if (isProduct(shape)) return Math.max(1, ...fieldsOf(shape).map(align));
  return Math.max(1, ...cases(shape).filter(Boolean).map(align));
}

function size(shape) {
  shape = open(shape);
  if (shape in PLAIN) return PLAIN[shape];
  if (shape === "string" || shape[0] === "list") return 8;
  const end = isProduct(shape)
    ? fieldsOf(shape).reduce((at, field) => alignUp(at, align(field)) + size(field), 0)
    : payloadAt(shape) + Math.max(0, ...cases(shape).filter(Boolean).map(size));
  return alignUp(end, align(shape));
}

const payloadAt = (shape) => alignUp(1, Math.max(1, ...cases(shape).filter(Boolean).map(align)));

/** One instance of a policy. The host makes a new one for every call, and so should a test. */
export class Instance {
  constructor(module) {
    const [section] = WebAssembly.Module.customSections(module, "trimtab:string-encoding");
    const encoding = section && new TextDecoder().decode(section).trim();
    if (encoding !== "utf8" && encoding !== "utf16") {
      throw new Error("the module does not say how it holds its texts: build it with `trimtab policy build` or `npm run build`");
    }
    this.utf16 = encoding === "utf16";
    this.exports = new WebAssembly.Instance(module).exports;
  }

  /** Calls `describe`, `needs` or `evaluate`. */
  call(name, ...values) {
    const { name: exported, parameters, result } = functions[name];
    const crossing = parameters.flatMap((shape, i) => this.#argument(shape, values[i]));
    const at = this.exports[exported](...crossing) >>> 0;
    const value = this.#read(result, at);
    this.exports[`cabi_post_${exported}`]?.(at);
    return value;
  }

  /** A list crosses as address and length, a record of more than 16 parts as its address: the contract has no others. */
  #argument(shape, value) {
    const opened = open(shape);
    const bytes = size(shape);
    const at = this.#allocate(align(shape), bytes);
    this.#write(shape, value, at);
    if (opened[0] === "list") return [this.#view.getInt32(at, true), this.#view.getInt32(at + 4, true)];
    if (opened[0] !== "record" || opened[1].length <= 4 || bytes <= FLAT_MAX * 8) {
      throw new Error(`no parameter of shape ${JSON.stringify(shape)} is known here`);
    }
    return [at];
  }

  /** Anew each time: memory that grows leaves its old views behind. */
  get #view() {
    return new DataView(this.exports.memory.buffer);
  }

  #allocate(align, bytes) {
    return this.exports.cabi_realloc(0, 0, align, bytes) >>> 0;
  }

  #write(shape, value, at) {
    shape = open(shape);
    if (shape in PLAIN) return this.#writePlain(shape, value ?? 0, at);
    if (shape === "string") return this.#writeText(value ?? "", at);
    const [kind, of] = shape;
    if (kind === "list") return this.#writeList(of, value ?? [], at);
    if (isProduct(shape)) {
      const parts = kind === "record" ? of.map(([name]) => value?.[name]) : value;
      checkNames(shape, value);
      for (const [i, field] of fieldsOf(shape).entries()) {
        at = alignUp(at, align(field));
        this.#write(field, parts[i], at);
        at += size(field);
      }
      return;
    }
    const [tag, payload] = chosen(shape, value);
    this.#view.setUint8(at, tag);
    const inner = cases(shape)[tag];
    if (inner !== null) this.#write(inner, payload, at + payloadAt(shape));
  }

  #writePlain(shape, value, at) {
    const view = this.#view;
    if (shape === "bool") view.setUint8(at, value ? 1 : 0);
    else if (shape === "f32") view.setFloat32(at, value, true);
    else if (shape === "f64") view.setFloat64(at, value, true);
    else if (PLAIN[shape] === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    else if (PLAIN[shape] === 4) view.setUint32(at, Number(value) >>> 0, true);
    else if (PLAIN[shape] === 2) view.setUint16(at, Number(value), true);
    else view.setUint8(at, Number(value));
  }

  #writeText(text, at) {
    // UTF-16 as the host does it: room for one unit per byte of UTF-8, and back with what was too much.
    const utf8 = new TextEncoder().encode(text);
    let address = this.#allocate(this.utf16 ? 2 : 1, this.utf16 ? utf8.length * 2 : utf8.length);
    let count = utf8.length;
    if (this.utf16) {
      for (let i = 0; i < text.length; i++) this.#view.setUint16(address + i * 2, text.charCodeAt(i), true);
      if (text.length < count) {
        address = this.exports.cabi_realloc(address, count * 2, 2, text.length * 2) >>> 0;
      }
      count = text.length;
    } else {
      new Uint8Array(this.exports.memory.buffer, address, count).set(utf8);
    }
    this.#view.setUint32(at, address, true);
    this.#view.setUint32(at + 4, count, true);
  }

  #writeList(item, values, at) {
    const address = this.#allocate(align(item), size(item) * values.length);
    values.forEach((value, i) => this.#write(item, value, address + i * size(item)));
    this.#view.setUint32(at, address, true);
    this.#view.setUint32(at + 4, values.length, true);
  }

  #read(shape, at) {
    shape = open(shape);
    if (shape in PLAIN) return this.#readPlain(shape, at);
    const [address, count] = [this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true)];
    if (shape === "string") return this.#readText(address, count);
    const [kind, of] = shape;
    if (kind === "list") return Array.from({ length: count }, (_, i) => this.#read(of, address + i * size(of)));
    if (isProduct(shape)) {
      const parts = fieldsOf(shape).map((field) => {
        at = alignUp(at, align(field));
        const part = this.#read(field, at);
        at += size(field);
        return part;
      });
      return kind === "tuple" ? parts : Object.fromEntries(of.map(([name], i) => [name, parts[i]]));
    }
    const tag = this.#view.getUint8(at);
    const inner = cases(shape)[tag];
    if (inner === undefined) throw new Error(`the policy answered case ${tag} of ${cases(shape).length}`);
    const value = inner === null ? null : this.#read(inner, at + payloadAt(shape));
    if (kind === "option") return value;
    if (kind === "result") return tag === 0 ? { ok: value } : { err: value };
    return { tag: of[tag][0], value };
  }

  #readPlain(shape, at) {
    const view = this.#view;
    switch (shape) {
      case "bool":
        return view.getUint8(at) !== 0;
      case "f32":
        return view.getFloat32(at, true);
      case "f64":
        return view.getFloat64(at, true);
      case "u64":
        return tame(view.getBigUint64(at, true));
      case "s64":
        return tame(view.getBigInt64(at, true));
      default: {
        const bits = PLAIN[shape] * 8;
        return view[`get${shape[0] === "s" ? "Int" : "Uint"}${bits}`](at, true);
      }
    }
  }

  #readText(address, count) {
    const bytes = new Uint8Array(this.exports.memory.buffer, address, this.utf16 ? count * 2 : count);
    return new TextDecoder(this.utf16 ? "utf-16le" : "utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  }
}

/** A number, where it holds the whole of it. */
function tame(big) {
  const number = Number(big);
  return Number.isSafeInteger(number) ? number : big;
}

/** Tag and payload of a variant, option or result. */
function chosen(shape, value) {
  const [kind, of] = shape;
  if (kind === "option") return value === null || value === undefined ? [0, null] : [1, value];
  if (kind === "result") return "err" in value ? [1, value.err] : [0, value.ok];
  const tag = of.findIndex(([name]) => name === value?.tag);
  if (tag < 0) throw new Error(`${JSON.stringify(value)} is none of ${of.map(([name]) => name).join(", ")}`);
  return [tag, value.value];
}

/** A misspelt field would be an empty one. */
function checkNames([kind, fields], value) {
  if (kind !== "record") return;
  for (const name of Object.keys(value ?? {})) {
    if (!fields.some(([known]) => known === name)) {
      throw new Error(`no field \`${name}\`: there are ${fields.map(([known]) => known).join(", ")}`);
    }
  }
}
