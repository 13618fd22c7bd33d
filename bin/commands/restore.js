'use strict';

// `restore`: replaces a session's transcript with a snapshot, or lists the snapshots.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'restore',
  summary: "restore a session's transcript from a snapshot",
  description:
    'The tool takes a snapshot before it resumes a closed session, and before a restore, so that a restore can be undone.\nWithout --from, restores a snapshot only if it has every record of the transcript. Otherwise lists the snapshots, changes nothing, and exits with 3.\nAlso restores a session that Claude Code deleted, from its retained files.',
  arguments: [{ flags: '[session]', description: 'id, at least 3 characters of it, name, title, or path of its transcript' }],
  options: [
    { flags: '--from <name>', description: 'name of the snapshot, a prefix of it, or latest' },
    { flags: '-l, --latest', description: 'the most recently active session' },
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--dry-run', description: 'print the snapshots and what would be restored' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover restore 3f2a9c1d --dry-run', does: 'list the snapshots of a session' },
    { command: 'cc-session-recover restore 3f2a9c1d --from latest', does: 'restore the newest snapshot' },
    { command: 'cc-session-recover restore 3f2a9c1d --from 20261121T0200', does: 'restore a certain snapshot' },
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
