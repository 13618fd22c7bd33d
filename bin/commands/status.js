'use strict';

// `status`: what is stopped, until when, and what happens next.

const { resolve } = require('node:path');

/** Seconds between two readings while the screen is watched. */
const EVERY = 5;

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'status',
  alias: 'st',
  summary: 'show stopped and waiting sessions, when they continue, and what needs you',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '-a, --all', description: 'every project on this machine' },
    { flags: '-w, --watch', description: 'open the dashboard, read-only', conflicts: ['json'] },
    { flags: '--every <seconds>', description: `with --watch: seconds between updates (default: ${EVERY})`, parse: secondsOf },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover status', does: 'show the project in this directory' },
    { command: 'cc-session-recover status --all', does: 'show every project on this machine' },
    { command: 'cc-session-recover status --all --watch', does: 'show every project, continuously updated' },
    { command: "cc-session-recover status --json | jq '.sessions[].next'", does: 'print the next step of each session, for a script' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');

    if (args.all && args.dir !== undefined) throw new UsageError('a directory and --all cannot be used together', 'use one of them');
    if (args.every !== undefined && !args.watch) throw new UsageError('--every requires --watch', 'add --watch');
    if (args.watch && io.screen === null) throw new UsageError('the screen needs a terminal', 'omit --watch, or add --json');
    const options = args.all ? { all: true } : { project: resolve(args.dir ?? '.') };
    const read = () => loadAddon().status(options);
    if (args.watch) {
      const { canOpen, openDashboard } = require('../lib/dashboard.js');
      const view = /** @type {const} */ ({ scope: args.all ? 'all' : 'project' });
      const every = args.every === undefined ? {} : { every: args.every };
      if (canOpen(io)) return openDashboard(io, { purpose: 'watch', view, ...every, ...(args.all ? {} : { project: options.project }) });
    }
    const reading = read();
    // Load the screen while the sessions are read.
    const { printStatus } = require('../lib/screens/status.js');
    const report = await io.during('reading sessions', reading);
    if (args.watch) await watchStatus(report, read, args.every ?? EVERY, io);
    else if (args.json) io.json(report);
    else await printStatus(report, io);
  },
};

/**
 * @param {import('../../src/ffi/types.js').StatusReport} first
 * @param {() => Promise<import('../../src/ffi/types.js').StatusReport>} read
 * @param {number} every Seconds.
 * @param {import('../lib/output.js').Output} io
 */
async function watchStatus(first, read, every, io) {
  const { problemLines } = require('../lib/sessions.js');
  const { statusLines } = require('../lib/screens/status.js');
  const { truncated } = require('../lib/text.js');
  const { clock } = require('../lib/wording.js');
  const { watch } = require('../lib/watch.js');

  const { colours } = io;
  await watch({
    screen: io.screen,
    first,
    read,
    every: every * 1000,
    draw(report, now) {
      const view = { width: io.width, colours };
      const room = io.width ?? Infinity;
      const asOf = new Date(report.generatedAt);
      const foot = `As of ${clock(asOf, now)}:${String(asOf.getSeconds()).padStart(2, '0')}, Ctrl-C ends`;
      return [...statusLines(report, view, now), '', ...problemLines(report.problems, view), colours.dim(truncated(foot, room))];
    },
    more: (hidden) => colours.dim(`${hidden} more ${hidden === 1 ? 'line' : 'lines'} below`),
  });
}

/** @param {string} text */
function secondsOf(text) {
  const { UsageError } = require('../lib/errors.js');
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 86_400)) throw new UsageError(`--every takes a number of seconds, not '${text}'`, 'for example --every 10');
  return seconds;
}
