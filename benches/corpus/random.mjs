// Random numbers that are the same in every run: a small counter-based generator (sfc32) and the draws a corpus needs.

const WARM_UP = 15;

export class Random {
  #state;

  constructor(seed) {
    this.#state = [seed | 0, 0x9e3779b9 ^ seed, 0x243f6a88, 1];
    for (let round = 0; round < WARM_UP; round += 1) this.bits();
  }

  /** Returns 32 random bits as a number. */
  bits() {
    const state = this.#state;
    const [a, b, c, count] = state;
    const sum = (((a + b) | 0) + count) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = (c + (c << 3)) | 0;
    state[2] = (((c << 21) | (c >>> 11)) + sum) | 0;
    state[3] = (count + 1) | 0;
    return sum >>> 0;
  }

  /** Returns a number from 0 up to but not including 1. */
  share() {
    return this.bits() / 4294967296;
  }

  /** Returns a whole number from 0 up to but not including `limit`. */
  below(limit) {
    return Math.floor(this.share() * limit);
  }

  /** Returns a whole number of this range, including both ends. */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  chance(share) {
    return this.share() < share;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** Picks a key of an object of weights. */
  weighted(weights) {
    const entries = Object.entries(weights);
    let rest = this.share() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      rest -= weight;
      if (rest < 0) return name;
    }
    return entries[0][0];
  }

  /** Returns a normally distributed number with mean 0 and deviation 1. */
  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.share())) * Math.cos(2 * Math.PI * this.share());
  }

  /** Returns a log-normally distributed size around `median`, at most `max`. */
  size(median, sigma, max) {
    return Math.min(max, Math.round(median * Math.exp(sigma * this.normal())));
  }

  hex(digits) {
    let text = '';
    while (text.length < digits) text += this.bits().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  uuid() {
    const hex = this.hex(32);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}
