'use strict';

// `status`: what is stopped, until when, and what happens next.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'status',
  summary: 'show stopped and waiting sessions, until when, and what happens next',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '-a, --all', description: 'every project on this machine' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover status', does: 'the project in this directory' },
    { command: 'cc-session-recover status --all', does: 'everything on this machine' },
    { command: "cc-session-recover status --json | jq '.sessions[].next'", does: 'for programs' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { printStatus } = require('../lib/sessions.js');

    if (args.all && args.dir !== undefined) throw new UsageError('a directory and --all exclude each other', 'leave one of them out');
    const options = args.all ? { all: true } : { project: resolve(args.dir ?? '.') };
    const report = await io.during('reading sessions', loadAddon().status(options));
    if (args.json) io.json(report);
    else printStatus(report, io);
  },
};
