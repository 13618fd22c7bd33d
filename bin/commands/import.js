'use strict';

// `import`: makes an export a session again.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'import',
  summary: 'make an export a session again that Claude Code resumes',
  description:
    'Every file is verified before anything is written, and again when it is in its place. Nothing that exists is overwritten.\nThe note (HANDOFF.md) stays in the export: a project has its own.',
  arguments: [{ flags: '<export>', description: 'the directory or the .tar file that `export` has made' }],
  options: [
    { flags: '-p, --project <dir>', description: 'for the project in this directory (default: where it was)' },
    { flags: '-c, --config-dir <dir>', description: "into this configuration directory of Claude Code (default: the one in force)" },
    { flags: '--dry-run', description: 'verify the export and show what would be put where' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover import ~/backup/20261121T020000Z-LOSSLESS-3f2a9c1d-0000-4000-8000-000000000001', does: 'back to where it was' },
    { command: 'cc-session-recover import session.tar --project ~/work/moved', does: 'for a project that has moved' },
    { command: 'cc-session-recover import session.tar --dry-run', does: 'only verify it' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { progressOf } = require('../lib/progress.js');
    const { printImported } = require('../lib/screens/import.js');

    const options = {
      export: resolve(args.export),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.configDir === undefined ? {} : { configDir: resolve(args.configDir) }),
      ...(args.dryRun ? { dryRun: true } : {}),
    };
    const addon = loadAddon();
    const report = await io.during('importing', addon.importSession(options), progressOf(addon));
    if (args.json) io.json(report);
    else printImported(report, io);
  },
};
