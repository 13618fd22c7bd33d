'use strict';

// `export`: saves sessions losslessly, each as a directory or an archive that says what it holds.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'export',
  summary: 'save sessions losslessly, verified byte for byte',
  description:
    'Transcript, subagents, tool results, tasks, plan, file history and note, with a manifest of sizes and hashes. The session is only\nread, and may go on meanwhile: what is saved is its beginning up to a stated length. Nothing is redacted: keep exports private.',
  arguments: [{ flags: '[session]', description: 'id, at least 4 characters of it, name, title, or path of its transcript' }],
  options: [
    { flags: '-l, --latest', description: 'the session that was active last' },
    { flags: '--active', description: 'every session that a process holds' },
    { flags: '-a, --all', description: 'every session on this machine' },
    { flags: '-p, --project <dir>', description: 'only sessions of the project in this directory' },
    { flags: '-t, --to <dir>', description: 'directory to put exports into (default: exports in the state directory)' },
    { flags: '--archive', description: 'one .tar file a session' },
    { flags: '--hash <kind>', description: 'by which files are known again: xxh3 is faster and finds accidents only', choices: ['sha256', 'xxh3'], default: 'sha256' },
    { flags: '--log <dir>', description: 'directory of SESSION-LOG-<date>.md (default: the state directory)' },
    { flags: '--dry-run', description: 'show what would be saved' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover export 3f2a9c1d', does: 'one session' },
    { command: 'cc-session-recover export --active', does: 'everything that is open, before a reboot' },
    { command: 'cc-session-recover export --all --to /mnt/backup --archive', does: 'everything, as archives elsewhere' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { EXIT, UsageError } = require('../lib/errors.js');
    const { progressOf } = require('../lib/progress.js');
    const { printExported } = require('../lib/screens/export.js');

    const chosen = [args.session !== undefined, args.latest, args.active, args.all].filter(Boolean).length;
    if (chosen === 0) throw new UsageError('which session?', 'name one that `cc-session-recover list` shows, or give --latest, --active or --all');
    if (chosen > 1) throw new UsageError('a session, --latest, --active and --all exclude each other', 'give one of them');
    const options = {
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.latest ? { latest: true } : {}),
      ...(args.active ? { active: true } : {}),
      ...(args.all ? { all: true } : {}),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.to === undefined ? {} : { to: resolve(args.to) }),
      ...(args.archive ? { archive: true } : {}),
      hash: args.hash,
      ...(args.log === undefined ? {} : { log: resolve(args.log) }),
      ...(args.dryRun ? { dryRun: true } : {}),
    };
    const addon = loadAddon();
    const report = await io.during('exporting', addon.exportSessions(options), progressOf(addon));
    if (args.json) io.json(report);
    else printExported(report, io);
    return Math.max(EXIT.done, ...report.failures.map((/** @type {{exitCode: number}} */ { exitCode }) => exitCode));
  },
};
