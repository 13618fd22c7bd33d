'use strict';

// `repair`: reports the damage in a session's transcript and how it can be repaired; repairs it with `--apply`.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'repair',
  summary: "repair a session's damaged transcript",
  description:
    'Without --apply, prints the damage, how the client handles it, the repair, and what would be lost.\nDamage that the client handles by itself is listed and not changed. Exits with 6 if there is nothing to repair.\nTakes a verified snapshot first; --rollback restores it.',
  arguments: [{ flags: '[session]', description: 'id, at least 3 characters of it, name, title, or path of its transcript' }],
  options: [
    { flags: '--apply', description: 'write the repair; refused while a client has the session open', conflicts: ['rollback', 'dryRun'] },
    { flags: '-b, --branch <uuid>', description: 'switch the conversation to the branch that contains this record', conflicts: ['rollback'] },
    { flags: '--rollback', description: 'restore the transcript from before the last repair', conflicts: ['dryRun'] },
    { flags: '--dry-run', description: 'print what would be done (default)' },
    { flags: '-l, --latest', description: 'the most recently active session' },
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover repair 3f2a9c1d', does: 'print the damage and the repair' },
    { command: 'cc-session-recover repair 3f2a9c1d --apply', does: 'repair it' },
    { command: 'cc-session-recover repair 3f2a9c1d --rollback', does: 'undo the last repair' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { exitOf } = require('../lib/exit.js');
    const { printRepair } = require('../lib/screens/repair.js');

    const options = {
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.latest ? { latest: true } : {}),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.apply ? { apply: true } : {}),
      ...(args.branch === undefined ? {} : { branch: args.branch }),
      ...(args.rollback ? { rollback: true } : {}),
    };
    const report = await io.during(args.apply ? 'repairing the transcript' : 'reading the transcript', loadAddon().repair(options));
    if (args.json) io.json(report);
    else printRepair(report, io);
    return exitOf.repair(report);
  },
};
