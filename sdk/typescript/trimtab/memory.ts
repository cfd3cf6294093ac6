// What a policy keeps from one evaluation to the next: bytes, here of JSON.

/** The bytes of a value: return them as `memory`. Keep the manifest's bound in mind; what is above it is a fault. */
export function remember(value: unknown): Uint8Array {
  const utf8 = unescape(encodeURIComponent(JSON.stringify(value)));
  return Uint8Array.from(utf8, (byte) => byte.charCodeAt(0));
}

/**
 * The value of such bytes; `null` where nothing was kept, or what was kept is damaged. The type is the author's word: change the
 * format's number whenever it changes.
 */
export function recall<T>(memory: Uint8Array): T | null {
  if (memory.length === 0) return null;
  try {
    let utf8 = "";
    for (const byte of memory) utf8 += String.fromCharCode(byte);
    return JSON.parse(decodeURIComponent(escape(utf8))) as T;
  } catch {
    return null;
  }
}

/** The bytes that forget all: return them as `memory`. */
export function forget(): Uint8Array {
  return new Uint8Array(0);
}
