'use strict';

// `show`: everything about one session.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'show',
  summary: 'show details of a session, and the commands to continue it',
  arguments: [{ flags: '[session]', description: 'session id, at least 3 characters of it, name or title' }],
  options: [
    { flags: '--latest', description: 'the most recently active session' },
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--json', description: 'print the session as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover show 3f2a9c1d', does: 'show one session' },
    { command: 'cc-session-recover show --latest --project .', does: 'show the latest session of this project' },
    { command: 'cc-session-recover show 3f2a9c1d --json', does: 'print the session as JSON, for a script' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { pickSession } = require('../lib/dashboard.js');
    const { UsageError } = require('../lib/errors.js');
    const { printShow } = require('../lib/screens/show.js');

    if (args.latest && args.session !== undefined) throw new UsageError('a session and --latest cannot be used together', 'use one of them');
    const session = args.session ?? (args.latest || args.json ? undefined : await pickSession('show', args, io));
    if (!args.latest && session === undefined) throw new UsageError('no session given', 'name one that `cc-session-recover list` shows, or give --latest');
    const options = {
      ...(args.latest ? { latest: true } : { session }),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
    };
    const report = await io.during('reading the session', loadAddon().show(options));
    if (args.json) io.json(report);
    else await printShow(report, io);
  },
};
