// Numbers for people, and the step from a measurement to a count.

/** Shows a measurement with at most three decimals: `412.5`, `0.667`, `-3`. What is beyond 9e15 shows as a power of ten. */
export function figure(value: f64): string {
  const magnitude = Math.abs(value);
  if (magnitude != magnitude) return "nan";
  const sign = value < 0 && magnitude >= 0.0005 ? "-" : "";
  if (magnitude == Infinity) return sign + "inf";
  if (magnitude >= 9.0e15) return sign + powerOfTen(magnitude);
  // Whole and thousandths apart: the product of all of it by a thousand would leave the range of exact integers.
  let whole = <u64>magnitude;
  let thousandths = <u32>((magnitude - <f64>whole) * 1000.0 + 0.5);
  if (thousandths >= 1000) {
    whole += 1;
    thousandths -= 1000;
  }
  const text = sign + whole.toString();
  if (thousandths == 0) return text;
  let digits = thousandths + 1000;
  while (digits % 10 == 0) digits /= 10;
  // The leading 1 keeps the zeroes after the point; here it becomes the point.
  return text + "." + digits.toString().substring(1);
}

function powerOfTen(magnitude: f64): string {
  let exponent = 1;
  while (magnitude >= 100.0) {
    magnitude /= 10.0;
    exponent += 1;
  }
  const digits = <u32>magnitude;
  return (digits / 10).toString() + "." + (digits % 10).toString() + "e" + exponent.toString();
}

/**
 * The count of replicas for a wish in fractions of replicas: rounded up, at least 0, at most 4294967295; 0 for not-a-number.
 * A billionth part is forgiven before rounding up: `1.1 / 0.1` is 11.000000000000002, and nobody wishes for a twelfth.
 */
export function replicas(wish: f64): u32 {
  if (!(wish > 0)) return 0;
  const clamped = Math.min(wish, 1.0e12);
  const count = Math.ceil(clamped - Math.max(clamped, 1) * 1e-9);
  return count >= 4294967295.0 ? u32.MAX_VALUE : <u32>count;
}
