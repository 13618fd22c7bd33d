'use strict';

// `doctor`: whether everything is in order for recovery here.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'doctor',
  summary: 'check that everything is in order for recovery here, and say what to do where it is not',
  description:
    'It looks at Claude Code, the hooks, their runtime, the configuration, whether sessions are saved, the note, our own files, and\nwhat unattended runs need. It changes nothing and reads no credential. Exit code 1 when something fails.',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '-q, --quiet', description: 'only what is not in order' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover doctor', does: 'the project in this directory' },
    { command: 'cc-session-recover doctor ~/work/api --quiet', does: 'only what is wrong with that one' },
    { command: 'cc-session-recover doctor --json', does: 'for a program: `ok`, and each check with its path' },
  ],

  async run(args, io) {
    const { PACKAGE_ROOT, addonFile, loadAddon } = require('../lib/addon.js');
    const { EXIT } = require('../lib/errors.js');
    const { printDoctor } = require('../lib/screens/doctor.js');

    const addon = loadAddon();
    const options = { project: resolve(args.dir ?? '.'), packageRoot: PACKAGE_ROOT, addon: addonFile(), node: process.execPath, nodeVersion: process.version };
    const report = await io.during('looking', addon.doctor(options));
    if (args.json) io.json(report);
    else printDoctor(report, io, { quiet: args.quiet === true });
    return report.ok ? EXIT.done : EXIT.failed;
  },
};
