// Pairs: two subjects measured in turn in one run, so that a slower machine slows both. The ratio of the medians is the figure; the ratio
// of the minima is printed beside it, because it is the steadier one on a busy machine.

const WARM_UP = 3;

/**
 * @typedef {object} Figure One line of the table.
 * @property {string} what What was measured.
 * @property {string} anchor Reference that it is measured against.
 * @property {string} [theirs] The anchor's figure, with its unit.
 * @property {string} [ours] Ours.
 * @property {number} [ratio] Figure that is compared with the bar.
 * @property {number} [minima] Ratio of the fastest rounds.
 * @property {string} [shown] What to print instead of the ratio.
 * @property {{most?: number, least?: number}} [bar] Limits to meet; absent for information only.
 * @property {boolean} [ok] Result, if already judged.
 * @property {string} [why] Why the figure is missing.
 */

/**
 * Measures A B, B A, A B, ... Each side returns its time in milliseconds.
 *
 * @param {() => Promise<number> | number} anchor
 * @param {() => Promise<number> | number} subject
 * @param {number} rounds
 * @param {number} [warmUp]
 */
export async function pairs(anchor, subject, rounds, warmUp = WARM_UP) {
  const times = [[], []];
  const sides = [anchor, subject];
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const took = await sides[side]();
      if (round >= 0) times[side].push(took);
    }
  }
  const [theirs, ours] = times.map((list) => list.toSorted((a, b) => a - b));
  const [theirMedian, ourMedian] = [theirs, ours].map(median);
  return { theirs: theirMedian, ours: ourMedian, ratio: ourMedian / theirMedian, minima: ours[0] / theirs[0] };
}

/** Returns the middle value of a sorted list. */
export function median(sorted) {
  return sorted[sorted.length >> 1];
}

/** Whether a figure meets its bar; `null` without one. */
export function reached(figure) {
  if (figure.ok !== undefined) return figure.ok;
  if (figure.bar === undefined || figure.ratio === undefined) return figure.why === undefined ? null : false;
  return figure.ratio <= (figure.bar.most ?? Infinity) && figure.ratio >= (figure.bar.least ?? 0);
}

/** Formats milliseconds as readable text. */
export function milliseconds(time) {
  if (time >= 10_000) return `${(time / 1000).toFixed(1)} s`;
  return `${time >= 100 ? time.toFixed(0) : time.toFixed(1)} ms`;
}
