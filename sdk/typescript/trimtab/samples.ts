// The samples of one series, and what can be said of them. Borrowed from the snapshot's columns: nothing is copied until it is asked for.

/** Numeric samples of one series, oldest first; never empty. */
export class Samples implements Iterable<readonly [timeMs: number, value: number]> {
  readonly #timesMs: readonly number[];
  readonly #values: readonly number[];
  readonly #from: number;
  readonly #to: number;

  /** The samples from one index up to, and without, another: `null` if there are none, or the columns end before. */
  static cut(timesMs: readonly number[], values: readonly number[], from: number, to: number): Samples | null {
    const whole = from >= 0 && from < to && to <= timesMs.length && to <= values.length;
    return whole ? new Samples(timesMs, values, from, to) : null;
  }

  private constructor(timesMs: readonly number[], values: readonly number[], from: number, to: number) {
    this.#timesMs = timesMs;
    this.#values = values;
    this.#from = from;
    this.#to = to;
  }

  /** How many there are: at least one. */
  get length(): number {
    return this.#to - this.#from;
  }

  /** The youngest sample. */
  latest(): number {
    return this.#values[this.#to - 1] as number;
  }

  /** When the youngest sample was taken, in milliseconds since the Unix epoch. */
  latestMs(): number {
    return this.#timesMs[this.#to - 1] as number;
  }

  /** The arithmetic mean of all samples, each of the same weight. */
  mean(): number {
    let sum = 0;
    for (let index = this.#from; index < this.#to; index++) sum += this.#values[index] as number;
    return sum / this.length;
  }

  /** The least sample. */
  min(): number {
    return this.values().reduce((least, value) => Math.min(least, value));
  }

  /** The greatest sample. */
  max(): number {
    return this.values().reduce((greatest, value) => Math.max(greatest, value));
  }

  /**
   * The sample below which a share of all lies (`0.95` for the 95th percentile), by linear interpolation between the two nearest
   * ranks. Shares below 0 and above 1 count as these.
   */
  percentile(share: number): number {
    const sorted = this.values().sort((one, other) => one - other);
    const rank = Math.min(Math.max(share, 0), 1) * (sorted.length - 1) || 0;
    const below = Math.floor(rank);
    const low = sorted[below] as number;
    const high = sorted[below + 1] ?? low;
    return low + (high - low) * (rank - below);
  }

  /**
   * For a counter: its growth per second from the first sample to the last. A fall is a restart of the counter from zero. `null` unless
   * the samples span some time.
   */
  rate(): number | null {
    const seconds = this.#spanMs() / 1000;
    if (seconds <= 0) return null;
    let growth = 0;
    this.values().reduce((before, after) => {
      growth += after < before ? after : after - before;
      return after;
    });
    return growth / seconds;
  }

  /** The change per second of the straight line that fits best (least squares). `null` unless the samples span some time. */
  slope(): number | null {
    if (this.#spanMs() <= 0) return null;
    // Relative to the first sample: milliseconds since the epoch, squared, would lose the samples' distance.
    const firstMs = this.#timesMs[this.#from] as number;
    const points = [...this].map(([timeMs, value]) => [Math.max(timeMs - firstMs, 0) / 1000, value] as const);
    const meanTime = points.reduce((sum, [seconds]) => sum + seconds, 0) / points.length;
    const meanValue = this.mean();
    let [product, square] = [0, 0];
    for (const [seconds, value] of points) {
      const distance = seconds - meanTime;
      product += distance * (value - meanValue);
      square += distance * distance;
    }
    return square > 0 ? product / square : null;
  }

  /** The samples taken at a point in time or later; `null` if there are none. */
  since(fromMs: number): Samples | null {
    let first = this.#to;
    while (first > this.#from && (this.#timesMs[first - 1] as number) >= fromMs) first -= 1;
    return Samples.cut(this.#timesMs, this.#values, first, this.#to);
  }

  /** How old the youngest sample is at a point in time, in milliseconds; 0 for one from the future. */
  ageMs(nowMs: number): number {
    return Math.max(nowMs - this.latestMs(), 0);
  }

  /** Whether the samples reach back over at least so many milliseconds. */
  spans(spanMs: number): boolean {
    return this.#spanMs() >= spanMs;
  }

  /** The values alone, oldest first; a copy. */
  values(): number[] {
    return this.#values.slice(this.#from, this.#to);
  }

  /** Points in time (milliseconds since the Unix epoch) and values, oldest first. */
  *[Symbol.iterator](): Iterator<readonly [timeMs: number, value: number]> {
    for (let index = this.#from; index < this.#to; index++) {
      yield [this.#timesMs[index] as number, this.#values[index] as number];
    }
  }

  #spanMs(): number {
    return this.latestMs() - (this.#timesMs[this.#from] as number);
  }
}

/** Samples of one series of texts, oldest first; never empty: states to compare. */
export class Texts implements Iterable<readonly [timeMs: number, text: string]> {
  readonly #points: readonly (readonly [number, string])[];

  /** As [`Samples.cut`]. */
  static cut(timesMs: readonly number[], texts: readonly string[], from: number, to: number): Texts | null {
    if (!(from >= 0 && from < to && to <= timesMs.length && to <= texts.length)) return null;
    return new Texts(texts.slice(from, to).map((text, index) => [timesMs[from + index] as number, text]));
  }

  private constructor(points: readonly (readonly [number, string])[]) {
    this.#points = points;
  }

  /** The youngest text. */
  latest(): string {
    return (this.#points.at(-1) as readonly [number, string])[1];
  }

  /** When the youngest text was read, in milliseconds since the Unix epoch. */
  latestMs(): number {
    return (this.#points.at(-1) as readonly [number, string])[0];
  }

  /** Points in time and texts, oldest first. */
  [Symbol.iterator](): Iterator<readonly [timeMs: number, text: string]> {
    return this.#points[Symbol.iterator]();
  }
}
