'use strict';

// What `pause` and `unpause` do, which differ in one word.

/**
 * @param {Record<string, any>} args
 * @param {import('./output.js').Output} io
 * @param {boolean} unpause
 */
async function change(args, io, unpause) {
  const { loadAddon } = require('./addon.js');
  const { exitOf } = require('./exit.js');
  const report = await loadAddon().pause({ ...(args.session === undefined ? {} : { session: args.session }), all: args.all === true, unpause });
  if (args.json) io.json(report);
  else {
    const what = report.session === null ? 'everything' : `session ${report.session.slice(0, 8)}`;
    const word = report.paused ? 'paused' : 'not paused';
    io.line(report.changed ? `${what[0].toUpperCase()}${what.slice(1)} is ${word}${report.paused ? '' : ' any more'}.` : `${what[0].toUpperCase()}${what.slice(1)} was ${word} already.`);
  }
  return exitOf.pause(report);
}

module.exports = { change };
