'use strict';

// `import`: restores an export as a resumable session.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'import',
  summary: 'restore an export as a session that Claude Code can resume',
  description:
    'Verifies every file before and after writing. Overwrites nothing. HANDOFF.md stays in the export, because the project has its own.',
  arguments: [{ flags: '<export>', description: 'directory or .tar file written by `export`' }],
  options: [
    { flags: '-p, --project <dir>', description: 'project directory to import it for (default: its own)' },
    { flags: '-c, --config-dir <dir>', description: "configuration directory of Claude Code (default: the current one)" },
    { flags: '--dry-run', description: 'verify the export and print what would be written where' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover import ~/backup/20261121T020000Z-LOSSLESS-3f2a9c1d-0000-4000-8000-000000000001', does: 'restore it to its original project' },
    { command: 'cc-session-recover import session.tar --project ~/work/moved', does: 'restore it for a project that has moved' },
    { command: 'cc-session-recover import session.tar --dry-run', does: 'only verify it, and print what would be written' },
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
