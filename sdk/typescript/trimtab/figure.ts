// Numbers for people, and the step from a measurement to a count.

const SHOWN_EXACTLY_MAX = 9e15;
const SHOWN_FROM = 0.0005;
const WISH_MAX = 1e12;
const FORGIVEN = 1e-9;
const U32_MAX = 4294967295;

/**
 * Shows a measurement with at most three decimals: `412.5`, `0.667`, `-3`. What is no number shows as `nan`, what is beyond
 * ±9·10¹⁵ as a rounded power of ten. The same text as in every other language, which `toFixed` and `String` do not give.
 */
export function figure(value: number): string {
  const magnitude = Math.abs(value);
  if (Number.isNaN(magnitude)) return "nan";
  const sign = value < 0 && magnitude >= SHOWN_FROM ? "-" : "";
  if (magnitude === Infinity) return `${sign}inf`;
  if (magnitude >= SHOWN_EXACTLY_MAX) return sign + powerOfTen(magnitude);
  // Whole and thousandths apart: the product of all of it by a thousand would leave the range of exact integers.
  let whole = Math.trunc(magnitude);
  let thousandths = Math.trunc((magnitude - whole) * 1000 + 0.5);
  if (thousandths >= 1000) {
    whole += 1;
    thousandths -= 1000;
  }
  if (thousandths === 0) return `${sign}${whole}`;
  let decimals = 3;
  for (; thousandths % 10 === 0; decimals -= 1) thousandths /= 10;
  return `${sign}${whole}.${String(thousandths).padStart(decimals, "0")}`;
}

function powerOfTen(magnitude: number): string {
  let exponent = 1;
  while (magnitude >= 100) {
    magnitude /= 10;
    exponent += 1;
  }
  const digits = Math.trunc(magnitude);
  return `${Math.trunc(digits / 10)}.${digits % 10}e${exponent}`;
}

/**
 * The count of replicas for a wish in fractions of replicas: rounded up, at least 0, at most 2³² − 1; 0 for no number. A billionth
 * part is forgiven before rounding up: `1.1 / 0.1` is 11.000000000000002.
 */
export function replicas(wish: number): number {
  const clamped = Math.min(Math.max(wish, 0), WISH_MAX);
  const count = Math.ceil(clamped - Math.max(clamped, 1) * FORGIVEN);
  return count > 0 ? Math.min(count, U32_MAX) : 0;
}
