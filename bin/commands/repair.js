'use strict';

// `repair`: says what is damaged in a session's transcript and what is done about it; mends it with `--apply`.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'repair',
  summary: "mend a session's damaged transcript",
  description:
    'Without --apply it only tells: what is damaged and where, what the client does with it, what would be done, and what is lost.\nWhat the client copes with by itself is told and left as it is. With nothing to mend the exit code is 6.\nWhat was there is kept as a verified snapshot first; --rollback puts it back.',
  arguments: [{ flags: '[session]', description: 'id, at least 4 characters of it, name, title, or path of its transcript' }],
  options: [
    { flags: '-a, --apply', description: 'mend it; refused while a client has the session open', conflicts: ['rollback', 'dryRun'] },
    { flags: '-b, --branch <uuid>', description: 'make the client send the branch that this record is in', conflicts: ['rollback'] },
    { flags: '--rollback', description: 'put back what was there before the last repair', conflicts: ['dryRun'] },
    { flags: '--dry-run', description: 'only tell what would be done (the default)' },
    { flags: '-l, --latest', description: 'the session that was active last' },
    { flags: '-p, --project <dir>', description: 'only sessions of the project in this directory' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover repair 3f2a9c1d', does: 'what is damaged, and what would be done' },
    { command: 'cc-session-recover repair 3f2a9c1d --apply', does: 'mend it' },
    { command: 'cc-session-recover repair 3f2a9c1d --rollback', does: 'as it was before' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { EXIT } = require('../lib/errors.js');
    const { printRepair } = require('../lib/screens/repair.js');

    const options = {
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.latest ? { latest: true } : {}),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.apply ? { apply: true } : {}),
      ...(args.branch === undefined ? {} : { branch: args.branch }),
      ...(args.rollback ? { rollback: true } : {}),
    };
    const report = await io.during(args.apply ? 'mending the transcript' : 'reading the transcript', loadAddon().repair(options));
    if (args.json) io.json(report);
    else printRepair(report, io);
    return report.mendable === 0 && !report.switches && !report.rolledBack ? EXIT.nothingToDo : EXIT.done;
  },
};
