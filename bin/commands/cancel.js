'use strict';

// `cancel`: prevents a stopped session from being continued.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'cancel',
  summary: 'do not continue a stopped session',
  description: 'Ends the wait for a session, and its unattended run if one is in progress. The transcript and the note are not changed.',
  arguments: [{ flags: '[session]', description: 'session id, at least 3 characters of it, or a name' }],
  options: [
    { flags: '-a, --all', description: 'every waiting or held session' },
    { flags: '--dry-run', description: 'print what would be cancelled' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover cancel 3f2a9c1d', does: 'cancel one session' },
    { command: 'cc-session-recover cancel --all --dry-run', does: 'list the sessions that would be cancelled' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { printCancelled } = require('../lib/screens/cancel.js');

    if (args.all && args.session !== undefined) throw new UsageError('a session and --all cannot be used together', 'use one of them');
    if (!args.all && args.session === undefined) throw new UsageError('no session given', 'name one that `cc-session-recover status` shows, or give --all');
    const options = args.all ? { all: true } : { session: args.session };
    const report = await loadAddon().cancel({ ...options, dryRun: args.dryRun === true });
    if (args.json) io.json(report);
    else printCancelled(report, io);
    return exitOf.cancel(report);
  },
};
