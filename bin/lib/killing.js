'use strict';

// Ending a client with a person's consent: shown, asked, done; and asked once more before force. `kill` and the menu of `rescue`
// do it in the same way; what is ended is decided in the addon, which refuses anything but what was shown.

const { progressOf } = require('./progress.js');
const { killedLines } = require('./screens/kill.js');

/** @typedef {import('../../src/ffi/types.js').KillOptions} KillOptions */
/** @typedef {import('../../src/ffi/types.js').KillReport} KillReport */
/** @typedef {import('./output.js').Output} Output */

/**
 * Ends what was shown. When it does not listen and `askAgain` says yes, by force.
 *
 * @param {KillReport} plan What was shown.
 * @param {KillOptions} options
 * @param {Output} io
 * @param {() => Promise<boolean>} askAgain
 * @returns {Promise<KillReport>}
 */
async function end(plan, options, io, askAgain) {
  const { loadAddon } = require('./addon.js');
  const addon = loadAddon();
  const agreed = { ...options, expected: plan.expected };
  const first = await whole(() => io.during('saving and ending it', addon.killSession(agreed), progressOf(addon)));
  if (first.outcome !== 'still-alive' || options.force || plan.way === 'stop') return first;
  io.lines(killedLines({ ...first, log: null }, { width: io.width, colours: io.colours }));
  if (!(await askAgain())) return first;
  const [saved] = first.exports;
  const again = { ...agreed, asked: true, ...(first.exports.length === 1 ? { exported: saved.path } : {}) };
  const second = await whole(() => io.during('ending it by force', addon.killSession(again), progressOf(addon)));
  return { ...second, signals: [...first.signals, ...second.signals] };
}

/**
 * Does something to its end. Ctrl-C is heeded after it, so that nothing is left half-way; a second one ends at once, and what was
 * being saved is then swept by the next export.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function whole(work) {
  let interrupted = false;
  const heed = () => {
    interrupted = true;
    process.stderr.write('\nthis step is finished first; press Ctrl-C again to end at once\n');
  };
  process.once('SIGINT', heed);
  try {
    const done = await work();
    if (interrupted) throw new Interrupted(done);
    return done;
  } finally {
    process.off('SIGINT', heed);
  }
}

/** A person pressed Ctrl-C; what was under way is done. */
class Interrupted extends Error {
  /** @param {unknown} done */
  constructor(done) {
    super('interrupted');
    this.done = done;
  }
}

/**
 * Waits for something; when a person interrupted it, what was done all the same is told before that goes on up.
 *
 * @template T
 * @param {Promise<T>} work
 * @param {(done: unknown) => void} tell
 * @returns {Promise<T>}
 */
async function toldIfInterrupted(work, tell) {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Interrupted) tell(error.done);
    throw error;
  }
}

module.exports = { Interrupted, end, toldIfInterrupted, whole };
