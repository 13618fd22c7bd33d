'use strict';

// Ends a client with the user's consent: shows the plan, asks, and ends it; asks again before force. `kill` and the menu of `rescue` use
// the same steps. The addon decides what to end and refuses anything that was not shown.

const { progressOf } = require('./progress.js');
const { killedLines } = require('./screens/kill.js');

/** @typedef {import('../../src/ffi/types.js').KillOptions} KillOptions */
/** @typedef {import('../../src/ffi/types.js').KillReport} KillReport */
/** @typedef {import('./output.js').Output} Output */

/**
 * Ends the processes of the plan. If they do not end and `askAgain` agrees, ends them by force.
 *
 * @param {KillReport} plan The plan that the user has seen.
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
 * Completes a piece of work. Ctrl-C takes effect afterwards, so that no step is left incomplete. A second Ctrl-C ends the process at
 * once, and the next export removes the incomplete one.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function whole(work) {
  let interrupted = false;
  const heed = () => {
    interrupted = true;
    process.stderr.write('\nfinishing this step; press Ctrl-C again to stop at once\n');
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

/** The user pressed Ctrl-C; the work in progress was completed first. */
class Interrupted extends Error {
  /** @param {unknown} done */
  constructor(done) {
    super('interrupted');
    this.done = done;
  }
}

/**
 * Waits for the work. If the user interrupted it, reports the completed part with `tell` before the error is passed on.
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
