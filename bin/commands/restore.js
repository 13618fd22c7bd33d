'use strict';

// `restore`: puts a snapshot back over a session's transcript, or lists the snapshots there are.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'restore',
  summary: "restore a session's transcript from a snapshot",
  description:
    'A snapshot is taken before a closed session is resumed, and before a restore, so that a restore can be undone.\nWith several snapshots and no --from it lists them and changes nothing (exit code 3).',
  arguments: [{ flags: '[session]', description: 'id, at least 3 characters of it, name, title, or path of its transcript' }],
  options: [
    { flags: '--from <name>', description: 'snapshot: its name, a prefix, or latest' },
    { flags: '-l, --latest', description: 'the most recently active session' },
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--dry-run', description: 'print the snapshots and what would be restored' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover restore 3f2a9c1d --dry-run', does: 'the snapshots of a session' },
    { command: 'cc-session-recover restore 3f2a9c1d --from latest', does: 'from before the last run' },
    { command: 'cc-session-recover restore 3f2a9c1d --from 20261121T0200', does: 'a certain snapshot' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { exitOf } = require('../lib/exit.js');
    const { printRestored } = require('../lib/screens/restore.js');

    const options = {
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.latest ? { latest: true } : {}),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.from === undefined ? {} : { from: args.from }),
      ...(args.dryRun ? { dryRun: true } : {}),
    };
    const report = await io.during('reading snapshots', loadAddon().restore(options));
    if (args.json) io.json(report);
    else printRestored(report, io);
    return exitOf.restore(report);
  },
};
