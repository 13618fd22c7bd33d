// Pairs: two things measured in turn in one run, so that whatever slows the machine down slows both. The ratio of the medians is the
// figure; that of the minima stands beside it, because on a busy machine it is the steadier of the two.

const WARM_UP = 3;

/**
 * @typedef {object} Figure One line of the table.
 * @property {string} what What was measured.
 * @property {string} anchor What it is measured against.
 * @property {string} [theirs] The anchor's figure, with its unit.
 * @property {string} [ours] Ours.
 * @property {number} [ratio] The figure that is judged.
 * @property {number} [minima] The same from the fastest rounds.
 * @property {string} [shown] What to print instead of the ratio.
 * @property {{most?: number, least?: number}} [bar] What has to be reached; nothing: for information.
 * @property {boolean} [ok] Judged already.
 * @property {string} [why] Why it is missing.
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

/** The middle of a sorted list. */
export function median(sorted) {
  return sorted[sorted.length >> 1];
}

/** Whether a figure reaches its bar; `null` without one. */
export function reached(figure) {
  if (figure.ok !== undefined) return figure.ok;
  if (figure.bar === undefined || figure.ratio === undefined) return figure.why === undefined ? null : false;
  return figure.ratio <= (figure.bar.most ?? Infinity) && figure.ratio >= (figure.bar.least ?? 0);
}

/** A time for people. */
export function milliseconds(time) {
  if (time >= 10_000) return `${(time / 1000).toFixed(1)} s`;
  return `${time >= 100 ? time.toFixed(0) : time.toFixed(1)} ms`;
}
