'use strict';

// The screen of `cancel`: which sessions are no longer continued.

const { cleaned } = require('../text.js');
const { homely, nextWords, shortIds } = require('../wording.js');

/**
 * @param {import('../../../src/ffi/types.js').CancelReport} report
 * @param {import('../output.js').Output} io
 */
function printCancelled(report, io) {
  const { cancelled, dryRun } = cleaned(report);
  if (cancelled.length === 0) {
    io.line('No session is waiting; nothing was cancelled.');
    return;
  }
  const short = shortIds(cancelled.map(({ session }) => session));
  const now = new Date();
  io.line(`${dryRun ? 'Would no longer be continued' : 'No longer continued'}:\n`);
  io.table(
    ['session', 'project', 'was'],
    cancelled.map(({ session, project, plan }) => [short.get(session) ?? session, homely(project ?? ''), nextWords(plan, now)]),
    ['project'],
  );
}

module.exports = { printCancelled };
