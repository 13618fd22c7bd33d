// The plan of a corpus: one small object for each session, all drawn in advance, so that any worker can write any session and the bytes do
// not depend on the number of workers.

import { Random } from './random.mjs';
import { COMPANIES, SUBJECTS } from './vocabulary.mjs';
import { WEIGHTS } from './endings.mjs';

const SMALLEST = 1500;
const USUAL_SIGMA = 1.55;
const OLDEST_SECONDS = 120 * 86400;
/** Bytes from which a session may belong to a client that logs its requests, which takes 100 KB for the first turn alone. */
const REQUEST_LOG_FROM = 120e3;

/**
 * @typedef {object} PlannedSession
 * @property {number} seed
 * @property {string} id
 * @property {string} cwd
 * @property {number} bytes Approximate target size.
 * @property {string} ending Key of `ENDINGS`.
 * @property {boolean} current Written by the newest client.
 * @property {boolean} torn
 * @property {boolean} nul
 * @property {boolean} longTail An image, about 1 MB in one line, is among the last records.
 * @property {boolean} snapshotTail A 57 KB snapshot of the prompt follows the last message.
 * @property {number} ageSeconds
 * @property {number} titled Draw that decides who gave it a title.
 * @property {number} subagents
 * @property {string[]} needles
 */

/** @returns {{sessions: PlannedSession[], projects: string[], sigma: number}} */
export function plan(options) {
  const random = new Random(options.seed);
  const deviations = Array.from({ length: options.sessions }, () => random.normal());
  const sigma = options.sigma ?? fittedSigma(options, deviations);
  const projects = Array.from({ length: options.projects }, (_, at) => projectName(random, at));
  const popularity = Object.fromEntries(projects.map((project, at) => [project, 1 / (at + 1)]));
  const sizes = [...deviations.map((deviation) => sizeOf(options, sigma, deviation)), ...options.big];
  const sessions = sizes.map((bytes, at) => planned(options, random, popularity, at, bytes));
  return { sessions, projects, sigma };
}

function sizeOf({ median, max }, sigma, deviation) {
  return Math.max(SMALLEST, Math.min(max, median * Math.exp(sigma * deviation)));
}

/** Returns the spread with which the sizes add up to `bytes-total`, found by bisection. */
function fittedSigma(options, deviations) {
  if (options['bytes-total'] === null) return USUAL_SIGMA;
  const wanted = Math.max(0, options['bytes-total'] - options.big.reduce((sum, bytes) => sum + bytes, 0));
  let [low, high] = [0, 5];
  for (let round = 0; round < 60; round += 1) {
    const middle = (low + high) / 2;
    const total = deviations.reduce((sum, deviation) => sum + sizeOf(options, middle, deviation), 0);
    if (total < wanted) low = middle;
    else high = middle;
  }
  return low;
}

function projectName(random, at) {
  const worktree = at % 5 === 4 ? `/.worktrees/wt_${at}` : '';
  return `/home/dev/work/${random.pick(COMPANIES)}-${random.pick(SUBJECTS)}${worktree}-${at}`;
}

function planned(options, random, popularity, at, bytes) {
  const ordinary = at < options.sessions;
  const drawn = random.weighted(WEIGHTS);
  const every = Math.max(1, Math.floor(options.sessions / 5));
  return {
    seed: (options.seed * 1000003 + at * 7919) >>> 0,
    id: random.uuid(),
    cwd: random.weighted(popularity),
    bytes: Math.round(bytes),
    ending: !ordinary && (drawn === 'empty' || drawn === 'no_messages') ? 'quota_5h' : drawn,
    current: random.chance(0.6) && bytes > REQUEST_LOG_FROM,
    torn: random.chance(options.torn),
    nul: random.chance(options.nul),
    longTail: random.chance(0.01),
    snapshotTail: random.chance(0.12),
    ageSeconds: Math.round(Math.exp(random.share() * Math.log(OLDEST_SECONDS))),
    titled: random.share(),
    subagents: random.chance(options.subagents) ? random.between(1, 4) : 0,
    needles: [at % every === Math.min(2, every - 1) && 'rare', random.chance(0.05) && 'mid', random.chance(0.01) && 'unicode', random.chance(0.01) && 'escaped'].filter(Boolean),
  };
}
