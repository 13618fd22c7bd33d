'use strict';

// `relocate`: makes a verified copy of a session in another configuration directory or for another project.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'relocate',
  summary: 'copy a session to another configuration directory or project',
  description: 'The original stays. The copy is verified against it before it gets its final name. Nothing is overwritten.',
  arguments: [{ flags: '[session]', description: 'id, at least 3 characters of it, name, title, or path of its transcript' }],
  options: [
    { flags: '-t, --to <dir>', description: 'configuration directory of Claude Code, or directory of a project' },
    { flags: '--config-dir', description: 'treat the directory as a configuration directory even if it does not look like one' },
    { flags: '-l, --latest', description: 'the most recently active session' },
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--dry-run', description: 'print what would be copied' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover relocate 3f2a9c1d --to ~/.ccs/instances/work', does: 'copy a session to another account' },
    { command: 'cc-session-recover relocate --latest --to ~/work/moved --dry-run', does: 'preview a copy for a project that has moved' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { printRelocated } = require('../lib/screens/relocate.js');

    if (args.to === undefined) throw new UsageError('no destination given', 'add --to <directory>');
    const options = {
      to: resolve(args.to),
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.latest ? { latest: true } : {}),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.configDir ? { configDir: true } : {}),
      ...(args.dryRun ? { dryRun: true } : {}),
    };
    const report = await io.during('copying', loadAddon().relocate(options));
    if (args.json) io.json(report);
    else printRelocated(report, io);
  },
};
