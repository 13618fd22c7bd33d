'use strict';

// Shared implementation of `pause` and `unpause`.

/**
 * @param {Record<string, any>} args
 * @param {import('./output.js').Output} io
 * @param {boolean} unpause
 */
async function change(args, io, unpause) {
  const { loadAddon } = require('./addon.js');
  const { exitOf } = require('./exit.js');
  const { ownName } = require('./wording.js');
  const report = await loadAddon().pause({ ...(args.session === undefined ? {} : { session: args.session }), all: args.all === true, unpause });
  if (args.json) io.json(report);
  else {
    const what = report.session === null ? 'Everything' : `Session ${report.session.slice(0, 8)}`;
    if (report.heldByAll) {
      io.lines([`${what} is still paused, because all sessions are. End that pause with:`, `  ${io.colours.cyan(`${ownName()} pause --end`)}`]);
    } else if (report.paused) io.line(report.changed ? `${what} is paused.` : `${what} was already paused.`);
    else if (report.changed) io.line(`${what} is no longer paused.`);
    else io.line(report.session === null ? 'Nothing was paused.' : `${what} was not paused.`);
  }
  return exitOf.pause(report);
}

module.exports = { change };
