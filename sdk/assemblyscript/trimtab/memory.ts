// What the bindings stand on: texts, lists and optional numbers as they lie in memory.
//
// Texts are UTF-16 on both sides, which the module says in its section `trimtab:string-encoding`. Every allocation of the host gets
// the head of a managed object (see `reallocate`), so a text that crosses is a string without being copied, either way.

/** Bytes before a managed object: the last two words of them are its class and its length in bytes. */
const HEAD_BYTES: usize = 16;

/** A number or bool that may be missing: `null` is not known, and never zero. */
@unmanaged export class Some<T> {
  constructor(public value: T) {}
}

/** A number or bool that is there. */
export function some<T>(value: T): Some<T> {
  return new Some<T>(value);
}

/** A list of the contract, to be read. Made of an array by `listOf`. */
@unmanaged @final export class List<T> {
  private at: usize = 0;
  private count: i32 = 0;

  /** How many items it has. */
  get length(): i32 {
    return this.count;
  }

  /** An item; an index beyond the end stops the policy. */
  @operator("[]") get(index: i32): T {
    if (<u32>index >= <u32>this.count) unreachable();
    if (isString<T>()) return changetype<T>(textAt(this.at + (<usize>index << 3)));
    if (isReference<T>()) return changetype<T>(this.at + <usize>index * bytesOf<T>());
    return load<T>(this.at + (<usize>index << alignof<T>()));
  }

  /** Its items as an array of its own. */
  toArray(): Array<T> {
    const array = new Array<T>(this.count);
    for (let i = 0; i < this.count; i++) array[i] = this.get(i);
    return array;
  }

  /** Whether an item of a list of texts or numbers is equal to this one. */
  includes(item: T): bool {
    for (let i = 0; i < this.count; i++) {
      if (this.get(i) == item) return true;
    }
    return false;
  }
}

/** A list of what an array holds: records as they are now, texts without copying them. */
export function listOf<T>(items: Array<T>): List<T> {
  const at = heap.alloc(<usize>items.length * bytesOf<T>());
  for (let i = 0; i < items.length; i++) {
    const to = at + <usize>i * bytesOf<T>();
    const item = items[i];
    if (isString<T>()) setText(to, changetype<string>(item));
    else if (isReference<T>()) memory.copy(to, changetype<usize>(item), bytesOf<T>());
    else store<T>(to, item);
  }
  return listAt<T>(at, items.length);
}

/** The list of `count` items at an address. */
export function listAt<T>(at: usize, count: i32): List<T> {
  const list = zeroed(8);
  store<usize>(list, at);
  store<i32>(list, count, 4);
  return changetype<List<T>>(list);
}

/** Bytes of one item in a list. */
@inline function bytesOf<T>(): usize {
  if (isString<T>()) return 8;
  // A method of the class, which needs no object: the compiler puts its number here.
  if (isReference<T>()) return changetype<T>(0).__bytes();
  return sizeof<T>();
}

/** The text whose address and length stand at `at`. */
export function textAt(at: usize): string {
  return load<u32>(at, 4) ? changetype<string>(load<usize>(at)) : "";
}

/** Puts address and length of a text at `at`. */
export function setText(at: usize, text: string): void {
  store<usize>(at, changetype<usize>(text));
  store<u32>(at, text.length, 4);
}

/** Memory that is all zeroes: of the canonical ABI's, that is empty texts and lists, `none`, false. */
export function zeroed(bytes: usize): usize {
  const at = heap.alloc(bytes);
  memory.fill(at, 0, bytes);
  return at;
}

/** The host's `cabi_realloc`: memory for what it passes in. All of it may be a text, so all of it looks like one. */
export function reallocate(old: usize, oldBytes: usize, align: usize, bytes: usize): usize {
  if (bytes == 0) return align;
  if (oldBytes > 0 && bytes <= oldBytes) {
    // A text that took fewer bytes than the host feared.
    store<u32>(old - 4, <u32>bytes);
    return old;
  }
  const at = heap.alloc(HEAD_BYTES + bytes) + HEAD_BYTES;
  store<u32>(at - 8, idof<string>());
  store<u32>(at - 4, <u32>bytes);
  memory.copy(at, old, oldBytes);
  return at;
}

/** Takes all memory back, once the host has read the answer. */
export function done(_answer: usize): void {
  heap.reset();
}

/** What AssemblyScript calls where it gives up. A policy has nobody to tell but the host, which names the policy. */
export function abort(_message: string | null, _file: string | null, _line: u32, _column: u32): void {
  unreachable();
}
