'use strict';

// `forget`: removes a session from every place where this tool has it, after showing them.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'forget',
  summary: 'remove everything this tool stored about a session',
  description:
    "Removes retained files, snapshots, outputs of runs, exports and pages in the state directory, the incident, saved states, its block in HANDOFF.md, and every entry about the session, including those in the journal. Lists the files of Claude Code and exports elsewhere, and does not touch them.",
  arguments: [{ flags: '<session>', description: 'session id, at least 3 characters of it, or a name' }],
  options: [
    { flags: '--dry-run', description: 'print what would be removed' },
    { flags: '--json', description: 'print the report as JSON; removes only with --yes' },
    { flags: '-y, --yes', description: 'do not ask' },
  ],
  examples: [
    { command: 'cc-session-recover forget 3f2a9c1d --dry-run', does: 'print what this tool and Claude Code store about a session' },
    { command: 'cc-session-recover forget 3f2a9c1d --yes', does: 'remove it without asking' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { printForgotten } = require('../lib/screens/forget.js');

    const addon = loadAddon();
    const plan = await addon.forget({ session: args.session, dryRun: true });
    if (args.dryRun || (args.json && !args.yes)) {
      if (args.json) io.json(plan);
      else printForgotten(plan, io);
      return exitOf.shown();
    }
    if (!args.yes) {
      if (!io.isTerminal) throw new UsageError('cannot ask for confirmation without a terminal', 'add --yes to remove it without a question, or --dry-run to see what would be removed');
      printForgotten(plan, io);
      if (!(await io.confirm('\nRemove them?'))) {
        io.line('Nothing was removed.');
        return exitOf.declined();
      }
    }
    const report = await addon.forget({ session: plan.session });
    if (args.json) io.json(report);
    else printForgotten(report, io);
    return exitOf.forget(report);
  },
};
