'use strict';

// `report`: what became of every stop since a time, whether or not anybody was there.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'report',
  summary: 'report what happened to stopped sessions: attempts, results, what needs you',
  description: 'Covers the last 24 hours unless --since is given. Sessions that need you come first.',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '-a, --all', description: 'every project on this machine' },
    { flags: '--since <when>', description: 'since then: 90m, 36h, 2d, 1w, yesterday, monday, a date or a time (default: 24h)' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover report', does: 'the project in this directory, the last 24 hours' },
    { command: 'cc-session-recover report --all --since 1w', does: 'everything on this machine, the last week' },
    { command: "cc-session-recover report --json | jq '.incidents[] | select(.needsYou)'", does: 'for programs' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { printReport } = require('../lib/screens/report.js');

    if (args.all && args.dir !== undefined) throw new UsageError('a directory and --all exclude each other', 'leave one of them out');
    const options = {
      ...(args.all ? { all: true } : { project: resolve(args.dir ?? '.') }),
      ...(args.since === undefined ? {} : { since: args.since }),
    };
    const report = await io.during('reading sessions', loadAddon().report(options));
    if (args.json) io.json(report);
    else printReport(report, io);
  },
};
