'use strict';

// `doctor`: checks whether everything is in order for recovery here.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'doctor',
  summary: 'check that recovery works here, and print how to fix what fails',
  description:
    'Checks Claude Code, the hooks and their runtime, the configuration, whether sessions are saved, HANDOFF.md, the state directory and\nthe requirements of unattended runs. Changes nothing and reads no credential. Exits with 1 if a check fails.',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '-a, --all', description: 'also print each check that passed' },
    { flags: '-q, --quiet', description: 'print only the checks that warn or fail, and nothing when there are none' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover doctor', does: 'check the project in this directory' },
    { command: 'cc-session-recover doctor ~/work/api --quiet', does: 'print only the problems of that project' },
    { command: 'cc-session-recover doctor --all', does: 'also print what each passed check found' },
    { command: 'cc-session-recover doctor --json', does: 'for a program: `ok`, and each check with its path' },
  ],

  async run(args, io) {
    const { PACKAGE_ROOT, addonFile, loadAddon } = require('../lib/addon.js');
    const { exitOf } = require('../lib/exit.js');
    const { printDoctor } = require('../lib/screens/doctor.js');

    const addon = loadAddon();
    const options = { project: resolve(args.dir ?? '.'), packageRoot: PACKAGE_ROOT, addon: addonFile(), node: process.execPath, nodeVersion: process.version };
    const report = await io.during('looking', addon.doctor(options));
    if (args.json) io.json(report);
    else printDoctor(report, io, { quiet: args.quiet === true, all: args.all === true });
    return exitOf.doctor(report);
  },
};
