'use strict';

// `log`: what was decided and done, and whether the journal is unchanged.

/** Maximum number of events shown without --limit. The JSON has all. */
const NEWEST = 50;

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'log',
  summary: 'show what this tool decided and did, and what Claude Code did by itself',
  description: 'Each line of the journal contains the hash of the line before it. --verify checks every hash and exits with 5 if a line was changed.',
  options: [
    { flags: '--session <id>', description: 'only this session: its id or the beginning of it' },
    { flags: '-e, --event <names...>', description: 'only these events, such as exported, run-ended or restored' },
    { flags: '--since <when>', description: 'only events since then: 90m, 36h, 2d, 1w, yesterday, monday, a date or a time' },
    { flags: '-n, --limit <number>', description: `number of newest events, 0 for all (default: ${NEWEST}, all with --json)` },
    { flags: '--verify', description: 'check that no line was changed, removed or added' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover log --since 2d', does: 'print the last two days' },
    { command: 'cc-session-recover log --session 3f2a9c1d', does: 'print the events of one session' },
    { command: 'cc-session-recover log --verify', does: 'check that the journal was not changed' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { printLog } = require('../lib/screens/log.js');

    if (args.limit !== undefined && !/^\d{1,9}$/.test(args.limit)) throw new UsageError(`--limit takes a whole number, not '${args.limit}'`, 'give 0 for all');
    const limit = args.limit === undefined ? (args.json ? 0 : NEWEST) : Number(args.limit);
    const options = {
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.event === undefined ? {} : { events: args.event }),
      ...(args.since === undefined ? {} : { since: args.since }),
      ...(limit === 0 ? {} : { limit }),
      ...(args.verify ? { verify: true } : {}),
    };
    const report = await io.during('reading the journal', loadAddon().log(options));
    if (args.json) io.json(report);
    else await printLog(report, io, [args.session, args.event, args.since].some((filter) => filter !== undefined));
    return exitOf.log(report);
  },
};
